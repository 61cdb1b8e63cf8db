"""Parameters on a target: the learnt ones to the bit, and those that learn by name."""

import jax
import numpy as np
import pytest

from epiplexity_jax import sources
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.step import sequence_losses
from epiplexity_jax.families.spec import Task
from epiplexity_jax.probing.loop import score_batch
from epiplexity_jax.probing.parameters import keeps_readout, take_over, trained_names
from epiplexity_jax.probing.target import target_task, with_start
from epiplexity_jax.sources.opening import open_source
from tests.unit.probing.made import make_member, next_cell

FAMILIES = {"transformer": {}, "recurrent": {}, "mlp": {"window": 4}}


def shapes(model):
    found = jax.eval_shape(model.init, jax.random.key(0))
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), found)


def noise(length, vocab_size=5):
    return open_source(sources.Noise(vocab_size=vocab_size, length=length)).info


def on_target(member, info, keep=True):
    task, start = target_task(member.model.task, info)
    model = member.model_for(task)
    return model, start, take_over(member.weights, shapes(model), keep)


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("length", [8, 5])
def test_a_member_reads_a_target_as_it_read_its_own_data(kind, length):
    """Also a target of shorter sequences: losses of their tokens are those in longer ones."""
    member = make_member(noise(8), kind, **FAMILIES[kind])
    whole = np.random.default_rng(0).integers(0, 5, (16, 8)).astype(np.int32)
    model, start, params = on_target(member, noise(length))
    batch = whole[:, :length]
    found, labels, _ = jax.jit(score_batch, static_argnums=0)(
        model, params, with_start(batch, start)
    )
    assert labels.tolist() == [length] * 16
    logits = jax.jit(member.model.logits)(member.weights, _inputs(member, whole))[:, :length]
    chosen = jax.nn.log_softmax(logits)[np.arange(16)[:, None], np.arange(length), batch]
    np.testing.assert_allclose(found, -chosen.sum(-1), rtol=2e-5)
    if length == 8:
        own = jax.jit(sequence_losses, static_argnums=0)(member.model, member.weights, whole)
        np.testing.assert_allclose(found, own, rtol=2e-5)


def _inputs(member, tokens):
    start = np.full((len(tokens), 1), member.model.task.num_input_ids - 1, np.int32)
    return np.concatenate([start, tokens[:, :-1]], axis=1)


def test_a_new_readout_is_zero_and_all_else_is_learnt():
    member = make_member(noise(8))
    _, _, params = on_target(member, next_cell(100).info, keep=False)
    assert not np.any(params["readout"]["kernel"])
    assert params["readout"]["kernel"].shape == (8, 2)
    assert np.array_equal(params["token_embedding"], member.weights["token_embedding"])
    learnt = member.weights["position_embedding"]
    assert np.array_equal(params["position_embedding"], learnt[:7])
    for name in ("block_0", "block_1", "final_norm"):
        jax.tree.map(np.testing.assert_array_equal, params[name], member.weights[name])


@pytest.mark.parametrize(
    ("kind", "length", "message"),
    [
        ("transformer", 9, "have 9 input positions and the members were trained on 8; bring fewer"),
        ("mlp", 3, "'projection'.*was learnt as .32, 8. and would have to be .24, 8.; bring"),
    ],
)
def test_what_was_not_learnt_is_refused(kind, length, message):
    member = make_member(noise(8), kind, **FAMILIES[kind])
    with pytest.raises(ConfigError, match=message):
        on_target(member, noise(length))


def test_the_readout_is_kept_where_the_alphabet_is_the_same():
    five, two = Task(5, 4, (True,) * 4), Task(2, 4, (False,) * 3 + (True,))
    assert keeps_readout("auto", five, five)
    assert keeps_readout("keep", five, five)
    assert not keeps_readout("new", five, five)
    assert not keeps_readout("auto", five, two)
    with pytest.raises(ConfigError, match="readout: keep needs a target with 5 label symbols"):
        keeps_readout("keep", five, two)


def test_the_parameters_that_learn():
    params = make_member(noise(8)).weights
    assert trained_names(params, "readout", 1) == ("readout",)
    assert set(trained_names(params, "all", 1)) == set(params)
    assert set(trained_names(params, "last_blocks", 1)) == {"block_1", "final_norm", "readout"}
    two = set(trained_names(params, "last_blocks", 2))
    assert two == {"block_0", "block_1", "final_norm", "readout"}
    with pytest.raises(ConfigError, match="blocks: a model has 2, fewer than 3"):
        trained_names(params, "last_blocks", 3)
    with pytest.raises(ConfigError, match="no parameters named 'readout'"):
        trained_names({"w": params["block_0"]}, "readout", 1)
