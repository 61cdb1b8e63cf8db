"""The least that a member's code may still become, and the members that may reach the frontier."""

import math

import numpy as np

from epiplexity_jax.analysis.frontier.members import Member
from epiplexity_jax.analysis.frontier.traced import Traced
from epiplexity_jax.analysis.shapes import Values

_MARGIN = 1.5  # times the slope of the last part of a run
_ERRORS = 2.0  # standard errors
_POINTS = 12
WORTH = 1e-3  # share of a code that a longer run must be able to gain


def least_lengths(member: Member, tokens: Values, test_tokens: float) -> Values:
    """The least two-part code that a member may have after more training tokens, bits.

    Losses fall ever more slowly in the logarithm of the tokens, so a straight line there, half as
    steep again as the last factor of two and two standard errors lower, lies below them. The area
    grows by what the floor falls on all labels that were coded before.

    Args:
        member: the member.
        tokens: [n] training tokens, at least those of its end.
        test_tokens: label tokens of the dataset whose information is measured.
    """
    read, data = member.train_tokens, member.data_bits
    last = float(read[-1])
    before = float(np.interp(math.log(last / 2), np.log(np.maximum(read, 1.0)), data))
    slope = _MARGIN * max(before - float(data[-1]), 0.0) / math.log(2.0)
    fall = np.minimum(slope * np.log(tokens / last), float(data[-1]))
    coded = min(last / test_tokens, 1.0)
    lowest = float(member.mdl_bits[-1]) - _ERRORS * float(member.mdl_stderr[-1])
    return lowest - (1.0 - coded) * fall


def gain(
    member: Member, traced: Traced, most: float, test_tokens: float, least_budget: float
) -> float:
    """Share of the code of all members that more training of one may save somewhere, at the most.

    Args:
        member: the member.
        traced: the frontier of all members of its source.
        most: the most training tokens that it may read.
        test_tokens: label tokens of the dataset whose information is measured.
        least_budget: FLOPs of the smallest budget; what a member saves below it counts for nothing.

    Returns:
        0 or less where it can no longer reach the frontier.
    """
    last = float(member.train_tokens[-1])
    if most <= last * 1.01 or last <= 0:
        return 0.0
    tokens = np.geomspace(last, most, _POINTS + 1)[1:]
    per_token = (member.time_flops[-1] - member.time_flops[0]) / last
    times = member.time_flops[0] + per_token * tokens
    held = np.array([_length(traced, max(float(time), least_budget)) for time in times])
    return float(np.max(1.0 - least_lengths(member, tokens, test_tokens) / held))


def _length(traced: Traced, compute: float) -> float:
    return max(sum(traced.lengths(math.log(compute))), 1.0)
