"""Arguments of lengths: errors name the argument and the value."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import checks


@pytest.mark.parametrize(
    ("check", "values", "message"),
    [
        (checks.numbers, ["a"], "x: expected numbers in an array of regular shape"),
        (checks.numbers, [[1], [1, 2]], "x: expected numbers in an array of regular shape"),
        (checks.finite, [1, np.nan], "x: must be finite; leave a diverged run out"),
        (checks.not_negative, [0, -2], "x: must be finite and not negative, got -2"),
        (checks.positive, 0, "x: must be finite and positive, got 0"),
    ],
)
def test_a_wrong_value_is_named(check, values, message):
    with pytest.raises(ConfigError) as refused:
        check("x", values)
    assert str(refused.value) == message


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(ConfigError, match=r"do not fit each other: a \(2,\), b \(3,\)"):
        checks.fitting(a=np.zeros(2), b=np.zeros(3))


@pytest.mark.parametrize(
    ("steps", "values", "message"),
    [
        ([[0]], [1.0], "steps: expected one or more whole numbers"),
        ([], [], "steps: expected one or more whole numbers"),
        ([0, 0.5], [1.0, 1.0], "steps: expected one or more whole numbers"),
        ([1, 2], [1.0, 1.0], "steps: must increase from 0"),
        ([0, 2, 2], [1.0, 1.0, 1.0], "steps: must increase from 0"),
        ([0, 1], [1.0], r"x: expected 2 in the last axis, got \(1,\)"),
        ([0], 1.0, r"x: expected 1 in the last axis, got \(\)"),
    ],
)
def test_a_curve_needs_rising_steps_and_a_value_at_each(steps, values, message):
    with pytest.raises(ConfigError, match=message):
        checks.curve(steps, values, "x")


def test_a_curve_of_whole_numbers_becomes_float64():
    points, curve = checks.curve([0.0, 3.0], [[1, 2], [3, 4]], "x")
    assert (points.dtype, curve.dtype) == (np.int64, np.float64)
    assert curve.shape == (2, 2)
