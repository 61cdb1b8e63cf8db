"""Sampling: draws follow the model, every way of computing them is the same, inputs are kept."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from jax.sharding import Mesh, PartitionSpec

from epiplexity_jax.engine.step import shift
from epiplexity_jax.families import open_family, sampling, user_model
from epiplexity_jax.families.networks.mlp import MlpModel
from epiplexity_jax.families.networks.recurrent import RecurrentModel
from epiplexity_jax.families.networks.transformer import TransformerModel
from epiplexity_jax.families.sampling import sample, sample_by_forward
from epiplexity_jax.families.spec import Decoder, Size, Task
from epiplexity_jax.sources.spec import Vectors
from tests.unit.families.toys import CONDITIONAL, SCATTERED, TEXT, TRANSLATED, VECTORS

BATCH = 16
IRREGULAR = Task(5, 12, tuple(i in (2, 3, 7, 10) for i in range(12)))
FIRST = Task(3, 8, (True,) * 3 + (False,) * 5)  # labels, then inputs that nothing reads
TASKS = {
    "text": TEXT,
    "conditional": CONDITIONAL,
    "scattered": SCATTERED,
    "irregular": IRREGULAR,
    "translated": TRANSLATED,
    "first": FIRST,
}
MODELS = {
    "transformer 1": functools.partial(TransformerModel, 16, 1),
    "transformer 2": functools.partial(TransformerModel, 16, 2),
    "recurrent 1": functools.partial(RecurrentModel, 16, 1),
    "recurrent 2": functools.partial(RecurrentModel, 16, 2),
    "mlp": functools.partial(MlpModel, 16, 1, window=4),
    "mlp of everything": functools.partial(MlpModel, 16, 1, window=None),
}
CASES = [
    ("transformer 1", "text"),
    ("transformer 1", "translated"),
    ("transformer 1", "irregular"),
    ("transformer 2", "first"),
    ("transformer 2", "conditional"),
    ("transformer 2", "scattered"),
    ("recurrent 1", "text"),
    ("recurrent 1", "translated"),
    ("recurrent 1", "irregular"),
    ("recurrent 2", "first"),
    ("recurrent 2", "conditional"),
    ("recurrent 2", "scattered"),
    ("mlp", "text"),
    ("mlp", "irregular"),
    ("mlp of everything", "scattered"),
]
KEY = jax.random.key(7)


def batch_of(task, seed=3, size=BATCH):
    """[size, L] tokens: inputs of their alphabet, labels of theirs."""
    generator = np.random.default_rng(seed)
    tokens = generator.integers(0, task.input_vocab_size or task.vocab_size, (size, task.length))
    labels = np.flatnonzero(task.label_mask)
    tokens[:, labels] = generator.integers(0, task.vocab_size, (size, len(labels)))
    return tokens.astype(np.int32)


@functools.cache
def program(model, function):
    """(params, batch, key) to what a function samples, as NumPy arrays."""
    run = jax.jit(lambda params, batch, key: function(model, params, batch, key))
    return lambda *arguments: jax.tree.map(np.asarray, run(*arguments))


@functools.cache
def params_of(model, seed=0):
    """Parameters with nothing at zero: an untrained readout would hide all that precedes it."""
    noise = np.random.default_rng(seed)

    def draw(path, leaf):
        centre = float(path[-1].key == "weight")
        return (centre + 0.3 * noise.standard_normal(leaf.shape)).astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, jax.eval_shape(model.init, KEY))


@pytest.mark.parametrize(("name", "kind"), CASES, ids=[" ".join(case) for case in CASES])
def test_all_ways_draw_the_same_and_logits_are_those_of_the_full_pass(name, kind):
    task = TASKS[kind]
    model, batch = MODELS[name](task), batch_of(task)
    assert isinstance(model, Decoder)

    @jax.jit
    def both(params, batch):
        drawn, logits = sample(model, params, batch, KEY)
        slow, _ = sample_by_forward(model, params, batch, KEY)
        return drawn, logits, slow, model.logits(params, shift(drawn, task)[0])

    drawn, logits, slow, full = map(np.asarray, both(params_of(model), batch))
    np.testing.assert_array_equal(drawn, slow)
    assert logits.shape == (BATCH, task.label_tokens, task.vocab_size)
    assert logits.dtype == jnp.float32
    assert np.std(full) > 0.3  # the model says something
    np.testing.assert_allclose(logits, full, atol=1e-5)
    labels = np.asarray(task.label_mask)
    np.testing.assert_array_equal(drawn[:, ~labels], batch[:, ~labels])
    assert drawn.dtype == batch.dtype
    assert 0 <= drawn[:, labels].min() < drawn[:, labels].max() < task.vocab_size


@pytest.mark.parametrize("kind", ["irregular", "text"])
@pytest.mark.parametrize("size", [4, BATCH])
def test_slices_of_a_batch_draw_the_same(kind, size):
    task = TASKS[kind]
    model, batch = MODELS["transformer 1"](task), batch_of(task)

    def sliced(model, params, batch, key):
        parts = [sample(model, params, batch[n : n + size], key, n) for n in range(0, BATCH, size)]
        return jax.tree.map(lambda *each: jnp.concatenate(each), *parts)

    whole, logits = program(model, sample)(params_of(model), batch, KEY)
    drawn, own = program(model, sliced)(params_of(model), batch, KEY)
    np.testing.assert_array_equal(drawn, whole)
    np.testing.assert_allclose(own, logits, atol=1e-5)


@pytest.mark.parametrize("name", ["transformer 1", "mlp"])
def test_keys_alone_decide_and_given_labels_are_not_looked_at(name):
    task = TASKS["irregular"]
    model, batch = MODELS[name](task), batch_of(task)
    run, params = program(model, sample), params_of(model)
    one, logits = run(params, batch, KEY)
    labels = np.asarray(task.label_mask)
    others = np.where(labels, (batch + 1) % task.vocab_size, batch)
    again, same = run(params, others, KEY)
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(logits, same)
    other = run(params, batch, jax.random.key(8))[0]
    assert (other[:, labels] != one[:, labels]).mean() > 0.3
    assert (other[:, ~labels] == one[:, ~labels]).all()


def test_a_cache_that_grows_changes_nothing(monkeypatch):
    """Longer sequences are read in several loops, each with more room: here of two steps each."""
    task = TASKS["irregular"]
    model, batch = MODELS["transformer 1"](task), batch_of(task)
    params = params_of(model)
    one = program(model, sample)(params, batch, KEY)
    monkeypatch.setattr(sampling, "ROOM", 2)
    assert len(sampling._loops(model, BATCH, sampling._steps(task))) == 4
    run = jax.jit(lambda params, batch, key: sample(model, params, batch, key))
    drawn, logits = run(params, batch, KEY)
    np.testing.assert_array_equal(drawn, one[0])
    np.testing.assert_allclose(logits, one[1], atol=1e-5)


@pytest.mark.parametrize("paid", [(100, 350, 600), range(1, 700), (5, 6), (1, 2, 400, 699)])
def test_every_step_is_in_one_loop(paid):
    task = Task(3, 701, tuple(i in paid for i in range(701)))
    steps = sampling._steps(task)
    loops = sampling._loops(MODELS["transformer 1"](task), BATCH, steps)
    assert 1 <= len(loops) <= sampling.MOST_LOOPS
    parts = [list(range(len(steps.starts))[loop]) for loop in loops]
    assert all(parts)
    assert sum(parts, []) == list(range(len(steps.starts)))
    assert len(sampling._loops(MODELS["recurrent 1"](task), BATCH, steps)) == 1


TINY = {
    "unconditional": Task(3, 3, (True,) * 3),
    "conditional": Task(3, 4, (False, False, True, True)),
    "interleaved": Task(3, 4, (False, True, False, True)),
}


@pytest.mark.parametrize(
    ("build", "function", "kind"),
    [
        (TransformerModel, sample, "unconditional"),
        (TransformerModel, sample, "conditional"),
        (TransformerModel, sample, "interleaved"),
        (TransformerModel, sample_by_forward, "unconditional"),
        (TransformerModel, sample_by_forward, "conditional"),
        (RecurrentModel, sample, "unconditional"),
        (RecurrentModel, sample, "conditional"),
    ],
)
def test_frequencies_are_the_model_s_probabilities(build, function, kind):
    """Every sequence's count among 100,000 against its probability: a chi-square test."""
    task = TINY[kind]
    model, count = build(8, 1, task), 100_000
    params = params_of(model)
    labels = np.flatnonzero(task.label_mask)
    given = np.tile(np.array([[2, 0, 1, 0]], np.int32), (count, 1))[:, : task.length]
    drawn = np.asarray(program(model, function)(params, given, KEY)[0])[:, labels]
    counts = np.bincount((drawn * 3 ** np.arange(len(labels))).sum(-1), minlength=3 ** len(labels))
    every = np.array(list(itertools.product(range(3), repeat=len(labels))))[:, ::-1]
    sequences = given[: len(every)].copy()
    sequences[:, labels] = every
    logits = np.asarray(jax.jit(lambda p, x: model.logits(p, shift(x, task)[0]))(params, sequences))
    log_probs = scipy.special.log_softmax(logits.astype(float), axis=-1)
    exact = np.exp(np.take_along_axis(log_probs, every[..., None], -1).sum((1, 2)))
    assert exact.sum() == pytest.approx(1.0, abs=1e-5)
    assert 5 < count * exact.min() < count * exact.max() / 4  # many of each, far from uniform
    assert scipy.stats.chisquare(counts, count * exact / exact.sum()).pvalue > 1e-3


def test_labels_of_vectors_follow_the_model():
    model, count = TransformerModel(16, 1, VECTORS), 100_000
    params, x = params_of(model), np.random.default_rng(1).standard_normal((1, 5), np.float32)
    batch = Vectors(np.tile(x, (count, 1)), np.zeros((count, 1), np.int32))
    drawn, logits = program(model, sample)(params, batch, KEY)
    np.testing.assert_array_equal(drawn.inputs, batch.inputs)
    assert drawn.labels.shape == (count, 1)
    assert logits.shape == (count, 1, 4)
    exact = scipy.special.softmax(logits[0, 0].astype(float))
    assert exact.max() > 2 * exact.min()
    counts = np.bincount(drawn.labels[:, 0], minlength=4)
    assert scipy.stats.chisquare(counts, count * exact / exact.sum()).pvalue > 1e-3


def test_one_label_takes_one_pass():
    """A label that is alone needs no cache, and its logits are those of the real inputs."""
    task = Task(3, 6, (False,) * 5 + (True,))
    model, batch = TransformerModel(16, 1, task), batch_of(task)
    params = params_of(model)
    drawn, logits = program(model, sample)(params, batch, KEY)
    np.testing.assert_array_equal(drawn[:, :-1], batch[:, :-1])
    full = jax.jit(model.logits)(params, batch[:, :-1])
    np.testing.assert_allclose(logits, full, atol=1e-5)
    for number, each in enumerate(logits):
        expected = jax.random.categorical(jax.random.fold_in(KEY, number), each)
        assert drawn[number, -1] == expected


class Counting:
    """Predicts the token after the one that it reads."""

    def init(self, key):
        del key
        return {"scale": jnp.full((1, 1, 1), 50.0)}

    def apply(self, params, tokens):
        return params["scale"] * jax.nn.one_hot((tokens + 1) % 7, 7)


def test_an_own_model_is_sampled():
    task = Task(7, 9, (False,) + (True,) * 3 + (False,) * 2 + (True,) * 3)
    model = open_family(user_model(Counting())).model(Size.of(name="model"), task, "float32", "cpu")
    assert not isinstance(model, Decoder)
    params, batch = jax.jit(model.init)(KEY), batch_of(task)
    drawn, logits = jax.jit(lambda p, b, k: sample(model, p, b, k))(params, batch, KEY)
    assert logits.shape == (BATCH, 6, 7)
    for label in np.flatnonzero(task.label_mask):
        np.testing.assert_array_equal(drawn[:, label], (drawn[:, label - 1] + 1) % 7)
    inputs = ~np.asarray(task.label_mask)
    np.testing.assert_array_equal(drawn[:, inputs], batch[:, inputs])


@pytest.mark.parametrize("name", ["transformer 1", "recurrent 1"])
def test_members_side_by_side_equal_those_one_by_one(name):
    """vmapped, and sharded with a map and a cond inside: as the engine runs its members."""
    task = TASKS["irregular"]
    model = MODELS[name](task)
    members = [params_of(model, seed) for seed in range(4)]
    batches = np.stack([batch_of(task, seed) for seed in range(4)])
    keys = jax.random.split(KEY, 4)
    stacked = jax.tree.map(lambda *x: np.stack(x), *members)

    def one(params, batch, key):
        return sample(model, params, batch, key)

    def gated(each):
        params, batch, key = each
        nothing = (batch, jnp.zeros((BATCH, task.label_tokens, task.vocab_size)))
        return jax.lax.cond(batch[0, 0] >= 0, lambda: one(params, batch, key), lambda: nothing)

    mesh = Mesh(np.array(jax.devices()[:2]), ("member",))
    spec = PartitionSpec("member")
    sharded = jax.shard_map(
        lambda *args: jax.lax.map(gated, args),
        mesh=mesh,
        in_specs=spec,
        out_specs=spec,
        check_vma=False,
    )
    single = program(model, sample)
    for function in (jax.vmap(one), sharded):
        drawn, logits = map(np.asarray, jax.jit(function)(stacked, batches, keys))
        for i, params in enumerate(members):
            alone, its = single(params, batches[i], keys[i])
            np.testing.assert_array_equal(drawn[i], alone)
            np.testing.assert_allclose(logits[i], its, atol=1e-5)
    assert (drawn[0] != drawn[1]).any()


@pytest.mark.parametrize("build", [TransformerModel, RecurrentModel])
def test_half_precision_stays_close(build):
    """Its logits are those of the full pass in half precision, up to its rounding."""
    task = TASKS["text"]
    half_model, model = build(16, 1, task, "bfloat16"), build(16, 1, task)

    @jax.jit
    def run(params, batch):
        drawn, logits = sample(half_model, params, batch, KEY)
        inputs = shift(drawn, task)[0]
        return logits, half_model.logits(params, inputs), model.logits(params, inputs)

    logits, half, exact = map(np.asarray, run(params_of(model), batch_of(task)))
    assert logits.dtype == np.float32
    assert 0 < np.abs(logits - exact).max() < 0.1 * np.abs(exact).max()
    assert np.abs(logits - half).mean() <= np.abs(half - exact).mean()


def test_caches_are_in_the_compute_dtype_and_states_in_float32():
    shapes = {
        build: jax.eval_shape(lambda build=build: build(16, 2, TEXT, "bfloat16").empty_cache(3, 5))
        for build in (TransformerModel, RecurrentModel)
    }
    for cache in shapes[TransformerModel]:
        assert cache.keys.shape == cache.values.shape == (3, 5, 16)
        assert cache.keys.dtype == cache.values.dtype == jnp.bfloat16
    for memory in shapes[RecurrentModel]:
        assert memory.state.dtype == jnp.float32
        assert memory.recent.dtype == jnp.bfloat16
