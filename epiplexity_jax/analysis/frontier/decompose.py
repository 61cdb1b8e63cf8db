"""The decomposition at one budget: which model answers, and what the answer is worth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from epiplexity_jax import coding
from epiplexity_jax.analysis.frontier.decomposition import (
    Decomposition,
    Interval,
    Setting,
    explain,
    status_of,
)
from epiplexity_jax.analysis.frontier.intervals import Intervals
from epiplexity_jax.analysis.frontier.members import Member
from epiplexity_jax.analysis.frontier.traced import Answer, Traced
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import ResultStatus

# Sentences about choice and interpolation are worth reading from this share of S_T on.
NOTICEABLE = 0.05


def decompose(
    setting: Setting,
    traced: Traced,
    intervals: Intervals,
    compute: float,
    strict: bool,
    warnings: Sequence[str],
) -> Decomposition:
    """Epiplexity and entropy at a budget.

    Args:
        setting: of the frontier.
        traced: the frontier.
        intervals: its replicates.
        compute: T, FLOPs.
        strict: take the best candidate within T, and do not interpolate.
        warnings: sentences that hold at every budget.

    Raises:
        ConfigError: when the budget is not a positive number.
    """
    if isinstance(compute, bool) or not (compute > 0 and math.isfinite(compute)):
        raise ConfigError(f"compute: must be a positive number of FLOPs, got {compute!r}")
    compute, uniform = float(compute), setting.uniform_bits
    answer, resolution = traced.at(compute, strict), traced.resolution(compute)
    below = answer is not None and answer.mdl_bits < uniform
    if answer is None or not traced.beats(uniform, compute, strict):
        found = ((0.0, 0.0), (uniform, uniform), (uniform, uniform))
        if answer is not None:
            found = intervals.above_uniform(compute)
        outcome = _Outcome(0.0, uniform, found if intervals else None, resolution)
    else:
        found = intervals.around(compute, answer.model_bits, answer.data_bits, strict)
        outcome = _model(answer, found, resolution)
    flags = _flags(setting, traced.members, compute, answer, outcome)
    said = _sentences(outcome, flags, below, traced.candidates + 1)
    return _build(setting, compute, outcome, flags, traced.candidates + 1, (*warnings, *said))


@dataclass(frozen=True)
class _Outcome:
    """The model that answers, with its lengths and errors; by default the uniform code."""

    model_bits: float
    data_bits: float
    intervals: tuple[Interval, Interval, Interval] | None
    resolution_bits: float | None
    status: ResultStatus = ResultStatus.UNTRAINED
    member: str = "uniform"
    neighbours: tuple[str, ...] = ("uniform",)
    params: int = 0
    train_tokens: float = 0.0
    interpolation_error_bits: float = 0.0


def _model(
    answer: Answer,
    intervals: tuple[Interval, Interval, Interval] | None,
    resolution: float | None,
) -> _Outcome:
    status = ResultStatus.UNTRAINED
    if not answer.untrained:
        status = status_of(answer.model_bits, answer.model_stderr)
        resolution = 2.0 * answer.model_stderr
    return _Outcome(
        answer.model_bits,
        answer.data_bits,
        intervals,
        resolution,
        status,
        answer.nearest.name,
        answer.neighbours,
        answer.nearest.params,
        answer.train_tokens,
        answer.interpolation_error_bits,
    )


def _flags(
    setting: Setting,
    members: Sequence[Member],
    compute: float,
    answer: Answer | None,
    outcome: _Outcome,
) -> tuple[str, ...]:
    """Flags of an optimum at the edge of the grid, on a bridge, or out of range."""
    if not members:
        return ()
    flags = []
    if answer is not None and outcome.status != ResultStatus.UNTRAINED:
        sizes = sorted({member.params for member in members})
        if len(sizes) > 1 and outcome.params in (sizes[0], sizes[-1]):
            flags.append("edge_size")
        if answer.ends_run and setting.variant != "exact":
            flags.append("edge_steps")
        if answer.bridged:
            flags.append("bridged")
    if compute > max(member.time_flops[-1] for member in members):
        flags.append("carried")
    if compute < min(member.time_flops[0] for member in members):
        flags.append("below_cheapest")
    return tuple(flags)


def _sentences(outcome: _Outcome, flags: tuple[str, ...], beats: bool, count: int) -> list[str]:
    """Sentences that a person should know about this result."""
    said = explain(outcome.status, outcome.resolution_bits, flags, beats)
    if outcome.status == ResultStatus.OK:
        error, least = outcome.interpolation_error_bits, NOTICEABLE * outcome.model_bits
        if error > least:
            said.append(
                f"the record points are sparse: interpolating between them moves epiplexity by "
                f"{error:.2g} bits; the online variant sums every training loss instead "
                "(--variant online)"
            )
        cost = float(coding.selection_bits(count))
        if cost > least:
            said.append(f"naming one of {count} candidates would cost {cost:.2g} bits more")
    return said


def _build(
    setting: Setting,
    compute: float,
    outcome: _Outcome,
    flags: tuple[str, ...],
    count: int,
    warnings: tuple[str, ...],
) -> Decomposition:
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
        warnings=warnings,
    )
