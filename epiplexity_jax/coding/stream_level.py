"""The level of a training stream over held-out data, both scored by the same weights.

Every batch is scored before the model learns it, so the stream is a fresh sample of what the
held-out set samples, too, and a much larger one: the difference between the two is the error of the
held-out set (docs/frontier.md). The held-out losses at record points carry the
shape of the curve, so that no form has to be assumed for it, and the jitter of raw weights, so that
both sides have it.

Axis letters: R record point, B held-out block, I interval between record points, I = R - 1.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import checks
from epiplexity_jax.coding.area import interpolate_sum

PARTS = (0.75, 0.5, 0.25)
"""Last parts of training that may be averaged; the one with the least variance is taken."""

Intervals = Float64[np.ndarray, " intervals"]


class StreamLevel(NamedTuple):
    """The stream's loss less the held-out loss late in training, nats per label token.

    Attributes:
        nats: the difference; a positive one says that the held-out set is easier than the stream.
        weights: [I] of the intervals' sums in it.
        blocks: [B] each held-out block's own difference, less that of the final weights: what the
            pairing between record points leaves.
        sampling_var: variance from the spread between the stream's sequences, nats^2.
        misfit_var: variance that comes on top where the intervals scatter by more, nats^2.
    """

    nats: float
    weights: Intervals
    blocks: Float64[np.ndarray, " blocks"]
    sampling_var: float
    misfit_var: float

    @property
    def variance(self) -> float:
        """Variance of the difference for a given held-out set, nats^2."""
        count = len(self.blocks)
        paired = self.blocks.var(ddof=1) / count if count > 1 else 0.0
        return self.sampling_var + self.misfit_var + float(paired)


def stream_level(
    steps: ArrayLike,
    sums_nats: ArrayLike,
    sums_var: ArrayLike,
    heldout_nats: ArrayLike,
    label_tokens_per_step: float,
    label_tokens: ArrayLike | None = None,
) -> StreamLevel | None:
    """Compare a stream with held-out blocks that the same weights score at record points.

    Args:
        steps: [R] record points, increasing from 0.
        sums_nats: [R] sum of the online losses up to each, nats.
        sums_var: [R] variance of that sum from the spread between sequences, nats^2.
        heldout_nats: [B, R] losses of the held-out blocks, nats per label token.
        label_tokens_per_step: label tokens of a batch.
        label_tokens: [R] label tokens up to each, where batches differ in them.

    Returns:
        The difference; None where fewer than three intervals lie in every part.

    Raises:
        ConfigError: when shapes differ, steps do not increase from 0 or a number is not finite.

    >>> import numpy as np
    >>> steps = np.array([0, 10, 20, 30, 40])
    >>> round(stream_level(steps, 5.0 * steps, steps, np.full((1, 5), 0.4), 10).nats, 12)
    0.1
    """
    points, sums = checks.curve(steps, sums_nats, "sums_nats")
    _, blocks = checks.curve(steps, heldout_nats, "heldout_nats")
    variances = checks.not_negative("sums_var", sums_var)
    per_step = float(checks.positive("label_tokens_per_step", label_tokens_per_step))
    if sums.ndim != 1 or variances.shape != sums.shape or blocks.ndim != 2:
        shapes = f"{sums.shape}, {variances.shape} and {blocks.shape}"
        raise ConfigError(f"sums_nats, sums_var, heldout_nats: expected [R], [R], [B, R]: {shapes}")
    length, tokens = np.diff(points), np.diff(points) * per_step
    if label_tokens is not None:
        tokens = np.diff(checks.not_negative("label_tokens", label_tokens))
        if tokens.shape != length.shape or not (tokens > 0).all():
            return None  # an interval without labels has no level
    spread = np.maximum(np.diff(variances), 0.0)
    online = np.diff(sums) / tokens
    means = np.diff(interpolate_sum(points, blocks), axis=-1) / length
    levels = []
    for part in PARTS:
        used = points[:-1] >= (1.0 - part) * points[-1]
        if used.sum() > 2:
            share = np.where(used, length, 0) / length[used].sum()
            levels.append(_level(share, online, spread, means, tokens))
            levels[-1] = levels[-1]._replace(blocks=means @ share - blocks[:, -1])
    return min(levels, key=lambda level: level.variance, default=None)


def _level(
    share: Intervals,
    online: Intervals,
    spread: Intervals,
    means: Float64[np.ndarray, "blocks intervals"],
    tokens: Float64[np.ndarray, " intervals"],
) -> StreamLevel:
    """Average the differences, weighted by tokens, and compare their scatter with sampling."""
    above = online - means.mean(axis=0)
    nats, weights, used = float(share @ above), share / tokens, share > 0
    sampling = float(np.sum(weights**2 * spread))
    # Scatter of the mean as the intervals have it, and as their sampling alone would make it.
    freedom = 1.0 - np.sum(share**2)
    scatter = float(share[used] @ (above[used] - nats) ** 2) / freedom
    expected = (
        float(share[used] @ (spread[used] / tokens[used] ** 2 * (1.0 - share[used]))) / freedom
    )
    misfit = max(scatter - expected, 0.0) * float(np.sum(share**2))
    return StreamLevel(nats, weights, np.zeros(len(means)), sampling, misfit)
