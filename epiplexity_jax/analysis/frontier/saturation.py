"""Growth of S_T with compute: where it nears 0, a source has given up what it holds."""

import math
from typing import NamedTuple

from epiplexity_jax.analysis.frontier.intervals import Intervals
from epiplexity_jax.analysis.frontier.traced import Answer, Traced

STEP = 2.0  # ratio of the two budgets between which growth is measured


class Saturation(NamedTuple):
    """Growth of S at a budget, d log S / d log T from half of it on.

    Attributes:
        value: None where S is not resolved at both budgets, or the runs end before the larger one.
        interval: at 95 %; a side is None where it is open; None without several seeds.
    """

    value: float | None = None
    interval: tuple[float | None, float | None] | None = None


def saturation_at(
    traced: Traced, intervals: Intervals, uniform_bits: float, compute: float, ends: bool
) -> Saturation:
    """Measure the growth of S between half a budget and the budget.

    Args:
        traced: the frontier.
        intervals: its replicates.
        uniform_bits: length of the uniform code.
        compute: T, FLOPs.
        ends: True where a model at the end of its run lies at an edge.
    """
    before = compute / STEP
    low, high = traced.at(before), traced.at(compute)
    reached = traced.extrapolates or compute <= traced.points.time_flops[-1]
    if not traced.members or not reached:
        return Saturation()
    for answer, budget in ((low, before), (high, compute)):
        if not _is_resolved(traced, answer) or not traced.beats(uniform_bits, budget):
            return Saturation()
    assert low is not None
    assert high is not None
    value = math.log(high.model_bits / low.model_bits) / math.log(STEP)
    found = intervals.around_growth(compute, before, value)
    if found is None:
        return Saturation(value)
    less_low, more_low = _open(traced, low, ends)
    less_high, more_high = _open(traced, high, ends)
    return Saturation(
        value,
        (
            None if less_high or more_low else found[0],
            None if more_high or less_low else found[1],
        ),
    )


def _is_resolved(traced: Traced, answer: Answer | None) -> bool:
    if answer is None or answer.untrained:
        return False
    return answer.model_bits > max(traced.errors * answer.model_stderr, 1.0)


def _open(traced: Traced, answer: Answer, ends: bool) -> tuple[bool, bool]:
    """Return whether other sizes or longer runs might give less S, or more."""
    if traced.extrapolates:
        return False, False
    sizes = [member.params for member in traced.members]
    params = answer.params
    return params == min(sizes), params == max(sizes) or (ends and answer.ends_run)
