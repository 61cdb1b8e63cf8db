"""Area between a loss curve and its floor: record points, and sums over the steps between them.

A loss known at record points is interpolated by PCHIP (Fritsch and Carlson 1980, 'Monotone
piecewise cubic interpolation') in log(1 + step) and summed over the integer steps, not integrated:
each step codes one batch.

Axis letters: R record points, S integer steps.
"""

import functools

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import checks

_CHUNK = 1 << 20
_MANY = 4096  # points above which segments are summed together


def record_points(steps: int, per_decade: int = 16) -> Int64[np.ndarray, " points"]:
    """Choose the steps after which a run is measured: 0, a log-spaced grid, and the last step.

    The grid is absolute, so that runs of different length share their points.

    Args:
        steps: steps of the run, at least 1.
        per_decade: points per factor of 10 in steps; where they would fall on the same integer
            there are fewer.

    Returns:
        [R] int64, increasing, from 0 to `steps`.

    Raises:
        ConfigError: when an argument is below 1.

    >>> record_points(12, per_decade=4).tolist()
    [0, 1, 2, 3, 6, 10, 12]
    """
    if steps < 1 or per_decade < 1:
        raise ConfigError(f"steps and per_decade must be at least 1, got {steps} and {per_decade}")
    decades = np.log10(steps)
    grid = np.rint(10.0 ** (np.arange(int(decades * per_decade) + 2) / per_decade))
    points = np.concatenate([[0], grid[grid < steps], [steps]])
    return np.unique(points.astype(np.int64))


def interpolate_sum(steps: ArrayLike, values: ArrayLike) -> checks.Curve:
    """Sum a curve over all integer steps before each record point.

    Entry i is the sum over s = 0 .. steps[i] - 1 of the value at s, the loss of the model after s
    steps, which scores batch s + 1.

    Args:
        steps: [R] integers, increasing from 0.
        values: [..., R] the curve at the record points, any unit.

    Returns:
        [..., R] float64 in the unit of `values`; entry 0 is 0.

    Raises:
        ConfigError: when the shapes differ, steps do not increase from 0, or a value is not finite.

    >>> interpolate_sum([0, 1, 4], [2.0, 2.0, 2.0]).tolist()
    [0.0, 2.0, 8.0]
    """
    points, curve = checks.curve(steps, values, "values")
    if len(points) == 1:
        return np.zeros_like(curve)
    x = np.log1p(points)
    slopes = PchipInterpolator(x, curve, axis=-1).derivative()(x)
    width = np.diff(x)
    left, left_slope, right, right_slope = _basis_sums(tuple(points.tolist()))
    segments = (
        left * curve[..., :-1]
        + right * curve[..., 1:]
        + width * (left_slope * slopes[..., :-1] + right_slope * slopes[..., 1:])
    )
    start = np.zeros((*curve.shape[:-1], 1))
    return np.concatenate([start, np.cumsum(segments, axis=-1)], axis=-1)


def interpolation_error(steps: ArrayLike, values: ArrayLike) -> checks.Values:
    """Error of `interpolate_sum` up to the last point: its change without every other record point.

    Returns:
        [...] float64 in the unit of `values`; 0 below three points, as there is nothing to drop.

    >>> float(interpolation_error([0, 1, 2, 3], [5.0, 5.0, 5.0, 5.0]))
    0.0
    """
    points, curve = checks.curve(steps, values, "values")
    if len(points) < 3:
        return np.zeros(curve.shape[:-1])[()]
    kept = np.union1d(np.arange(0, len(points), 2), [len(points) - 1])
    whole = interpolate_sum(points, curve)[..., -1]
    return np.abs(whole - interpolate_sum(points[kept], curve[..., kept])[..., -1])


def segment_weights(steps: ArrayLike) -> Float64[np.ndarray, "2 segments"]:
    """Weights of a segment's two ends in the sum over its integer steps, where the curve is flat.

    Together they are the number of its steps. For errors of single record points:
    `interpolate_sum` has slopes on top, which depend on several.

    Args:
        steps: [R] integers, increasing from 0.

    Returns:
        [2, R - 1] of the left and of the right end.

    >>> segment_weights([0, 1, 4]).sum(axis=0).tolist()
    [1.0, 3.0]
    """
    points, _ = checks.curve(steps, np.zeros(np.size(steps)), "steps")
    left, _, right, _ = _basis_sums(tuple(points.tolist()))
    return np.stack([left, right])


@functools.lru_cache(maxsize=256)
def _basis_sums(points: tuple[int, ...]) -> Float64[np.ndarray, "4 segments"]:
    """Sum the four cubic Hermite basis functions over the integer steps of every segment.

    With these sums a segment's sum is linear in values and slopes, whatever its length.
    """
    steps = np.array(points, dtype=np.int64)
    if len(points) > _MANY:
        return _many_basis_sums(steps)
    x = np.log1p(steps.astype(np.float64))
    sums = np.zeros((4, len(points) - 1))
    for i, (first, last) in enumerate(zip(points[:-1], points[1:], strict=True)):
        for begin in range(first, last, _CHUNK):
            s = np.arange(begin, min(begin + _CHUNK, last), dtype=np.float64)
            t = (np.log1p(s) - x[i]) / (x[i + 1] - x[i])
            sums[:, i] += [b.sum() for b in _basis(t)]
    return sums


def _many_basis_sums(steps: Int64[np.ndarray, " points"]) -> Float64[np.ndarray, "4 segments"]:
    """The same sums for many segments at once, a chunk of steps at a time."""
    x = np.log1p(steps.astype(np.float64))
    sums = np.zeros((4, steps.size - 1))
    for begin in range(int(steps[0]), int(steps[-1]), _CHUNK):
        s = np.arange(begin, min(begin + _CHUNK, int(steps[-1])), dtype=np.int64)
        segment = np.searchsorted(steps, s, side="right") - 1
        t = (np.log1p(s.astype(np.float64)) - x[segment]) / (x[segment + 1] - x[segment])
        starts = np.flatnonzero(np.diff(segment, prepend=-1))
        for row, values in enumerate(_basis(t)):
            sums[row, segment[starts]] += np.add.reduceat(values, starts)
    return sums


def _basis(t: Float64[np.ndarray, " steps"]) -> tuple[Float64[np.ndarray, " steps"], ...]:
    """Cubic Hermite basis functions at places 0 to 1: of values and slopes, left and right."""
    left_slope, right = t * (1 - t) ** 2, t * t * (3 - 2 * t)
    return 1 - right, left_slope, right, t * t * (t - 1)
