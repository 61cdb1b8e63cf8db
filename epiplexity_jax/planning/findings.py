"""The answer of a measurement: lengths, differences that are real, and ways to a sharper one."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa

from epiplexity_jax.analysis import MEASURES, Decomposition, Frontier, Ranking
from epiplexity_jax.analysis.frontier.rates import RateChange, rate_change
from epiplexity_jax.analysis.ranking.changes import Change, changes_of
from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.analysis.ranking.measures import check_comparable
from epiplexity_jax.base.errors import ConfigError, StoreError
from epiplexity_jax.planning.measure import Request, control_of
from epiplexity_jax.planning.planner import Planned
from epiplexity_jax.planning.reach import WORTH
from epiplexity_jax.report.frames import Framed
from epiplexity_jax.report.measured import answer_table, sentences
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.results import Decompositions
from epiplexity_jax.report.shown import Part, Shown
from epiplexity_jax.results import PlottableFrontier, Runs, plot
from epiplexity_jax.store import Store
from epiplexity_jax.store.schema import TUNING


@dataclass(frozen=True)
class Measured(Shown, Framed):
    """Answer of a measurement.

    Attributes:
        runs: the runs that it rests on.
        request: the question.
        frontiers: by source, controls last.
        results: decompositions, budget by budget.
        differences: of pairs of sources, and of each with its controls, at each budget;
            simultaneous over all pairs.
        changes: pairs of sources whose order turns round with the budget or the rate.
        rates: changes of S with the rate, by source.
        notes: sentences on what does not compare, and on each source at every budget.
        advice: sentences on what would sharpen the answer.
        config: path of the config that repeats it.
        complete: False where it was interrupted, or the time did not suffice.
        interrupted: True where it was interrupted.
    """

    runs: Runs
    request: Request
    frontiers: Mapping[str, PlottableFrontier]
    results: tuple[Decomposition, ...]
    differences: tuple[Difference, ...]
    changes: tuple[Change, ...]
    rates: tuple[RateChange, ...]
    notes: tuple[str, ...]
    advice: tuple[str, ...]
    config: Path
    complete: bool
    interrupted: bool = False

    @classmethod
    def of(cls, runs: Runs, request: Request, planned: Planned | None, config: Path) -> "Measured":
        """Read the answer from a store.

        Args:
            runs: the runs.
            request: the question.
            planned: outcome of the plan; None where it was interrupted.
            config: path of the config.
        """
        every = [one.name for one in request.asked]
        order = [name for one in every for name in (one, f"{one}, shuffled")]
        order += request.controls
        frontiers = runs.frontiers()
        frontiers = {name: frontiers[name] for name in order if name in frontiers}
        budgets = runs.budgets() or []
        results = tuple(f.at(budget) for budget in budgets for f in frontiers.values())
        ranking, named = Ranking(frontiers, "S", budgets), {frozenset(p) for p in pairs_of(request)}
        compared = [d for order in ranking.orders for d in order.differences]
        differences = tuple(d for d in compared if frozenset(d.pair) in named)
        changes = tuple(c for c in changes_of([ranking]) if {c.larger, c.smaller} <= set(every))
        own = {name: one for name, one in frontiers.items() if name in every}
        return cls(
            runs=runs,
            request=request,
            frontiers=frontiers,
            results=results,
            differences=differences,
            changes=changes,
            rates=tuple(filter(None, (rate_change(f) for f in frontiers.values()))),
            notes=(*unequal(own), *warnings_of(own)),
            advice=tuple(advice(results, differences, request, planned)),
            config=config,
            complete=planned is not None and planned.complete,
            interrupted=planned is None,
        )

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw MDL, S_T and H_T of every source over compute; see `epiplexity_jax.plot`."""
        return plot(self.frontiers, path)

    def to_arrow(self) -> pa.Table:
        """One row a budget and source, as `Decompositions.to_arrow` has them."""
        return Decompositions(self.results).to_arrow()

    def _parts(self) -> Iterable[Part]:
        return answer_table(self.results), sentences(self)

    def _picture(self) -> Any:
        return self.plot() if self.frontiers else None

    def __repr__(self) -> str:
        names = ", ".join(one.name for one in self.request.asked)
        ends = "" if self.complete else ", not complete"
        return f"<Measured {names}: {len(self.results)} results in {self.runs.path}{ends}>"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "sources": [
                {"source": one.name, "reading": one.words, "tokens": one.tokens}
                for one in self.request.asked
            ],
            "controls": list(self.request.controls),
            "frontier": [one.to_json() for one in self.results],
            "differences": [one.to_json() for one in self.differences],
            "changes": [one.to_json() for one in self.changes],
            "rates": [
                {**vars(one), "epiplexity": {str(k): v for k, v in one.epiplexity.items()}}
                for one in self.rates
            ],
            "notes": list(self.notes),
            "advice": list(self.advice),
            "complete": self.complete,
            "config": str(self.config),
            "store": str(self.runs.path),
        }


def warnings_of(frontiers: Mapping[str, Frontier]) -> list[str]:
    """Every warning once, with the sources that it is about.

    Args:
        frontiers: by source.
    """
    said: dict[str, list[str]] = {}
    for name, one in frontiers.items():
        for warning in one.warnings:
            said.setdefault(warning, []).append(name)
    return [f"{', '.join(names)}: {warning}" for warning, names in said.items()]


def has_members(folder: Path) -> bool:
    """Return whether a store holds a member's run."""
    try:
        rows = Store.open(folder).finished().values()
    except StoreError:
        return False
    return any(row["role"] != TUNING and row["current"] for row in rows)


def pairs_of(request: Request) -> list[tuple[str, str]]:
    """Pairs of sources whose difference is asked for: all sources, and each with its controls."""
    names = [one.name for one in request.asked]
    pairs = list(combinations(names, 2))
    for name in names:
        own = [one for one in request.controls if control_of(one) in (name, "")]
        pairs += [(name, one) for one in own]
    return pairs


def unequal(frontiers: Mapping[str, Frontier]) -> list[str]:
    """Say where equal numbers of tokens are no equal data.

    Args:
        frontiers: by source.
    """
    if len(frontiers) < 2:
        return []
    try:
        check_comparable(frontiers, MEASURES.find("S", "by"))
    except ConfigError as error:
        return [str(error).partition(";")[0]]
    return []


def turned_by_rate(frontiers: Mapping[str, Frontier], budgets: Sequence[float]) -> list[Change]:
    """Pairs of separated sources whose order by S another rate turns round.

    Args:
        frontiers: by source.
        budgets: FLOPs.
    """
    if len(frontiers) < 2 or unequal(frontiers):
        return []
    return [c for c in changes_of([Ranking(frontiers, "S", budgets)]) if c.what == "rate"]


def advice(
    results: Sequence[Decomposition],
    differences: Sequence[Difference],
    request: Request,
    planned: Planned | None,
) -> list[str]:
    """Sentences on what would sharpen the answer, with the number.

    Args:
        results: decompositions.
        differences: of all pairs.
        request: the question.
        planned: outcome of the plan; None where it was interrupted.
    """
    said: list[str] = []
    if planned is None:
        return ["stopped: the same command goes on from here"]
    last = max((one.compute_flops for one in differences), default=0.0)
    names = {one.name for one in request.asked}
    for one in differences:
        if not one.separated and one.compute_flops == last and set(one.pair) <= names:
            said.append(_way_to_separate(one, request))
    said += _edges(results, request)
    if moving := sum(one.gain > WORTH for one in planned.waiting):
        said.append(
            f"{moving} runs would have moved an optimum from an edge, and had no "
            f"time: --minutes {2 * request.minutes:g}"
        )
    return said


def _way_to_separate(one: Difference, request: Request) -> str:
    """Name what would separate a pair: seeds, with the time that they take, or another budget."""
    first, second = one.pair
    both = f"{first} and {second} are not separated at {number(one.compute_flops)} FLOPs"
    if one.why == "no_structure":
        return f"{both}: no structure in either; a larger budget, with --budgets, may find some"
    ways = []
    if one.why == "open":
        ways.append(f"sizes or steps beyond an edge (--minutes {2 * request.minutes:g})")
    if one.more_seeds is not None:
        minutes = math.ceil(request.minutes * (request.seeds + one.more_seeds) / request.seeds)
        seeds = f"{one.more_seeds} more seed{'s' * (one.more_seeds > 1)}"
        ways.append(f"{seeds} (about --minutes {minutes})")
    if one.more_compute is not None:
        turned = ", the other way round" if one.is_turned else ""
        ways.append(f"{one.more_compute:.2g} times the budget{turned}")
    return f"{both}: {' or '.join(ways) or 'neither seeds nor a budget in reach would do it'}"


def _edges(results: Sequence[Decomposition], request: Request) -> list[str]:
    """Advice on sources whose data ended before the optimum did."""
    said = []
    tokens = {one.name: one.tokens for one in request.asked}
    for name, held in tokens.items():
        own = [one for one in results if one.source == name and "edge_steps" in one.flags]
        if held and any(one.train_tokens > 0.7 * held for one in own):
            said.append(
                f"{name}: every token was read before the optimum was reached; about "
                f"{2 * held:.2g} tokens would be needed"
            )
    return said
