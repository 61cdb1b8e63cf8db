"""Real numbers at some positions: embeddings, gradients, sampling, and who refuses them."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.step import loss_gradient, shift
from epiplexity_jax.families import open_family, registry, user_model
from epiplexity_jax.families.networks.layers import embed
from epiplexity_jax.families.networks.mlp import MlpModel
from epiplexity_jax.families.networks.recurrent import RecurrentModel
from epiplexity_jax.families.networks.transformer import TransformerModel
from epiplexity_jax.families.sampling import sample, sample_by_forward
from epiplexity_jax.families.spec import Size, Task, task_for
from epiplexity_jax.sources.spec import SourceInfo, WithReals
from tests.unit.families.toys import perturbed

BATCH, R = 6, 3
MASKS = {
    "prefix": ((1, 2, 4), (False,) * 6 + (True,) * 5),
    "apart": ((0, 3), (False,) * 4 + (True, False, True, False, False, True)),
    "behind a label": ((1, 4), (True, False, True, True, False, True)),
}
TASKS = {
    name: Task(4, len(mask), mask, input_vocab_size=5, real_positions=places, real_width=R)
    for name, (places, mask) in MASKS.items()
}
MODELS = {
    "transformer": functools.partial(TransformerModel, 16, 2),
    "recurrent": functools.partial(RecurrentModel, 16, 2),
    "mlp": functools.partial(MlpModel, 16, 1, window=3),
    "mlp of everything": functools.partial(MlpModel, 16, 1, window=None),
}
models = pytest.mark.parametrize("name", MODELS)
tasks = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def batch_of(task, seed=0):
    generator = np.random.default_rng(seed)
    tokens = generator.integers(0, 4, (BATCH, task.length)).astype(np.int32)
    reals = generator.standard_normal((BATCH, len(task.real_positions), R), np.float32)
    return WithReals(jnp.asarray(tokens), jnp.asarray(reals))


class _Embedding(nn.Module):
    """A module that is an embedding of 8 dimensions and nothing else."""

    task: Task

    @nn.compact
    def __call__(self, inputs):
        return embed(self, self.task, 8, inputs)


@tasks
def test_reals_stand_in_the_first_dimensions_of_the_embedding(task):
    """Against loops, with the gradient that reaches the table."""
    inputs, _ = shift(batch_of(task), task)
    generator = np.random.default_rng(1)
    table = generator.standard_normal((task.num_input_ids, 8)).astype(np.float32)
    weights = generator.standard_normal((BATCH, task.input_length, 8)).astype(np.float32)
    expected, gradient = np.zeros_like(weights), np.zeros_like(table)
    for i, row in enumerate(np.asarray(inputs.tokens)):
        for place, token in enumerate(row):
            own = np.ones(8, bool)
            expected[i, place] = table[token]
            if place in task.real_inputs:
                vector = inputs.reals[i, task.real_inputs.index(place)]
                expected[i, place, :R], own[:R] = vector, False
            gradient[token] += own * weights[i, place]
    found, pull = jax.vjp(
        lambda table: _Embedding(task).apply({"params": {"token_embedding": table}}, inputs),
        jnp.asarray(table),
    )
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(pull(jnp.asarray(weights))[0], gradient, rtol=1e-5, atol=1e-5)


@models
def test_the_network_reads_what_the_table_would_say(name):
    """A vector equal to the first dimensions of its token's embedding changes nothing."""
    task = TASKS["prefix"]
    plain = Task(4, task.length, task.label_mask, input_vocab_size=5)
    model, twin = MODELS[name](task), MODELS[name](plain)
    assert model.cost == twin.cost
    params, batch = perturbed(model), batch_of(task)
    table = params["token_embedding"]
    places = np.asarray(task.real_positions)
    same = batch._replace(reals=table[batch.tokens[:, places], :R])
    losses, grads = loss_gradient(model, params, same, None)
    expected, whole = loss_gradient(twin, params, batch.tokens, None)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for path, leaf in jax.tree_util.tree_leaves_with_path(grads):
        if "token_embedding" not in jax.tree_util.keystr(path):
            other = functools.reduce(lambda tree, key: tree[key.key], path, whole)
            np.testing.assert_allclose(leaf, other, rtol=1e-3, atol=1e-5)
    moved, _ = loss_gradient(model, params, batch, None)
    assert np.abs(moved - losses).max() > 1e-3


@tasks
@models
def test_all_ways_draw_the_same_and_reals_are_kept(name, task):
    model, batch, key = MODELS[name](task), batch_of(task), jax.random.key(7)

    @jax.jit
    def both(params, batch):
        drawn, logits = sample(model, params, batch, key)
        slow, _ = sample_by_forward(model, params, batch, key)
        return drawn, logits, slow, model.logits(params, shift(drawn, task)[0])

    drawn, logits, slow, full = jax.tree.map(np.asarray, both(perturbed(model), batch))
    np.testing.assert_array_equal(drawn.tokens, slow.tokens)
    np.testing.assert_array_equal(drawn.reals, batch.reals)
    np.testing.assert_allclose(logits, full, atol=1e-5)
    assert np.std(full) > 0.1
    inputs = ~np.asarray(task.label_mask)
    np.testing.assert_array_equal(drawn.tokens[:, inputs], np.asarray(batch.tokens)[:, inputs])
    other = batch._replace(reals=batch.reals + 1)
    assert np.abs(np.asarray(both(perturbed(model), other)[1]) - logits).max() > 1e-3


@pytest.mark.parametrize(("kind", "width", "has"), [("transformer", 16, 16), ("mlp", 64, 32)])
def test_vectors_wider_than_the_embedding_are_refused(kind, width, has):
    task = Task(4, 3, (False, True, True), real_positions=(0,), real_width=has + 1)
    family = open_family(registry.parse({"kind": kind}, "family"))
    with pytest.raises(ConfigError, match=f"of {has + 1} dimensions or more.*got {has} of {kind}"):
        family.model(Size.of(width=width, depth=1), task, "float32", "cpu")
    fits = Task(4, 3, (False, True, True), real_positions=(0,), real_width=has)
    assert family.model(Size.of(width=width, depth=1), fits, "float32", "cpu").task == fits


def test_families_of_tokens_alone_refuse_reals():
    info = SourceInfo(
        vocab_size=4,
        length=3,
        label_mask=np.array([False, True, True]),
        fingerprint="x",
        real_positions=(0,),
        real_width=2,
    )

    class Own:
        init = staticmethod(lambda key: {})
        apply = staticmethod(lambda params, tokens: tokens)

    configs = [registry.parse({"kind": "ngram"}, "family"), user_model(Own())]
    for config in configs:
        sentence = f"^family.kind: {config.kind} reads tokens alone, and the source gives real"
        with pytest.raises(ConfigError, match=sentence):
            task_for(open_family(config), info)
