"""The MDL frontier of one source over compute budgets, and the decomposition at a budget.

Axis letters: P candidate point, K vertex of the frontier.
"""

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from epiplexity_jax.analysis.frontier.decomposition import Decomposition, decompose
from epiplexity_jax.analysis.frontier.intervals import Intervals
from epiplexity_jax.analysis.frontier.members import Member, members_of, with_rate
from epiplexity_jax.analysis.frontier.procedures import PROCEDURES, raw
from epiplexity_jax.analysis.frontier.setting import Setting
from epiplexity_jax.analysis.frontier.traced import Traced
from epiplexity_jax.analysis.runs.curve import Curve
from epiplexity_jax.analysis.runs.floor import correction_of
from epiplexity_jax.analysis.runs.lengths import check_choice, check_test_tokens
from epiplexity_jax.analysis.runs.recipes import RecipeReport, recipe_warnings
from epiplexity_jax.analysis.shapes import Steps
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import RunStatus

_WITHOUT_ERRORS = (
    "the held-out losses carry no errors, so neither the resolution nor the sampling part of the "
    "intervals is known; give their standard errors or block means"
)
_TRIED = 60  # budgets at which a frontier is asked where its optima lie inside


def trace(
    curves: Sequence[Curve],
    *,
    test_tokens: float,
    variant: str | None = None,
    floor: str | None = None,
    procedure: str = "refined",
    recipe: RecipeReport | None = None,
) -> "Frontier":
    """The frontier of one source (docs/frontier.md).

    Args:
        curves: runs of one source and one estimator, any sizes and seeds.
        test_tokens: label tokens of the dataset whose information is measured.
        variant: as `score` takes it; None is that of the runs.
        floor: "ema", "raw" or "entropy_rate"; None is that of the runs.
        procedure: "refined", "hull-median", "raw", "fitted" or one that was registered.
        recipe: the recipe by which the runs were trained.

    Raises:
        ConfigError: when an argument is not allowed, or the curves do not belong together.
    """
    PROCEDURES.find(procedure, "frontier")  # refuses one that is unknown
    test_tokens = check_test_tokens(test_tokens)
    if not curves:
        raise ConfigError("curves: expected at least one run, got an empty list")
    for name in ("source", "estimator", "vocab_size"):
        values = sorted({str(getattr(curve, name)) for curve in curves})
        if len(values) > 1:
            raise ConfigError(
                f"curves: a frontier holds one {name}, got {', '.join(values)}; trace each alone"
            )
    variant, floor = variant or curves[0].variant, floor or curves[0].floor
    kept = [curve for curve in curves if curve.status != RunStatus.DIVERGED]
    for curve in kept or curves[:1]:
        check_choice(curve, variant, floor)
    members = members_of(kept, test_tokens, variant, floor, correction_of(kept))
    first = curves[0]
    setting = Setting(
        source=first.source,
        vocab_size=first.vocab_size,
        estimator=first.estimator,
        variant=variant,
        floor=floor,
        procedure=procedure,
        test_tokens=test_tokens,
        bytes_per_token=first.bytes_per_token,
        recipe=recipe,
    )
    frontier = Frontier(
        setting,
        tuple(members),
        (*_warnings(curves, kept, members), *recipe_warnings(recipe)),
        first.entropy_rate_nats,
    )
    frontier.warnings += frontier.traced.notes
    return frontier


def _warnings(
    curves: Sequence[Curve], kept: Sequence[Curve], members: Sequence[Member]
) -> tuple[str, ...]:
    """Sentences that hold at every budget."""
    warnings = _left_out(curves, kept)
    if alike := len(kept) - sum(member.seeds for member in members):
        warnings.append(
            f"{alike} of {len(kept)} runs have the model and the seed of another, and of these the "
            "longest counts; give each run its own seed"
        )
    single = [member.name for member in members if member.seeds == 1]
    if single:
        which = "every member" if len(single) == len(members) else ", ".join(single)
        warnings.append(f"a single seed of {which}: no spread between seeds is seen there")
    warnings += _uneven(members)
    if kept and not any(curve.ema.has_errors for curve in kept):
        warnings.append(_WITHOUT_ERRORS)
    return tuple(warnings)


def _left_out(curves: Sequence[Curve], kept: Sequence[Curve]) -> list[str]:
    if len(kept) == len(curves):
        return []
    rated = len({curve.learning_rate for curve in curves}) > 1
    lost = [curve for curve in curves if curve.status == RunStatus.DIVERGED]
    lost = [with_rate(curve.name, curve) if rated else curve.name for curve in lost]
    names = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
    said = [f"{len(lost)} of {len(curves)} runs diverged and are left out: {names}"]
    if not kept:
        said.append("every run diverged, so the uniform code answers; lower the learning rate")
    return said


def _uneven(members: Sequence[Member]) -> list[str]:
    """Sentences on members whose seeds end far apart, so that much of the longer runs is unused."""
    ends = [(member.name, min(member.last_steps), max(member.last_steps)) for member in members]
    return [
        f"the seeds of {name} end at steps {low} to {high}, and count to the first of these"
        for name, low, high in ends
        if high > 1.1 * low
    ]


def _of_vertices(name: str, doc: str) -> property:
    return property(lambda self: getattr(self.points, name)[self.vertices], doc=doc)


class Frontier:
    """The shortest two-part codes of one source over compute; `trace` makes and checks one.

    Args:
        setting: source, estimator, variant, floor, procedure, test tokens.
        members: smallest first.
        warnings: sentences that hold for every budget.
        entropy_rate_nats: entropy rate of the source, nats per label token, or None.
        traced: what the procedure finds of the members, where it is known already.

    Attributes:
        all_members: the members.
        traced: every candidate, and those that the procedure keeps.
        points: every candidate, sorted by time (for plotting).
        vertices: [K] their indices that make up the frontier.
        uniform_bits: length of the uniform code, a candidate at every budget.
    """

    def __init__(
        self,
        setting: Setting,
        members: tuple[Member, ...],
        warnings: tuple[str, ...] = (),
        entropy_rate_nats: float | None = None,
        traced: Traced | None = None,
    ) -> None:
        """Trace the members."""
        self.setting, self.all_members, self.warnings = setting, members, warnings
        self.entropy_rate_nats, self.uniform_bits = entropy_rate_nats, setting.uniform_bits
        self.traced = traced or PROCEDURES.find(setting.procedure, "frontier")(members)
        self.points, self.vertices = self.traced.points, self.traced.vertices

    source = property(lambda self: self.setting.source, doc="Name of the source.")
    vocab_size = property(lambda self: self.setting.vocab_size, doc="Symbols of a label token.")
    estimator = property(lambda self: self.setting.estimator, doc="How models are coded.")
    variant = property(lambda self: self.setting.variant, doc="Of the prequential length.")
    floor = property(lambda self: self.setting.floor, doc="Which loss ends the area.")
    procedure = property(lambda self: self.setting.procedure, doc="How the frontier is traced.")
    test_tokens = property(lambda self: self.setting.test_tokens, doc="Label tokens measured.")

    compute = _of_vertices("time_flops", "[K] FLOPs.")
    mdl_bits = _of_vertices("mdl_bits", "[K] bits.")
    epiplexity_bits = _of_vertices("model_bits", "[K] bits, of the vertices' models.")
    entropy_bits = _of_vertices("data_bits", "[K] bits, of the vertices' models.")
    train_tokens = _of_vertices("train_tokens", "[K] D of the vertices' models.")

    @property
    def members(self) -> tuple[str, ...]:
        """[K] names of the vertices' models."""
        return tuple(self.all_members[i].name for i in self.points.member[self.vertices])

    @property
    def params(self) -> Steps:
        """[K] N of the vertices' models."""
        chosen = self.points.member[self.vertices]
        return np.array([self.all_members[i].params for i in chosen], dtype=np.int64)

    @property
    def largest_compute(self) -> float:
        """The time of the dearest run's last point, FLOPs; 0 when every run diverged."""
        return float(self.points.time_flops[-1]) if self.all_members else 0.0

    @cached_property
    def intervals(self) -> Intervals:
        """Replicates of the frontier, made once."""
        trace = PROCEDURES.find(self.setting.procedure, "frontier")
        return Intervals(self.traced, trace, self.uniform_bits, self.entropy_rate_nats)

    def budgets(self, n: int = 5) -> list[float]:
        """Budgets spaced evenly in log compute where the optimum lies inside of what was trained.

        They have two significant digits or more. Where no optimum lies inside they span the sweep,
        from the smallest member's end to the sweep's own reach, and their decompositions say which
        way to extend it.
        """
        if not self.all_members:
            return []
        inside = self.reach_inside
        ends = inside or (self._least_compute, self.largest_compute)
        digits = 2 if inside else self._digits()
        spaced = [_rounded(float(value), math.floor, digits) for value in np.geomspace(*ends, n)]
        first = _rounded(float(ends[0]), math.ceil, digits)
        if first <= spaced[-1]:
            spaced = [first, *(value for value in spaced if value > first)]
        spaced = sorted(set(spaced))
        return self._without_edges(spaced) or spaced if inside else spaced

    @cached_property
    def reach_inside(self) -> tuple[float, float] | None:
        """The least and the largest budget whose optimum lies inside of what was trained.

        Where every one has the last rate or batch that was tried, those inside of sizes and steps.
        None where a model at an edge, or no trained model, answers at every budget.
        """
        spanned = np.geomspace(self._least_compute, self.largest_compute, _TRIED)
        inside = self._without_edges(spanned.tolist(), least=2)
        return (inside[0], inside[-1]) if inside else None

    def _without_edges(self, budgets: Sequence[float], least: int = 1) -> list[float]:
        """The budgets whose optimum lies inside; where they are too few, inside of sizes and steps.

        Args:
            budgets: FLOPs.
            least: number of them that are enough; empty where there are fewer either way.
        """
        flags = [self._edges(compute) for compute in budgets]
        for passed in (set(), {"edge_rate", "edge_batch"}):
            inside = [
                compute
                for compute, own in zip(budgets, flags, strict=True)
                if own is not None and own <= passed
            ]
            if len(inside) >= least:
                return inside
        return []

    @property
    def _least_compute(self) -> float:
        """The time of the smallest member's whole run, FLOPs."""
        return float(self.points.time_flops[self.points.last].min())

    def _edges(self, compute: float) -> set[str] | None:
        """Flags of a trained model at a budget that say that it lies at an edge; else None."""
        found = self.estimate(compute)
        edges = {"edge_size", "edge_steps", "edge_rate", "edge_batch", "carried", "below_cheapest"}
        beyond = {"beyond_sizes", "beyond_tokens", "beyond_compute"}
        return (edges | beyond) & set(found.flags) if found.params > 0 else None

    def _digits(self) -> int:
        """Digits with which the sweep's reach, rounded down, loses little of its training."""
        points, digits = self.points, 2
        started = points.time_flops[points.member == points.member[-1]].min()
        enough = self.largest_compute - 0.1 * (self.largest_compute - started)
        while digits < 9 and _rounded(self.largest_compute, math.floor, digits) < enough:
            digits += 1
        return digits

    def at(self, compute: float, strict: bool = False) -> Decomposition:
        """Epiplexity and entropy at a budget.

        Args:
            compute: T, FLOPs.
            strict: the best point within T, which is the definition; otherwise S, H and MDL are
                interpolated linearly in log T between the neighbouring points of the frontier.

        Raises:
            ConfigError: when the budget is not a positive number.
        """
        return decompose(self.setting, self.traced, self.intervals, compute, strict, self.warnings)

    def estimate(self, compute: float) -> Decomposition:
        """See `at`: without the intervals, which take most of its time."""
        none = Intervals(raw(()), raw, self.uniform_bits)
        return decompose(self.setting, self.traced, none, compute, False, self.warnings)


def _rounded(value: float, rounding: Callable[[float], int], digits: int) -> float:
    scale = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return float(f"{rounding(value / scale + 1e-9) * scale:.{digits - 1}e}")
