"""One step of one member: what is read and predicted, slices, and what is not finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.engine import step
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.state import Hyperparameters, StepStatus, initial_state
from epiplexity_jax.families.spec import Task
from epiplexity_jax.sources.spec import Vectors
from tests.unit.engine import reference
from tests.unit.engine.jobs import model_of
from tests.unit.engine.toys import cycle

TOKENS = np.arange(8, dtype=np.uint8).reshape(2, 4)


def test_a_start_token_precedes_sequences_whose_first_token_is_a_label():
    inputs, labels = step.shift(TOKENS, Task(8, 4, (True,) * 4))
    assert inputs.tolist() == [[8, 0, 1, 2], [8, 4, 5, 6]]
    assert labels.tolist() == TOKENS.tolist()
    assert labels.dtype == inputs.dtype == jnp.int32


def test_labels_are_the_masked_tokens_and_vectors_are_read_whole():
    inputs, labels = step.shift(TOKENS, Task(8, 4, (False, False, True, True)))
    assert inputs.tolist() == [[0, 1, 2], [4, 5, 6]]
    assert labels.tolist() == [[2, 3], [6, 7]]
    batch = Vectors(np.ones((2, 3), np.float32), np.array([[1], [0]], np.uint8))
    inputs, labels = step.shift(batch, Task(2, 2, (False, True), features=3))
    assert inputs is batch.inputs
    assert labels.tolist() == [[1], [0]]


@pytest.fixture(scope="module")
def member():
    """A model, its state and a batch [8, 16]."""
    model = model_of(cycle())
    batch = np.random.default_rng(0).integers(0, 8, (8, 16), np.int32)
    return model, initial_state(jax.jit(model.init)(jax.random.key(1))), batch


def test_losses_are_those_of_a_log_softmax(member):
    model, state, batch = member
    params = jax.tree.map(lambda x: x + 0.1, state.params)
    found = jax.jit(lambda p: step.sequence_losses(model, p, batch))(params)
    expected = jax.jit(lambda p: reference.losses(model, p, batch))(params)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_work_in_slices_sums_and_keeps_the_order_of_sequences():
    batch = np.arange(12.0, dtype=np.float32).reshape(6, 2)
    work = lambda part: (part.sum(0), {"each": part[:, 0] * 2})  # noqa: E731
    for size in (None, 6, 2, 1):
        total, results = step.in_slices(work, jnp.zeros(2), batch, size)
        np.testing.assert_allclose(total, batch.sum(0))
        np.testing.assert_allclose(results["each"], batch[:, 0] * 2)


def test_a_gradient_is_of_the_mean_loss_per_label_token(member):
    model, state, batch = member
    losses, grads = jax.jit(lambda p: step.loss_gradient(model, p, batch, 4))(state.params)
    mean = jax.jit(jax.grad(lambda p: reference.losses(model, p, batch).sum() / (8 * 16)))
    expected = mean(state.params)
    assert losses.shape == (8,)
    for one, other in zip(jax.tree.leaves(grads), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_the_variance_of_a_sum_comes_from_the_spread_of_sequences():
    losses = np.array([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0]], np.float32)
    total, variance = step.sum_and_variance(jnp.asarray(losses))
    np.testing.assert_allclose(total, [7.0, 9.0])
    np.testing.assert_allclose(variance, 3 * losses.var(axis=1, ddof=1), rtol=1e-6)
    assert step.sum_and_variance(jnp.ones(1))[1] == 0.0


def test_a_loss_that_is_not_finite_leaves_the_weights_and_ends_the_member(member):
    model, state, batch = member
    broken = state.replace(params=jax.tree.map(lambda x: x * jnp.nan, state.params))
    run = jax.jit(
        lambda s: step.train_step(model, s, batch, Hyperparameters(0.03, 5, Window(10, 1.0)))
    )
    after, info = run(broken)
    assert info.status == StepStatus.NOT_FINITE
    assert not after.active
    assert after.step == 0
    jax.tree.map(np.testing.assert_array_equal, after.params, broken.params)
    good, info = run(state)
    assert info.status == StepStatus.OK
    assert good.active
    assert good.step == 1
