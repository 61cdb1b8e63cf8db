"""Differences between datasets at a budget, with simultaneous intervals, and what would tell more.

Axis letters: P pair of sources.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.analysis.frontier.edges import Interval, open_sides
from epiplexity_jax.analysis.ranking.joint import Joint, Pairs
from epiplexity_jax.analysis.ranking.measures import Measure
from epiplexity_jax.base.status import ResultStatus

MOST_SEEDS = 20  # times as many as there are: more are not proposed
_NOTHING = {ResultStatus.UNTRAINED, ResultStatus.BELOW_RESOLUTION}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Difference between two datasets at a budget.

    Attributes:
        first: name of one source.
        second: name of the other.
        compute_flops: T.
        difference: value of the first less that of the second.
        difference_interval: simultaneous over all pairs of the budget, at 95 %; a side is None
            where an optimum at an edge leaves it open; None without several seeds.
        separated: True where the order is sure.
        why: why it is not: "within_error", "open" (the side that would have to exclude 0 is open,
            so that no number of seeds would), "no_structure" (neither has any beyond its error),
            "negative" or "single_seed"; empty where separated.
        more_seeds: number of seeds beyond those there are, of all sources, that would separate
            them if the difference stays; None where no number up to 20 times as many would.
        more_compute: factor of T that separates them; None where none is known.
        is_measured: True where the sweep holds that budget, False where it is extrapolated.
        is_turned: True where the order there is the other way round.
    """

    first: str
    second: str
    compute_flops: float
    difference: float
    difference_interval: Interval | None
    separated: bool
    why: str
    more_seeds: int | None = None
    more_compute: float | None = None
    is_measured: bool | None = None
    is_turned: bool | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """Names of both."""
        return self.first, self.second

    @property
    def larger(self) -> str | None:
        """Name of the one that is larger for sure; None where that is not known."""
        if not self.separated:
            return None
        return self.first if self.difference > 0 else self.second

    def to_json(self) -> dict[str, Any]:
        """Plain values by field name, and `larger`."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        interval = self.difference_interval
        found["difference_interval"] = None if interval is None else list(interval)
        return found | {"larger": self.larger}


def open_of(found: Decomposition, measure: Measure) -> tuple[bool, bool]:
    """Return whether the value may lie lower, or higher, than any error says."""
    if "below_cheapest" in found.flags:  # smaller models might have learnt something
        return (False, True) if measure.is_structure else (True, False)
    if found.status == ResultStatus.UNTRAINED:
        return False, False
    low, high = open_sides((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), found.flags)[measure.place] or (0, 0)
    return low is None, high is None


def differences(
    names: Sequence[str],
    found: Sequence[Decomposition],
    joint: Joint,
    known: Sequence[bool],
    measure: Measure,
) -> list[Difference]:
    """Compare all pairs of sources at a budget.

    Args:
        names: names of the sources.
        found: their decompositions at the budget.
        joint: their replicates.
        known: for every source, whether it has replicates.
        measure: the value that is compared.
    """
    halves = joint.half_widths()
    seeds = _more_seeds(joint, halves)
    sides = [open_of(one, measure) for one in found]
    compared = []
    for p, (i, j) in enumerate(joint.pairs):
        value, half = float(joint.values[i] - joint.values[j]), float(halves[p])
        interval = None
        if known[i] and known[j]:
            interval = (
                None if sides[i][0] or sides[j][1] else value - half,
                None if sides[i][1] or sides[j][0] else value + half,
            )
        why = _why((found[i], found[j]), measure, interval, value)
        compared.append(
            Difference(
                first=names[i],
                second=names[j],
                compute_flops=found[i].compute_flops,
                difference=value,
                difference_interval=interval,
                separated=not why,
                why=why,
                more_seeds=seeds[p] if why == "within_error" else None,
            )
        )
    return compared


def _why(
    pair: tuple[Decomposition, Decomposition],
    measure: Measure,
    interval: Interval | None,
    value: float,
) -> str:
    """Reason that a pair is not separated; empty where it is."""
    statuses = {one.status for one in pair}
    if ResultStatus.NEGATIVE in statuses:
        return "negative"
    if interval is None:
        return "single_seed"
    if measure.is_structure and statuses <= _NOTHING:
        return "no_structure"
    low, high = interval
    if (low is not None and low > 0.0) or (high is not None and high < 0.0):
        return ""
    if statuses == {ResultStatus.UNTRAINED}:
        return "no_structure"
    return "open" if (low if value > 0.0 else high) is None else "within_error"


def _more_seeds(joint: Joint, halves: Pairs) -> list[int | None]:
    """[P] seeds beyond those there are that would separate each pair, the differences unchanged."""
    first, second = np.array(joint.pairs).T
    apart = np.abs(joint.values[first] - joint.values[second])
    needed: list[int | None] = [None] * apart.size
    open_ = (apart <= halves) & (apart > joint.least_half_widths())
    tried = joint.count + 1
    while open_.any() and tried <= MOST_SEEDS * joint.count:
        enough = open_ & (apart > joint.half_widths(tried))
        for p in np.flatnonzero(enough):
            needed[p] = tried - joint.count
        open_ &= ~enough
        tried += max(1, tried // 8)
    return needed
