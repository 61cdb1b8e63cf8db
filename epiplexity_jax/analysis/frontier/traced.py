"""A frontier over candidates, as a procedure traces it, and its answer at a compute budget.

Lengths are bits, times FLOPs. Axis letters: P candidate of all members, K vertex of the frontier,
E candidate of the raw envelope, F point of a member's grid.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool

from epiplexity_jax.analysis.frontier.comparisons import standard_errors
from epiplexity_jax.analysis.frontier.members import Member, fine_steps, resample
from epiplexity_jax.analysis.shapes import AnySteps, Flags, Indices, Steps, Values

# Smooth laws with sizes a factor 2 or 4 apart stay below 0.13, sharp drops lie above 0.7.
BRIDGE_GAP = 0.2
# Losses are recorded in float32: a model that predicts uniformly may differ from the uniform code
# by that much and has learnt nothing.
ROUNDING = 1e-6

_INTERPOLATED = (
    *("model_bits", "data_bits", "mdl_bits"),
    *("model_stderr", "mdl_stderr", "interpolation_error_bits", "certified_bits"),
)
_LINEAR = ("model_stderr", "mdl_stderr", "interpolation_error_bits", "certified_bits")


def log_length(bits: Values) -> Values:
    """Logarithm of code lengths, where lengths under one bit count as one bit.

    A deterministic source may drive the data length to 0, and an area within its error below 0.
    """
    return np.log(np.maximum(bits, 1.0))


def envelope(mdl_bits: Values) -> Indices:
    """The points that are shorter than every cheaper one: the raw lower envelope.

    Args:
        mdl_bits: [P] bits, in order of time.

    >>> envelope(np.array([5.0, 6.0, 4.0, 4.0, 1.0])).tolist()
    [0, 2, 4]
    """
    best = np.minimum.accumulate(mdl_bits)
    return np.flatnonzero(mdl_bits < np.append(np.inf, best[:-1]))


def spans_cliff(
    time: Values, mdl_bits: Values, stderr_bits: Values, vertices: Indices
) -> Bool[np.ndarray, " kept"]:
    """Segments of a hull that bridge a cliff, so that no model is near the line.

    A segment is a bridge when some point of the raw envelope between its ends lies above the line
    by more than `BRIDGE_GAP` of what the whole frontier gains (the fall of log MDL from its first
    vertex to its last), and by more than twice its own standard error.

    Args:
        time: [P] FLOPs.
        mdl_bits: [P] bits.
        stderr_bits: [P] standard errors of mdl_bits.
        vertices: [K] indices of P.

    Returns:
        [K] True where the segment that begins at a vertex is a bridge; the last is False.
    """
    bridged = np.zeros(vertices.size, dtype=bool)
    if vertices.size < 2:
        return bridged
    x, y = np.log(time), log_length(mdl_bits)
    kept = envelope(mdl_bits)
    gap = y[kept] - np.interp(x[kept], x[vertices], y[vertices])
    least = np.maximum(
        BRIDGE_GAP * (y[vertices[0]] - y[vertices[-1]]),
        2.0 * stderr_bits[kept] / np.maximum(mdl_bits[kept], 1.0),
    )
    segment = np.searchsorted(vertices, kept, side="right") - 1
    bridged[segment[gap > least]] = True
    return bridged


@dataclass(frozen=True, eq=False)
class Points:
    """Candidates of a frontier, of all members, sorted by time.

    Attributes:
        time_flops, model_bits, data_bits, model_stderr, mdl_stderr: [P].
        step, train_tokens, interpolation_error_bits: [P].
        certified_bits: [P] of the model; NaN where the code has none.
        member: [P] index of the member; last: [P] True at its member's last record point.
    """

    time_flops: Values
    model_bits: Values
    data_bits: Values
    model_stderr: Values
    mdl_stderr: Values
    interpolation_error_bits: Values
    certified_bits: Values
    train_tokens: Values
    step: Steps
    member: Steps
    last: Flags

    @property
    def mdl_bits(self) -> Values:
        """[P] the two-part code."""
        return self.model_bits + self.data_bits

    @property
    def run(self) -> Steps:
        """[P] the member; -1 for untrained models, which are a run of their own."""
        return np.where(self.step == 0, -1, self.member)

    def __len__(self) -> int:
        """Number of points."""
        return self.time_flops.size


Keep = Callable[[Values, Values, Steps], Indices]
"""Rule of a procedure: from time, MDL and run [P] of candidates in order of time, which to keep."""


@dataclass(frozen=True)
class Answer:
    """A model at a budget, or two interpolated in log compute.

    Attributes:
        model_bits, data_bits, mdl_bits: lengths; model_stderr, mdl_stderr: standard errors.
        interpolation_error_bits: error of the model length, from sparse record points.
        certified_bits: certified length of the model; NaN where the code has none.
        member: name of the nearer of the two in log compute, a trained one if there is one.
        params: N of it; train_tokens: D; switch_step: step from which averaged weights code its
            stream, None where they never do.
        neighbours: names of the models that take part.
        untrained: True where none of them was trained.
        ends_run: True where the nearest is its run's last record point.
        bridged: True between the ends of a sudden drop.
        beyond: flags of what lies beyond all that was measured; empty where an answer is a
            measured one.
    """

    model_bits: float
    data_bits: float
    mdl_bits: float
    model_stderr: float
    mdl_stderr: float
    interpolation_error_bits: float
    certified_bits: float
    member: str
    params: int
    train_tokens: float
    switch_step: int | None
    neighbours: tuple[str, ...]
    untrained: bool
    ends_run: bool
    bridged: bool
    beyond: tuple[str, ...] = ()


class Traced:
    """Candidates of a family, and those that a procedure keeps.

    Args:
        members: members of one source.
        keep: the procedure's rule.
        refine: True adds candidates between the record points, where lengths may be interpolated.

    Attributes:
        points: every candidate.
        grids: the steps [F] of each member's candidates.
        order: [P] indexes the members' candidates, one member after the other, by time.
        vertices: [K] indices of the candidates that make up the frontier.
        envelope: [E] indices of the candidates shorter than every cheaper one.
        notes: sentences on how it was traced.
    """

    notes: tuple[str, ...] = ()
    extrapolates = False  # True where answers go on beyond the dearest run

    def __init__(self, members: Sequence[Member], keep: Keep, refine: bool = False) -> None:
        """Trace the members' lengths."""
        self.members, self._keep = tuple(members), keep
        self.grids = tuple(
            fine_steps(m.steps) if refine and m.refinable else m.steps for m in members
        )
        joined = _candidates(self.members, self.grids)
        mdl = joined["model_bits"] + joined["data_bits"]
        self.order = np.lexsort((mdl, joined["time_flops"]))
        self._select(Points(**{name: values[self.order] for name, values in joined.items()}))

    def _select(self, points: Points) -> None:
        self.points, mdl = points, points.mdl_bits
        self.vertices = self._keep(points.time_flops, mdl, points.run)
        self.envelope = envelope(mdl)

    def with_lengths(self, model_bits: Values, data_bits: Values) -> "Traced":
        """Trace the same candidates with other lengths [P], in order of time."""
        other: Traced = object.__new__(type(self))
        cached = {"bridged", "of_vertices", "held_out", "notes"}  # which depend on the lengths
        other.__dict__.update({k: v for k, v in self.__dict__.items() if k not in cached})
        other._select(replace(self.points, model_bits=model_bits, data_bits=data_bits))
        return other

    @cached_property
    def errors(self) -> float:
        """Standard errors that a result must lie beyond, as many recipes as were compared."""
        return standard_errors(max((member.recipes for member in self.members), default=1))

    @cached_property
    def _errors_in_turns(self) -> float:
        """The same of a record point before the end, the best of those that err on their own."""
        return standard_errors(max((m.recipes * m.subsets for m in self.members), default=1))

    @cached_property
    def bridged(self) -> Flags:
        """[K] True where the segment from a vertex to the next spans a cliff."""
        points = self.points
        return spans_cliff(points.time_flops, points.mdl_bits, points.mdl_stderr, self.vertices)

    def at(self, compute: float, strict: bool = False) -> Answer | None:
        """The model that a budget buys; None below the cheapest candidate.

        Args:
            compute: T, FLOPs.
            strict: take the best candidate within T, and do not interpolate.
        """
        kept, points = (self.envelope if strict else self.vertices), self.points
        time = points.time_flops[kept]
        j = int(np.searchsorted(time, compute, side="right")) - 1
        if j < 0:
            return None
        left = right = int(kept[j])
        weight = 0.0
        if not strict and j + 1 < kept.size:
            weight = math.log(compute / time[j]) / math.log(time[j + 1] / time[j])
            right = int(kept[j + 1])

        def of(values: Values) -> float:
            return float((1.0 - weight) * values[left] + weight * values[right])

        ends = (left, right) if weight > 0.0 else (left,)
        trained = points.step > 0
        near, far = (left, right) if weight < 0.5 else (right, left)
        near = far if far in ends and trained[far] and not trained[near] else near
        nearest, tokens = self.members[points.member[near]], float(points.train_tokens[near])
        lengths: dict[str, Any] = {name: of(getattr(points, name)) for name in _INTERPOLATED}
        return Answer(
            **lengths,
            member=nearest.name,
            params=nearest.params,
            train_tokens=tokens,
            switch_step=nearest.switch_step(tokens),
            neighbours=tuple(self.members[points.member[end]].name for end in ends),
            untrained=not trained[list(ends)].any(),
            ends_run=bool(points.last[near]),
            bridged=weight > 0.0 and bool(self.bridged[j]),
        )

    def lengths(self, log_compute: float, strict: bool = False) -> tuple[float, float]:
        """Model and data length at a budget, those of the ends beyond them.

        Args:
            log_compute: natural logarithm of T.
            strict: as for `at`.
        """
        if strict:
            x, model, data = self._of(self.envelope)
            j = max(int(np.searchsorted(x, log_compute, side="right")) - 1, 0)
            return float(model[j]), float(data[j])
        x, model, data = self.of_vertices
        return float(np.interp(log_compute, x, model)), float(np.interp(log_compute, x, data))

    @cached_property
    def of_vertices(self) -> tuple[Values, Values, Values]:
        """[K] natural logarithm of the time, model and data length of the vertices."""
        return self._of(self.vertices)

    def _of(self, kept: Indices) -> tuple[Values, Values, Values]:
        """Logarithm of the time, model and data length of some candidates."""
        points = self.points
        return np.log(points.time_flops[kept]), points.model_bits[kept], points.data_bits[kept]

    def beats(self, uniform_bits: float, compute: float, strict: bool = False) -> bool:
        """Return whether a model within the budget beats the uniform code by more than its error.

        That is `self.errors` standard errors, before the end of a run, where record points may take
        turns over the held-out set, those of as many subsets, too. Any of the frontier's models
        counts, not only the last: MDL_T must not rise with T. One that needs more bits for the data
        than the uniform code does not: its model length is negative, as training reads more than
        the dataset holds, and no message has such a length.

        Args:
            uniform_bits: length of the uniform code.
            compute: T, FLOPs.
            strict: as for `at`.
        """
        points, kept = self.points, (self.envelope if strict else self.vertices)
        within = kept[points.time_flops[kept] <= compute]
        least_errors = np.where(points.last[within], self.errors, self._errors_in_turns)
        codes = points.mdl_bits[within] + least_errors * points.mdl_stderr[within]
        codes = codes[points.data_bits[within] < uniform_bits]
        answer, least = self.at(compute, strict), uniform_bits * (1.0 - ROUNDING)
        last = []
        if answer is not None and answer.data_bits < uniform_bits:
            last = [answer.mdl_bits + self._errors_in_turns * answer.mdl_stderr]
        return bool(np.any(np.append(codes, last) < least))

    def resolution(self, compute: float) -> float | None:
        """`self.errors` standard errors of S of the best model that the budget buys, bits.

        It buys each member's last point within T; of these the one with the shortest two-part code
        counts. Where the budget buys none, the cheapest trained point of all stands in.
        """
        points = self.points
        trained = np.flatnonzero(points.step > 0)
        within = trained[points.time_flops[trained] <= compute]
        if within.size == 0:
            return self.errors * float(points.model_stderr[trained[0]]) if trained.size else None
        # Points are sorted by time, so the last of a member in the reversed order comes first.
        _, first = np.unique(points.member[within][::-1], return_index=True)
        bought = within[::-1][first]
        best = bought[np.argmin(points.mdl_bits[bought])]
        return self.errors * float(points.model_stderr[best])


def _candidates(members: Sequence[Member], grids: Sequence[AnySteps]) -> dict[str, Any]:
    """Columns [P] of `Points`, member after member, each on its grid [F]."""
    kinds: dict[str, Any] = {"step": np.int64, "member": np.int64, "last": bool}
    columns = {f.name: [np.zeros(0, kinds.get(f.name, np.float64))] for f in fields(Points)}
    for index, (member, steps) in enumerate(zip(members, grids, strict=True)):
        x, at = np.log1p(member.steps), np.log1p(steps)
        for name in ("time_flops", "train_tokens"):  # straight lines in the number of steps
            columns[name].append(np.interp(steps, member.steps, getattr(member, name)))
        for name in ("model_bits", "data_bits"):
            columns[name].append(resample(member.steps, getattr(member, name), steps))
        for name in _LINEAR:
            columns[name].append(np.interp(at, x, getattr(member, name)))
        columns["step"].append(steps)
        columns["member"].append(np.full(steps.size, index))
        columns["last"].append(steps == member.steps[-1])
    return {name: np.concatenate(values) for name, values in columns.items()}
