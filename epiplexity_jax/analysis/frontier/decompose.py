"""The decomposition at one budget: which model answers, and what the answer is worth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from epiplexity_jax import coding
from epiplexity_jax.analysis.frontier.decomposition import (
    UNIFORM,
    Decomposition,
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
_FROM_SETTING = ("source", "test_tokens", "estimator", "variant", "floor", "procedure")


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
    if answer is not None and traced.beats(uniform, compute, strict):
        chosen = _model(answer, resolution)
        model, data, mdl = intervals.around(compute, answer.model_bits, answer.data_bits, strict)
    else:
        chosen = UNIFORM | {"entropy_bits": uniform, "resolution_bits": resolution}
        model, data, mdl = (0.0, 0.0), (uniform, uniform), (uniform, uniform)
        if answer is not None or not intervals:
            model, data, mdl = intervals.above_uniform(compute)
    flags = _flags(setting, traced.members, compute, answer, chosen)
    beats, candidates = answer is not None and answer.mdl_bits < uniform, len(traced.points) + 1
    said = _sentences(chosen, flags, beats, candidates)
    return Decomposition(
        compute_flops=compute,
        epiplexity_bits_interval=model,
        entropy_bits_interval=data,
        mdl_bits_interval=mdl,
        candidates=candidates,
        flags=flags,
        warnings=(*warnings, *said),
        entropy_bits_per_byte=setting.per_byte(chosen["entropy_bits"]),
        **{name: getattr(setting, name) for name in _FROM_SETTING},
        **chosen,
    )


def _model(answer: Answer, resolution: float | None) -> dict[str, Any]:
    """Fields of a decomposition where a model answers."""
    status = ResultStatus.UNTRAINED
    if not answer.untrained:
        status = status_of(answer.model_bits, answer.model_stderr)
        resolution = 2.0 * answer.model_stderr
    return {
        "epiplexity_bits": answer.model_bits,
        "entropy_bits": answer.data_bits,
        "resolution_bits": resolution,
        "status": status,
        "member": answer.nearest.name,
        "neighbours": answer.neighbours,
        "params": answer.nearest.params,
        "train_tokens": answer.train_tokens,
        "interpolation_error_bits": answer.interpolation_error_bits,
    }


def _flags(
    setting: Setting,
    members: Sequence[Member],
    compute: float,
    answer: Answer | None,
    chosen: Mapping[str, Any],
) -> tuple[str, ...]:
    """Flags of an optimum at the edge of the grid, on a bridge, or out of range."""
    if not members:
        return ()
    flags = []
    if answer is not None and chosen["status"] != ResultStatus.UNTRAINED:
        sizes = sorted({member.params for member in members})
        if len(sizes) > 1 and chosen["params"] in (sizes[0], sizes[-1]):
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


def _sentences(
    chosen: Mapping[str, Any], flags: tuple[str, ...], beats: bool, count: int
) -> list[str]:
    """Sentences that a person should know about this result."""
    said = explain(chosen["status"], chosen["resolution_bits"], flags, beats)
    if chosen["status"] == ResultStatus.OK:
        least, error = NOTICEABLE * chosen["epiplexity_bits"], chosen["interpolation_error_bits"]
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
