"""The answer of a measurement: lengths, differences that are real, and ways to a sharper one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from epiplexity_jax.analysis import Decomposition, Frontier
from epiplexity_jax.analysis.frontier.comparisons import standard_errors
from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.planning.measure import Request, control_of
from epiplexity_jax.planning.planner import Planned
from epiplexity_jax.planning.reach import WORTH
from epiplexity_jax.report.tables import number
from epiplexity_jax.results import PlottableFrontier, Runs
from epiplexity_jax.store import Store
from epiplexity_jax.store.schema import TUNING

_NORMAL = 1.96  # standard errors of an interval's half width
_MOST_SEEDS = 64  # beyond which another budget is the better advice


@dataclass(frozen=True)
class Difference:
    """Epiplexity of two sources at a budget.

    Attributes:
        larger, smaller: names of the sources, the larger S_T first.
        compute_flops: the budget.
        bits: difference of S_T.
        bits_error: half width of its interval, simultaneous over all pairs of the budget, for the
            models that were trained; None where an interval is not known.
        is_real: True where the difference is beyond it.
        seeds: number of seeds with which it would be; None where it is, or that is unknown.
    """

    larger: str
    smaller: str
    compute_flops: float
    bits: float
    bits_error: float | None
    is_real: bool
    seeds: int | None


@dataclass(frozen=True)
class RateChange:
    """Results at half and twice the tuned rate, on the size that was tuned.

    Attributes:
        source: name of the source.
        learning_rate: the rate by which its members train.
        size: the size.
        epiplexity: factor to S at each factor to the rate; None where training diverged.
    """

    source: str
    learning_rate: float
    size: str
    epiplexity: Mapping[float, float | None]


@dataclass(frozen=True)
class Measured:
    """Answer of a measurement.

    Attributes:
        runs: the runs that it rests on.
        request: the question.
        frontiers: by source, controls last.
        results: decompositions, budget by budget.
        differences: of all pairs of sources at each budget, controls included.
        rates: changes of S with the rate, by source.
        advice: sentences on what would sharpen the answer.
        warnings: sentences on what to mind.
        config: path of the config that repeats it.
        complete: False where it was interrupted, or the time did not suffice.
        interrupted: True where it was interrupted.
    """

    runs: Runs
    request: Request
    frontiers: Mapping[str, PlottableFrontier]
    results: tuple[Decomposition, ...]
    differences: tuple[Difference, ...]
    rates: tuple[RateChange, ...]
    advice: tuple[str, ...]
    warnings: tuple[str, ...]
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
        differences = differences_of(frontiers, budgets, pairs_of(request), request.seeds)
        rates = tuple(filter(None, (rate_change(f) for f in frontiers.values())))
        return cls(
            runs=runs,
            request=request,
            frontiers=frontiers,
            results=results,
            differences=differences,
            rates=rates,
            advice=tuple(advice(results, differences, request, planned)),
            warnings=tuple(flips(results, rates)),
            config=config,
            complete=planned is not None and planned.complete,
            interrupted=planned is None,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "sources": [
                {"source": one.name, "reading": one.words, "tokens": one.tokens}
                for one in self.request.asked
            ],
            "controls": list(self.request.controls),
            "frontier": [one.to_json() for one in self.results],
            "differences": [vars(one) for one in self.differences],
            "rates": [
                {**vars(one), "epiplexity": {str(k): v for k, v in one.epiplexity.items()}}
                for one in self.rates
            ],
            "advice": list(self.advice),
            "warnings": list(self.warnings),
            "complete": self.complete,
            "config": str(self.config),
            "store": str(self.runs.path),
        }


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


def differences_of(
    frontiers: Mapping[str, Frontier],
    budgets: Sequence[float],
    pairs: Sequence[tuple[str, str]],
    seeds: int,
) -> tuple[Difference, ...]:
    """Compare S_T of pairs of sources at each budget.

    Args:
        frontiers: by source.
        budgets: FLOPs.
        pairs: names of two sources each.
        seeds: number of seeds that they rest on.
    """
    found = []
    known = [pair for pair in pairs if set(pair) <= set(frontiers)]
    for budget in budgets:
        lengths = {name: _length(one, budget) for name, one in frontiers.items()}
        for pair in known:
            larger, smaller = sorted(pair, key=lambda name: -lengths[name][0])
            (high, high_error), (low, low_error) = lengths[larger], lengths[smaller]
            error, real, needed = None, False, None
            if high_error is not None and low_error is not None:
                error = standard_errors(len(known)) * math.hypot(high_error, low_error)
                real = high - low > error
                if not real and high > low:
                    more = math.ceil(seeds * (error / (high - low)) ** 2)
                    needed = more if more <= _MOST_SEEDS else None
            found.append(Difference(larger, smaller, budget, high - low, error, real, needed))
    return tuple(found)


def _length(frontier: Frontier, budget: float) -> tuple[float, float | None]:
    """S_T of the trained models and its standard error, which leaves edges out."""
    found, answer = frontier.at(budget), frontier.traced.at(budget)
    if found.status == ResultStatus.UNTRAINED or answer is None:
        interval = frontier.intervals.above_uniform(budget)[0]
    else:
        interval = frontier.intervals.around(budget, answer)[0]
    center = found.epiplexity_bits
    if interval is None:
        return center, None
    return center, max(abs(end - center) for end in interval) / _NORMAL


def rate_change(frontier: PlottableFrontier) -> RateChange | None:
    """Find what half and twice the rate would give; None where they were not tried."""
    recipe = frontier.setting.recipe
    if recipe is None or not recipe.neighbours or recipe.size is None:
        return None
    own = recipe.values["learning_rate"]
    found: dict[float, float | None] = {}
    for one in recipe.neighbours:
        if "learning_rate" not in one:
            continue
        change, diverged = one["epiplexity_change"], one["mdl_change"] is None
        if change is not None or diverged:  # else nothing is learnt at the rate itself
            factor = round(one["learning_rate"] / own, 2)
            found[factor] = None if change is None else 1.0 + change
    return RateChange(frontier.source, own, recipe.size, found) if found else None


def flips(results: Sequence[Decomposition], rates: Sequence[RateChange]) -> list[str]:
    """Sentences on orders of sources that another rate would turn round.

    Args:
        results: decompositions.
        rates: changes of S with the rate.
    """
    by_source = {one.source: one for one in rates}
    said: dict[tuple[str, str], dict[float, None]] = {}
    for budget in dict.fromkeys(one.compute_flops for one in results):
        own = [one for one in results if one.compute_flops == budget and one.source in by_source]
        for a, b in combinations(own, 2):
            for factor in (0.5, 2.0):
                pair = [by_source[one.source].epiplexity.get(factor) for one in (a, b)]
                if pair[0] is None or pair[1] is None:
                    continue
                before = a.epiplexity_bits - b.epiplexity_bits
                after = a.epiplexity_bits * pair[0] - b.epiplexity_bits * pair[1]
                if before * after < 0:
                    said.setdefault((a.source, b.source), {})[factor] = None
    return [
        f"the order of {a} and {b} turns round at {' and '.join(map(number, factors))} times the "
        "rate: the rate decides it"
        for (a, b), factors in said.items()
    ]


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
        if one.is_real or one.compute_flops != last or not {one.larger, one.smaller} <= names:
            continue
        both = f"{one.larger} and {one.smaller} are not separated at {one.compute_flops:.2g} FLOPs"
        if one.seeds:
            more = one.seeds - request.seeds
            said.append(f"{both}: {more} more seeds, or --minutes {_minutes(request, one.seeds)}")
        elif one.bits > 0:
            said.append(f"{both}, and {_MOST_SEEDS} seeds would not do it; take a larger budget")
    said += _edges(results, request)
    if moving := sum(one.gain > WORTH for one in planned.waiting):
        said.append(
            f"{moving} runs would have moved an optimum from an edge, and had no "
            f"time: --minutes {2 * request.minutes:g}"
        )
    return said


def _minutes(request: Request, seeds: int) -> str:
    return f"{math.ceil(request.minutes * seeds / request.seeds):g}"


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
