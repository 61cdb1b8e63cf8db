"""Intervals of shares, of mean losses and their differences, and of rank correlations."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike

from epiplexity_jax.base.keys import generator

LEVEL = 0.95
LEAST_MEMBERS = 5  # of a rank correlation
_DRAWS = 2000
_Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)

Interval = tuple[float, float]
Values = Float64[np.ndarray, " n"]
Counts = Int64[np.ndarray, " n"]


def wilson(successes: int, trials: int) -> Interval:
    """Wilson's interval of a share of independent trials, at 95 %.

    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    share, z2 = successes / trials, _Z**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    low = 0.0 if successes == 0 else centre - half
    return low, 1.0 if successes == trials else centre + half


def mean_loss(nats: Values, labels: Counts) -> tuple[float, float]:
    """Mean loss per label token, and its standard error from the spread between sequences.

    Args:
        nats: losses of n sequences, or their differences.
        labels: label tokens of each, not all 0.

    Returns:
        Both in nats; the error is infinite for one sequence.
    """
    count, total = len(nats), int(labels.sum())
    mean = float(nats.sum() / total)
    if count == 1:
        return mean, math.inf
    rest = nats - labels * mean
    return mean, math.sqrt(float((rest**2).sum()) * count / (count - 1)) / total


def with_error(value: float, stderr: float) -> Interval:
    """The normal interval at 95 % of an estimate with a standard error."""
    return value - _Z * stderr, value + _Z * stderr


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float | None:
    """Spearman's rank correlation; ties share their mean rank; None where one is constant.

    >>> rank_correlation([1.0, 2.0, 3.0, 4.0], [1.0, 4.0, 9.0, 16.0])
    1.0
    >>> rank_correlation([1.0, 1.0], [1.0, 2.0]) is None
    True
    """
    ranks = [_ranks(np.asarray(one, np.float64)) for one in (first, second)]
    centred = [one - one.mean() for one in ranks]
    scale = math.sqrt(float((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum()) / scale if scale else None


def rank_correlation_interval(first: Sequence[float], second: Sequence[float]) -> Interval | None:
    """The percentile interval at 95 % over 2000 draws of the pairs with replacement.

    Draws in which a value is constant are left out; None where all are.
    """
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    draws = generator(0, "transfer", "bootstrap").integers(len(x), size=(_DRAWS, len(x)))
    found = [rank_correlation(x[one], y[one]) for one in draws]
    known = [one for one in found if one is not None]
    if not known:
        return None
    low, high = np.quantile(known, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return float(low), float(high)


def _ranks(values: Values) -> Values:
    """Ranks from 0; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[place]
