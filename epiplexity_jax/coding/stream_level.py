"""The level of a training stream over held-out data, both scored by the same weights.

Every batch is scored before the model learns it, so the stream is a fresh sample of what the
held-out set samples, too, and a much larger one: the difference between the two is the error of the
held-out set (docs/frontier.md). The held-out losses at record points carry the
shape of the curve, so that no form has to be assumed for it, and the jitter of raw weights, so that
both sides have it.

Axis letters: R record point, Q unit error, I interval between record points, I = R - 1.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import checks
from epiplexity_jax.coding.area import interpolate_sum, segment_weights

PARTS = (0.75, 0.5, 0.25)
"""Last parts of training that may be averaged; the one with the least variance is taken."""

Intervals = Float64[np.ndarray, " intervals"]


class StreamLevel(NamedTuple):
    """The stream's loss less the held-out loss late in training, nats per label token.

    Attributes:
        nats: the difference; a positive one says that the held-out set is easier than the stream.
        weights: [I] of the intervals' sums in it.
        points: [R] of the held-out losses at record points, which are taken from it.
        sampling_var: variance from the spread between the stream's sequences, nats^2.
        misfit_var: variance that comes on top where the intervals scatter by more than the errors
            of both sides explain, nats^2.
        heldout_var: variance from the errors of the held-out losses at record points, nats^2.
    """

    nats: float
    weights: Intervals
    points: Float64[np.ndarray, " points"]
    sampling_var: float
    misfit_var: float
    heldout_var: float

    @property
    def variance(self) -> float:
        """Variance of the difference for a given held-out set, nats^2."""
        return self.sampling_var + self.misfit_var + self.heldout_var


def stream_level(
    steps: ArrayLike,
    sums_nats: ArrayLike,
    sums_var: ArrayLike,
    heldout_nats: ArrayLike,
    heldout_errors: ArrayLike,
    label_tokens: ArrayLike,
) -> StreamLevel | None:
    """Compare a stream with held-out losses that the same weights score at record points.

    Args:
        steps: [R] record points, increasing from 0.
        sums_nats: [R] sum of the online losses up to each, nats.
        sums_var: [R] variance of that sum from the spread between sequences, nats^2.
        heldout_nats: [R] losses of the held-out set, nats per label token.
        heldout_errors: [Q, R] by how much each of Q independent unit errors moves them; those that
            all record points share are the held-out set's own and not among them.
        label_tokens: [R] label tokens of the stream up to each.

    Returns:
        The difference; None where fewer than three intervals lie in every part, or one has no label
        tokens.

    Raises:
        ConfigError: when shapes differ, steps do not increase from 0 or a number is not finite.

    >>> import numpy as np
    >>> steps = np.array([0, 10, 20, 30, 40])
    >>> heldout, exact = np.full(5, 0.4), np.zeros((1, 5))
    >>> round(stream_level(steps, 5.0 * steps, steps, heldout, exact, 10 * steps).nats, 12)
    0.1
    """
    points, sums = checks.curve(steps, sums_nats, "sums_nats")
    _, heldout = checks.curve(steps, heldout_nats, "heldout_nats")
    moved = checks.finite("heldout_errors", heldout_errors)
    variances = checks.not_negative("sums_var", sums_var)
    labels = checks.not_negative("label_tokens", label_tokens)
    found = [one.shape for one in (sums, variances, heldout, labels)]
    if set(found) != {points.shape} or moved.ndim != 2 or moved.shape[1] != points.size:
        raise ConfigError(
            "sums_nats, sums_var, heldout_nats, label_tokens, heldout_errors: expected four of [R] "
            f"and [Q, R], got {', '.join(map(str, found))} and {moved.shape}"
        )
    length, tokens = np.diff(points), np.diff(labels)
    if not (tokens > 0).all():
        return None  # an interval without labels has no level
    spread = np.maximum(np.diff(variances), 0.0) / tokens**2
    above = np.diff(sums) / tokens - np.diff(interpolate_sum(points, heldout)) / length
    ends = segment_weights(points) / length
    within = moved[:, :-1] * ends[0] + moved[:, 1:] * ends[1]
    levels = []
    for part in PARTS:
        used = points[:-1] >= (1.0 - part) * points[-1]
        if used.sum() > 2:
            share = np.where(used, length, 0) / length[used].sum()
            of_points = np.append(share * ends[0], 0.0) + np.append(0.0, share * ends[1])
            parts = _variances(share, above, spread, within)
            levels.append(StreamLevel(float(share @ above), share / tokens, of_points, *parts))
    return min(levels, key=lambda level: level.variance, default=None)


def _variances(
    share: Intervals,
    above: Intervals,
    own_var: Intervals,
    moved: Float64[np.ndarray, "q intervals"],
) -> tuple[float, float, float]:
    """Variances of the mean difference: by sampling, by scatter beyond that, by held-out errors.

    Args:
        share: [I] weights of the intervals.
        above: [I] differences of the intervals, nats per label token.
        own_var: [I] variances of the stream's side, independent between intervals.
        moved: [Q, I] by how much each unit error moves the held-out side.
    """
    nats, used = float(share @ above), share > 0
    sampling = float(share**2 @ own_var)
    heldout = float(np.sum((moved @ share) ** 2))
    # Scatter around the mean as the intervals have it, and as the known errors would make it.
    freedom = 1.0 - np.sum(share**2)
    scatter = float(share[used] @ (above[used] - nats) ** 2) / freedom
    apart = float(share @ (own_var + np.sum(moved**2, axis=0)))
    expected = (apart - sampling - heldout) / freedom
    misfit = max(scatter - expected, 0.0) * float(np.sum(share**2))
    return sampling, misfit, heldout
