"""Adam, warm-up and the EMA against their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.engine.optimiser import BETAS, Window, average, descend, optimiser, warmup


def test_directions_are_those_of_adam_with_gradients_clipped_at_norm_one():
    transform, params = optimiser(), {"a": jnp.zeros(2)}
    state, m, v = transform.init(params), np.zeros(2), np.zeros(2)
    for t, gradient in enumerate(([3.0, 4.0], [0.1, -0.2], [0.0, 0.5])):
        found, state = transform.update({"a": jnp.array(gradient)}, state)
        clipped = np.array(gradient) / max(1.0, np.linalg.norm(gradient))
        m = BETAS[0] * m + (1 - BETAS[0]) * clipped
        v = BETAS[1] * v + (1 - BETAS[1]) * clipped**2
        scaled = m / (1 - BETAS[0] ** (t + 1)), v / (1 - BETAS[1] ** (t + 1))
        np.testing.assert_allclose(jax.tree.leaves(found)[0], scaled[0] / np.sqrt(scaled[1]), 1e-5)


@pytest.mark.parametrize(
    ("step", "steps", "expected"),
    [(0, 4, 0.1), (2, 4, 0.3), (3, 4, 0.4), (90, 4, 0.4), (0, 0, 0.4)],
)
def test_rates_rise_linearly_and_stay(step, steps, expected):
    assert float(warmup(jnp.int32(step), 0.4, steps)) == pytest.approx(expected)


def test_each_leaf_descends_at_its_own_rate():
    params = {"a": jnp.ones(2), "b": jnp.ones(2)}
    found = descend(params, params, jnp.float32(0.5), {"a": 1.0, "b": 0.1})
    np.testing.assert_allclose(found["a"], 0.5)
    np.testing.assert_allclose(found["b"], 0.95)


def test_an_average_is_the_mean_until_its_window_is_full():
    values, ema = np.array([4.0, 8.0, 3.0, 5.0], np.float32), jnp.float32(100.0)
    for t, value in enumerate(values[:3]):
        ema = average(ema, jnp.float32(value), jnp.int32(t), Window(3, 1.0))
        assert float(ema) == pytest.approx(values[: t + 1].mean())
    last = average(ema, jnp.float32(values[3]), jnp.int32(3), Window(3, 1.0))
    assert float(last) == pytest.approx(5.0)  # a third of the way from 5 to 5


@pytest.mark.parametrize(
    ("window", "step", "span"),
    [
        (Window(), 0, 1),
        (Window(), 8, 1),
        (Window(), 99, 10),
        (Window(8), 99, 8),
        (Window(8, 0.1, 5), 19, 5),
        (Window(8, 0.1, 5), 2, 3),  # never longer than the training so far
        (Window(50, 1.0), 9, 10),
    ],
)
def test_a_window_grows_between_its_least_and_its_most(window, step, span):
    found = average(jnp.float32(0.0), jnp.float32(1.0), jnp.int32(step), window)
    assert float(found) == pytest.approx(1.0 / span)
