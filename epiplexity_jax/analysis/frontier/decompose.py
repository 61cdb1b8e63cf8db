"""The decomposition at one budget: which model answers, and what the answer is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from epiplexity_jax import coding
from epiplexity_jax.analysis.frontier.decomposition import (
    Decomposition,
    Interval,
    explain,
    status_of,
)
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import ResultStatus

if TYPE_CHECKING:
    from epiplexity_jax.analysis.frontier.trace import Frontier

# Losses are recorded in float32: a model that predicts uniformly may differ from the uniform code
# by that much and has learnt nothing.
ROUNDING = 1e-6

# Sentences about choice and interpolation are worth reading from this share of S_T on.
NOTICEABLE = 0.05


@dataclass(frozen=True)
class _Place:
    """Where a budget falls: two candidates and the weight of the right one (0 = the left alone)."""

    left: int
    right: int
    weight: float

    def of(self, values: NDArray) -> float:
        """A column of the candidates, interpolated."""
        return float((1.0 - self.weight) * values[self.left] + self.weight * values[self.right])

    @property
    def ends(self) -> tuple[int, ...]:
        """The candidates that take part."""
        return (self.left, self.right) if self.weight > 0.0 else (self.left,)

    def nearest(self, trained: NDArray[np.bool_]) -> int:
        """The candidate nearer in log T; a trained one if there is one, as it has what is told."""
        near, far = (self.left, self.right) if self.weight < 0.5 else (self.right, self.left)
        return far if far in self.ends and trained[far] and not trained[near] else near


def decompose(frontier: Frontier, compute: float, strict: bool) -> Decomposition:
    """Epiplexity and entropy at a budget; see `Frontier.at`."""
    if isinstance(compute, bool) or not (compute > 0 and math.isfinite(compute)):
        raise ConfigError(f"compute: must be a positive number of FLOPs, got {compute!r}")
    compute = float(compute)
    place = _locate(frontier, compute, strict)
    if place is None or not _beats_uniform(frontier, place, compute, strict):
        outcome = _uniform(frontier, compute, place)
    else:
        outcome = _model(frontier, compute, place, strict)
    flags = _flags(frontier, compute, place, outcome, strict)
    below = place is not None and place.of(frontier.points.mdl_bits) < frontier.uniform_bits
    return _build(frontier, compute, outcome, flags, below)


def _kept(frontier: Frontier, strict: bool) -> NDArray[np.int64]:
    """What answers: the frontier's vertices, or, strictly, every candidate of the envelope."""
    return frontier.envelope if strict else frontier.vertices


def _locate(frontier: Frontier, compute: float, strict: bool) -> _Place | None:
    """The candidates on both sides of a budget, or None below the cheapest."""
    kept = _kept(frontier, strict)
    if kept.size == 0:
        return None
    time = frontier.points.time_flops[kept]
    j = int(np.searchsorted(time, compute, side="right")) - 1
    if j < 0:
        return None
    if strict or j == kept.size - 1:
        return _Place(int(kept[j]), int(kept[j]), 0.0)
    weight = math.log(compute / time[j]) / math.log(time[j + 1] / time[j])
    return _Place(int(kept[j]), int(kept[j + 1]), weight)


def _margin(frontier: Frontier) -> NDArray[np.float64]:
    """By how much each candidate beats the uniform code beyond two standard errors, bits."""
    points, uniform = frontier.points, frontier.uniform_bits
    return uniform * (1.0 - ROUNDING) - points.mdl_bits - 2.0 * points.mdl_stderr


def _beats_uniform(frontier: Frontier, place: _Place, compute: float, strict: bool) -> bool:
    """Whether a model within the budget beats the uniform code by two standard errors.

    Any of the frontier's models counts, not only the last: a dearer one may be shorter and yet
    less certain, and MDL_T must not rise with T.
    """
    margin = _margin(frontier)
    kept = _kept(frontier, strict)
    within = kept[frontier.points.time_flops[kept] <= compute]
    return bool(np.any(margin[within] > 0.0) or place.of(margin) > 0.0)


def _resolution(frontier: Frontier, compute: float) -> float | None:
    """Twice the standard error of S of the best model that the budget buys.

    It buys each member's last point within T; of these the one with the shortest two-part code
    counts. Where the budget buys none, the cheapest trained point of all stands in.
    """
    if not frontier.all_members:
        return None
    points = frontier.points
    trained = np.flatnonzero(points.step > 0)
    within = trained[points.time_flops[trained] <= compute]
    if within.size == 0:
        return 2.0 * float(points.model_stderr[trained[0]]) if trained.size else None
    # Points are sorted by time, so the last of a member in the reversed order comes first.
    _, first = np.unique(points.member[within][::-1], return_index=True)
    bought = within[::-1][first]
    best = bought[np.argmin(points.mdl_bits[bought])]
    return 2.0 * float(points.model_stderr[best])


@dataclass(frozen=True)
class _Outcome:
    """Who answers, with what lengths and errors."""

    model_bits: float
    data_bits: float
    intervals: tuple[Interval, Interval, Interval] | None
    status: ResultStatus
    resolution_bits: float | None
    member: str = "uniform"
    neighbours: tuple[str, ...] = ("uniform",)
    params: int = 0
    train_tokens: float = 0.0
    interpolation_error_bits: float = 0.0


def _uniform(frontier: Frontier, compute: float, place: _Place | None) -> _Outcome:
    """The uniform code answers: S_T = 0."""
    bits = frontier.uniform_bits
    found = None
    if frontier.all_members and frontier.intervals:
        exact = (0.0, 0.0), (bits, bits), (bits, bits)
        found = exact if place is None else frontier.intervals.above_uniform(compute)
    resolution = _resolution(frontier, compute)
    return _Outcome(0.0, bits, found, ResultStatus.UNTRAINED, resolution)


def _model(frontier: Frontier, compute: float, place: _Place, strict: bool) -> _Outcome:
    """A model answers."""
    points, members = frontier.points, frontier.all_members
    model, data = place.of(points.model_bits), place.of(points.data_bits)
    stderr = place.of(points.model_stderr)
    status, resolution = status_of(model, stderr), 2.0 * stderr
    if all(points.step[end] == 0 for end in place.ends):
        status, resolution = ResultStatus.UNTRAINED, _resolution(frontier, compute)
    near = place.nearest(points.step > 0)
    nearest = members[points.member[near]]
    return _Outcome(
        model_bits=model,
        data_bits=data,
        intervals=frontier.intervals.around(compute, model, data, strict),
        status=status,
        resolution_bits=resolution,
        member=nearest.name,
        neighbours=tuple(members[points.member[end]].name for end in place.ends),
        params=nearest.params,
        train_tokens=float(points.train_tokens[near]),
        interpolation_error_bits=place.of(points.interpolation_error_bits),
    )


def _flags(
    frontier: Frontier, compute: float, place: _Place | None, outcome: _Outcome, strict: bool
) -> tuple[str, ...]:
    """Whether the optimum lies at the edge of the grid, on a bridge, or out of range."""
    if not frontier.all_members:
        return ()
    points, flags = frontier.points, []
    if place is not None and outcome.status != ResultStatus.UNTRAINED:
        sizes = sorted({member.params for member in frontier.all_members})
        if len(sizes) > 1 and outcome.params in (sizes[0], sizes[-1]):
            flags.append("edge_size")
        if points.last[place.nearest(points.step > 0)] and frontier.setting.variant != "exact":
            flags.append("edge_steps")
        vertex = int(np.searchsorted(frontier.vertices, place.left))
        if not strict and place.weight > 0.0 and frontier.bridged[vertex]:
            flags.append("bridged")
    if compute > frontier.largest_compute:
        flags.append("carried")
    if compute < points.time_flops[0]:
        flags.append("below_cheapest")
    return tuple(flags)


def _sentences(outcome: _Outcome, flags: tuple[str, ...], beats: bool, count: int) -> list[str]:
    """What a person should know about this result."""
    said = explain(outcome.status, outcome.resolution_bits, flags, beats)
    if outcome.status == ResultStatus.OK:
        error, least = outcome.interpolation_error_bits, NOTICEABLE * outcome.model_bits
        if error > least:
            said.append(
                f"the record points are sparse: interpolating between them moves epiplexity by "
                f"{error:.2g} bits; record more points per decade"
            )
        cost = float(coding.selection_bits(count))
        if cost > least:
            said.append(f"naming one of {count} candidates would cost {cost:.2g} bits more")
    return said


def _build(
    frontier: Frontier, compute: float, outcome: _Outcome, flags: tuple[str, ...], beats: bool
) -> Decomposition:
    setting = frontier.setting
    count = len(frontier.points) + 1
    intervals = outcome.intervals or (None, None, None)
    data, tokens, bytes_per_token = outcome.data_bits, setting.test_tokens, setting.bytes_per_token
    per_byte = bytes_per_token and float(coding.per_byte(data, tokens, bytes_per_token))
    return Decomposition(
        source=setting.source,
        compute_flops=compute,
        epiplexity_bits=outcome.model_bits,
        epiplexity_bits_interval=intervals[0],
        entropy_bits=data,
        entropy_bits_interval=intervals[1],
        entropy_bits_per_token=data / tokens,
        entropy_bits_per_byte=per_byte,
        mdl_bits=outcome.model_bits + data,
        mdl_bits_interval=intervals[2],
        status=outcome.status,
        resolution_bits=outcome.resolution_bits,
        params=outcome.params,
        train_tokens=outcome.train_tokens,
        test_tokens=tokens,
        estimator=setting.estimator,
        variant=setting.variant,
        floor=setting.floor,
        procedure=setting.procedure,
        member=outcome.member,
        neighbours=outcome.neighbours,
        candidates=count,
        selection_bits=float(coding.selection_bits(count)),
        interpolation_error_bits=outcome.interpolation_error_bits,
        flags=flags,
        warnings=frontier.warnings + tuple(_sentences(outcome, flags, beats, count)),
    )
