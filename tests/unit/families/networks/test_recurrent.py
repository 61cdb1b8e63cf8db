"""The recurrent family: its scan, counts, causality, time scales, and that it remembers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.families.networks.recurrent import RecurrentModel, linear_recurrence
from epiplexity_jax.families.spec import Task
from tests.unit.families.toys import (
    CONDITIONAL,
    SCATTERED,
    TASKS,
    count,
    inputs_of,
    logits_of,
    losses,
    perturbed,
)


def loop(decay, added):
    """The recurrence as its equation has it, one position at a time."""
    state, states = jnp.zeros_like(added[:, 0]), []
    for t in range(added.shape[1]):
        state = decay[:, t] * state + added[:, t]
        states.append(state)
    return jnp.stack(states, axis=1)


@pytest.mark.parametrize("length", [1, 2, 13])
def test_the_scan_is_the_loop_forwards_and_in_its_gradient(length):
    keys = jax.random.split(jax.random.key(0), 3)
    decay = jax.nn.sigmoid(3 * jax.random.normal(keys[0], (2, length, 4)))
    added, weights = jax.random.normal(keys[1], (2, 2, length, 4))
    np.testing.assert_allclose(linear_recurrence(decay, added), loop(decay, added), atol=1e-5)

    def slopes(function):
        return jax.grad(lambda a, b: (weights * function(a, b)).sum(), (0, 1))(decay, added)

    for fast, slow in zip(slopes(linear_recurrence), slopes(loop), strict=True):
        assert np.any(slow) or length == 1  # with one position nothing decays
        np.testing.assert_allclose(fast, slow, atol=1e-5)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize(("width", "depth"), [(16, 1), (48, 2)])
def test_params_and_flops_are_counted_exactly(task, width, depth):
    model = RecurrentModel(width, depth, task)
    rows = task.features or task.num_input_ids
    block = 12 * width**2 + 7 * width
    expected = rows * width + depth * block + width + width * task.vocab_size
    assert model.cost.params == count(jax.eval_shape(model.init, jax.random.key(0))) == expected
    assert model.cost.train_flops_per_token == 6 * expected + 36 * width * depth
    assert model.cost.eval_flops_per_token == 2 * expected + 12 * width * depth


@pytest.mark.parametrize("task", [CONDITIONAL, SCATTERED], ids=["conditional", "scattered"])
def test_paid_positions_are_rows_of_the_full_prediction(task):
    everywhere = Task(
        task.vocab_size,
        task.length,
        (task.has_bos,) + (True,) * (task.length - 1),
        task.input_vocab_size,
    )
    params = perturbed(RecurrentModel(16, 2, task))
    inputs = inputs_of(task)
    few = logits_of(RecurrentModel(16, 2, task), params, inputs)
    full = logits_of(RecurrentModel(16, 2, everywhere), params, inputs)
    np.testing.assert_allclose(few, full[:, np.array(task.target_positions)], atol=2e-5)


def test_time_scales_start_log_spaced_up_to_the_input_length():
    model = RecurrentModel(16, 1, Task(3, 65, (False,) + (True,) * 64))
    params = jax.jit(model.init)(jax.random.key(0))
    decay = params["block_0"]["recurrence"]["decay"]
    scales = -1.0 / np.log(jax.nn.sigmoid(decay))
    np.testing.assert_allclose(scales, np.geomspace(1, 64, 16), rtol=1e-3)


def test_gates_of_any_size_leave_gradients_finite():
    task = TASKS["text"]
    model = RecurrentModel(16, 1, task)
    params = perturbed(model)
    slopes = jax.jit(jax.grad(lambda p: (model.logits(p, inputs_of(task)) ** 2).sum()))
    for size in (-1e4, 1e4):
        params["block_0"]["recurrence"]["decay"] = jnp.full(16, size)
        grads = slopes(params)
        assert all(np.isfinite(g).all() for g in jax.tree.leaves(grads))


def test_it_remembers_the_first_token():
    task = Task(4, 17, (False,) * 16 + (True,))

    def draw(key):
        tokens = jax.random.randint(key, (64, 16), 0, 4)
        return jnp.concatenate([tokens, tokens[:, :1]], axis=1)

    curve = losses(RecurrentModel(32, 1, task), task, draw, steps=300, rate=0.1)
    assert curve[:5].mean() == pytest.approx(np.log(4), abs=0.05)
    assert curve[-20:].mean() < 0.2
