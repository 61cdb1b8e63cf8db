"""The loop of a transfer: its schedule, a slow twin, frozen parameters, members that end early."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from epiplexity_jax import sources
from epiplexity_jax.engine.step import sequence_losses
from epiplexity_jax.probing.loop import Schedule, make_probe, score_batch, train_members
from epiplexity_jax.probing.options import TransferOptions
from epiplexity_jax.probing.parameters import take_over, trained_names
from epiplexity_jax.probing.target import open_target, target_task, with_start
from epiplexity_jax.sources.opening import open_source
from tests.unit.probing.made import make_member, next_cell

OPTIONS = TransferOptions(steps=6, batch_size=8, warmup=0.5, heldout_tokens=64, train="readout")


@pytest.fixture(scope="module")
def target():
    return open_target(next_cell(800), OPTIONS)


def begin(seed=0, train="readout", *, target):
    """A probe and the parameters of a member that was trained with a start token."""
    info = open_source(sources.Noise(vocab_size=3, length=8)).info
    member = make_member(info, seed=seed)
    task, start = target_task(member.model.task, target.info)
    model = member.model_for(task)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    fresh = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    params = take_over(member.weights, fresh, False)
    return make_probe(model, start, trained_names(params, train, 1), OPTIONS), params


def test_the_rate_warms_up_and_falls_to_nothing():
    schedule = Schedule(np.int32(10), np.int32(4))
    rates = [float(schedule.rate(jnp.int32(t), jnp.float32(2.0))) for t in range(10)]
    up = [2.0 * (t + 1) / 4 for t in range(4)]
    down = [2.0 * (10 - t) / 6 for t in range(4, 10)]
    np.testing.assert_allclose(rates, up + down, rtol=1e-6)


@pytest.mark.parametrize("train", ["readout", "last_blocks", "all"])
def test_only_what_learns_changes_and_the_rest_stays_to_the_bit(train, target):
    probe, params = begin(train=train, target=target)
    (found,) = train_members(probe, [params], [0.1], target, OPTIONS)
    changed = {
        name
        for name, leaf in params.items()
        if not all(map(np.array_equal, jax.tree.leaves(leaf), jax.tree.leaves(found.params[name])))
    }
    assert changed == set(probe.names)
    assert found.finite


def test_the_loop_is_a_plain_loop_with_optax(target):
    probe, params = begin(target=target)
    (found,) = train_members(probe, [params], [0.1], target, OPTIONS)
    adam = optax.chain(
        optax.clip_by_global_norm(1.0), optax.scale_by_adam(b1=0.9, b2=0.95, eps=1e-20)
    )
    weights = jax.tree.map(jnp.asarray, params)
    state, chunk = adam.init(weights["readout"]), target.stream(8).chunk(0, 6, 6)
    schedule, losses = Schedule(6, 3), []

    @jax.jit
    def step(own, batch):
        return sequence_losses(probe.model, {**weights, "readout": own}, batch).mean()

    for t in range(6):
        loss, grad = jax.value_and_grad(step)(weights["readout"], with_start(chunk[t], probe.start))
        losses.append(8 * float(loss))
        move, state = adam.update(grad, state)
        rate = schedule.rate(jnp.int32(t), jnp.float32(0.1)) / 8  # muP: over the fan-in
        weights["readout"] = jax.tree.map(lambda w, d, r=rate: w - r * d, weights["readout"], move)
    np.testing.assert_allclose(found.train_nats, losses, rtol=1e-5)
    np.testing.assert_allclose(
        found.params["readout"]["kernel"], weights["readout"]["kernel"], rtol=1e-4, atol=1e-6
    )
    batch = with_start(target.heldout[0], probe.start)
    nats, labels, right = jax.jit(score_batch, static_argnums=0)(probe.model, weights, batch)
    np.testing.assert_allclose(found.nats, nats, rtol=1e-4)
    assert (found.labels.tolist(), found.right.tolist()) == (labels.tolist(), right.tolist())


def test_a_member_has_the_same_bits_whatever_is_beside_it(target):
    probe, params = begin(target=target)
    _, other = begin(seed=1, target=target)
    (alone,) = train_members(probe, [params], [0.1], target, OPTIONS)
    done = []
    _, beside = train_members(probe, [other, params], [0.3, 0.1], target, OPTIONS, done.append)
    assert sum(done) == 12
    for one, same in ((alone.nats, beside.nats), (alone.train_nats, beside.train_nats)):
        assert np.array_equal(one, same)


def test_a_loss_that_is_not_finite_ends_its_member_alone(target):
    probe, params = begin(target=target)
    broken = params | {"token_embedding": np.full_like(params["token_embedding"], np.nan)}
    found, other = train_members(probe, [broken, params], [0.1, 0.1], target, OPTIONS)
    assert not found.finite
    assert found.train_nats.size == 0
    assert not np.any(found.params["readout"]["kernel"])
    assert other.finite
    assert other.train_nats.size == 6
    assert np.isfinite(other.nats).all()


def test_labels_that_vary_are_counted():
    drawn = np.random.default_rng(0)
    rows, mask = drawn.integers(0, 3, (400, 6)), drawn.random((400, 6)) < 0.5
    ragged = open_target(sources.from_array(rows, mask=mask, vocab_size=3), OPTIONS)
    probe, params = begin(target=ragged)
    (found,) = train_members(probe, [params], [0.1], ragged, OPTIONS)
    masks = np.asarray(ragged.heldout.mask).reshape(-1, 6)
    assert found.labels.tolist() == masks.sum(1).tolist()
    assert (found.right <= found.labels).all()
    assert np.array_equal(found.nats > 0, masks.any(1))
    chunk = ragged.stream(8).chunk(0, 6, 6)
    assert found.train_labels.tolist() == np.asarray(chunk.mask).sum((1, 2)).tolist()
