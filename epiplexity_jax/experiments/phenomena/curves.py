"""Values over budgets, which several phenomena share."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.report.numbers import number

Part = Literal["epiplexity", "entropy", "mdl"]
TITLES = {"epiplexity": "Epiplexity S_T", "entropy": "Entropy H_T", "mdl": "Two-part code MDL_T"}
_DIGITS = 4  # of a budget in the name of a value
_LETTERS = {"epiplexity": "S", "entropy": "H", "mdl": "MDL"}


def shared_budgets(
    measured: Measured, count: int, published: Sequence[float] = (), carried: bool = False
) -> list[float]:
    """Budgets that every source reaches, log-spaced, in FLOPs.

    They begin where the first trained model of some source can answer. Of budgets whose names would
    be the same one is kept, a published one first.

    Args:
        measured: the runs.
        count: number of budgets.
        published: budgets of published values, which are added where they lie between the ends.
        carried: whether they end where the last source ends; others' last codes are carried there.
    """
    frontiers = [measured.frontier(name) for name in measured.sources]
    starts = [float(f.points.time_flops[f.points.time_flops > 0].min()) for f in frontiers]
    ends = [measured.largest(name) for name in measured.sources]
    least, most = min(starts), max(ends) if carried else min(ends)
    within = [budget for budget in published if least <= budget <= most]
    spaced = np.geomspace(least, most, count).tolist()
    return sorted({number(budget, _DIGITS): budget for budget in [*spaced, *within]}.values())


def part_of(one: Decomposition, part: Part, sequences: float | None = None) -> Estimate:
    """A part of a decomposition with its interval, an open side None; per sequence where asked.

    Args:
        one: the decomposition.
        part: part of the code.
        sequences: sequences of the dataset; None for total bits.
    """
    low, high = getattr(one, f"{part}_bits_interval") or (None, None)
    whole = Estimate(getattr(one, f"{part}_bits"), low, high)
    return whole if sequences is None else whole.scaled(1.0 / sequences)


def add_curves(
    found: Findings,
    measured: Measured,
    series: Mapping[str, str],
    budgets: Sequence[float],
    units: Mapping[str, str],
) -> None:
    """Add parts of the code at budgets, one curve a source.

    Args:
        found: receives the values, named `S <source> at <budget>` and so on.
        measured: the runs.
        series: names of the curves by source.
        budgets: FLOPs.
        units: the parts and their units, "bits" or one per sequence.
    """
    parts: tuple[Part, ...] = ("mdl", "epiplexity", "entropy")
    for part in parts:
        if (unit := units.get(part)) is None:
            continue
        sequences = None if unit == "bits" else measured.sequences
        for source, name in series.items():
            for budget in budgets:
                found.add(
                    f"{_LETTERS[part]} {name} at {number(budget, _DIGITS)}",
                    part_of(measured.at(source, budget), part, sequences),
                    unit,
                    TITLES[part],
                    x=budget,
                    series=name,
                )
