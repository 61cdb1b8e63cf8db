"""The factor of T by which two datasets would be separated."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from epiplexity_jax.analysis.ranking.differences import Difference

MOST = 10.0  # times the largest budget measured: nothing is extrapolated further
_SLOWEST = 0.1  # least excess of the difference's exponent over that of its interval


class MoreCompute(NamedTuple):
    """Budget at which a pair is separated, as the fields of `Difference` of these names have it."""

    more_compute: float | None = None
    is_measured: bool | None = None
    is_turned: bool | None = None


def more_compute(one: Difference, ladder: Sequence[Difference]) -> MoreCompute:
    """Find the least larger budget at which a pair is separated.

    That is the first of the sweep's own budgets that separates it, or else where the difference and
    its half-width meet when both go on as powers of T, as they do from half of the largest budget
    to the largest.

    Args:
        one: the pair at its budget.
        ladder: the same pair at the sweep's budgets, from small to large.
    """
    for other in ladder:
        if other.compute_flops > one.compute_flops and other.separated:
            turned = one.difference * other.difference < 0.0
            return MoreCompute(other.compute_flops / one.compute_flops, True, turned)
    if one.why != "within_error" or len(ladder) < 2:
        return MoreCompute()
    last = ladder[-1]
    half = last.compute_flops / 2.0
    before = min(ladder[:-1], key=lambda d: abs(math.log(d.compute_flops / half)))
    found = _meeting(before, last)
    if found is None:
        return MoreCompute()
    turned = one.difference * last.difference < 0.0
    return MoreCompute(found / one.compute_flops, False, turned)


def _meeting(before: Difference, last: Difference) -> float | None:
    """The budget at which the difference reaches its half-width; None where it is out of sight."""
    halves = [_half_width(before), _half_width(last)]
    if None in halves or before.difference * last.difference <= 0.0:
        return None
    first, second = (half or 0.0 for half in halves)
    if min(first, second) <= 0.0:
        return None
    span = math.log(last.compute_flops / before.compute_flops)
    grows = math.log(last.difference / before.difference) / span
    widens = math.log(second / first) / span
    missing = math.log(second / abs(last.difference))
    if missing <= 0.0 or grows - widens < _SLOWEST:
        return None
    factor = math.exp(missing / (grows - widens))
    return last.compute_flops * factor if factor <= MOST else None


def _half_width(one: Difference) -> float | None:
    """Half-width of a difference whose interval has both sides."""
    low, high = one.difference_interval or (None, None)
    return None if low is None or high is None else (high - low) / 2.0
