"""Checks of the arguments of lengths, which may be lists; each error names the argument."""

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import ArrayLike

from epiplexity_jax.base.errors import ConfigError

Array = Float64[np.ndarray, "..."]
Curve = Float64[np.ndarray, "*members points"]
Values = Array | float  # a float (of float64) where every argument is a number


def numbers(name: str, values: ArrayLike) -> Array:
    """Convert values to a float64 array.

    Raises:
        ConfigError: when they are no numbers, or rows of different length.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigError(f"{name}: expected numbers in an array of regular shape") from None


def finite(name: str, values: ArrayLike) -> Array:
    """Convert losses to float64.

    Raises:
        ConfigError: when one is NaN or infinite.
    """
    array = numbers(name, values)
    if not np.isfinite(array).all():
        raise ConfigError(f"{name}: must be finite; leave a diverged run out")
    return array


def not_negative(name: str, values: ArrayLike) -> Array:
    """Convert finite numbers of 0 or more to float64; others raise a ConfigError."""
    array = numbers(name, values)
    return _accepted(name, "must be finite and not negative", array, array >= 0)


def positive(name: str, values: ArrayLike) -> Array:
    """Convert finite numbers above 0 to float64; others raise a ConfigError."""
    array = numbers(name, values)
    return _accepted(name, "must be finite and positive", array, array > 0)


def fitting(**arrays: Array) -> None:
    """Check that arrays broadcast against each other.

    Raises:
        ConfigError: when they do not, with their shapes.
    """
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ConfigError(f"shapes do not fit each other: {shapes}") from None


def curve(
    steps: ArrayLike, values: ArrayLike, name: str
) -> tuple[Int64[np.ndarray, " points"], Curve]:
    """Return record points as int64 and a curve at them as float64.

    Args:
        steps: [R] whole numbers, increasing from 0.
        values: [..., R] the curve at these steps, finite, any unit.
        name: the curve's name in messages.

    Raises:
        ConfigError: when they are not so.
    """
    points, array = numbers("steps", steps), finite(name, values)
    if points.ndim != 1 or not points.size or not (points == np.rint(points)).all():
        raise ConfigError("steps: expected one or more whole numbers in one dimension")
    if points[0] != 0 or (np.diff(points) <= 0).any():
        raise ConfigError("steps: must increase from 0, the untrained model")
    if not array.ndim or array.shape[-1] != points.size:
        raise ConfigError(f"{name}: expected {points.size} in the last axis, got {array.shape}")
    return points.astype(np.int64), array


def _accepted(
    name: str, rule: str, array: Array, right: Bool[np.ndarray, "..."] | np.bool_
) -> Array:
    wrong = ~(np.isfinite(array) & right)
    if np.any(wrong):
        raise ConfigError(f"{name}: {rule}, got {array[wrong].flat[0]:g}")
    return array
