"""Epiplexity and entropy of a dataset at a compute budget, and how far to trust them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from epiplexity_jax import coding
from epiplexity_jax.analysis.frontier.edges import Interval, flags_at, open_sides
from epiplexity_jax.analysis.frontier.intervals import Intervals
from epiplexity_jax.analysis.frontier.saturation import Saturation, saturation_at
from epiplexity_jax.analysis.frontier.setting import Setting
from epiplexity_jax.analysis.frontier.traced import Answer, Traced
from epiplexity_jax.analysis.runs.codes import VARIANTS
from epiplexity_jax.analysis.runs.recipes import Code, RecipeReport, changes_if_alike
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import ResultStatus

# Sentences about choice and interpolation are worth reading from this share of S_T on.
NOTICEABLE = 0.05
_FROM_SETTING = (
    *("source", "test_tokens", "estimator", "variant", "floor", "procedure"),
    "recipe",
)


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """S_T and H_T of one source at one budget; lengths in bits, intervals at 95 %.

    Attributes:
        source: name of the source.
        compute_flops: the budget T that was asked for.
        epiplexity_bits: S_T, the model length; 0.0 when untrained, kept when negative.
        epiplexity_bits_interval: (low, high), None where a side is open, as a longer or larger run
            may move the value there; None with a single seed.
        entropy_bits: H_T, the data length; entropy_bits_interval likewise.
        entropy_bits_per_token: H_T per label token; entropy_bits_per_byte: per byte of original
            data, or None where the source has no bytes.
        mdl_bits: their sum; mdl_bits_interval likewise.
        saturation: growth of S, d log S / d log T from T/2 to T; None where S is not resolved at
            both or T exceeds every run; saturation_interval likewise.
        certified_bits: certified length of the model, with what its messages cost beyond their KL;
            certified_mdl_bits: with the data length; None where the code is not requential.
        status: status of the result: ok, untrained, below_resolution or negative.
        resolution_bits: twice the standard error of the model length of the best model at this
            budget (a result below it says nothing), more than twice where the recipe is the best of
            several; None when nothing was trained or the curves carry no errors.
        params: N of the chosen model, 0 for the uniform code; train_tokens: D, likewise.
        test_tokens: label tokens of the dataset.
        estimator, variant, floor, procedure: how this was measured.
        member: name of the chosen model, or "uniform".
        neighbours: names of the points that were interpolated between (one when none were).
        switch_step: the chosen model's step from which averaged weights code the stream; None where
            they never do or the variant has no switch.
        candidates: members times points that were compared; selection_bits: log2 of it, what
            naming the choice would cost. It is not part of the lengths.
        interpolation_error_bits: error of the model length, from dropping every other record point.
        flags: "edge_size" with "smallest_size" or "largest_size" (both where there is one size),
            "edge_steps", "edge_rate", "edge_batch", "bridged", "carried", "below_cheapest"; of a
            fitted law "beyond_sizes", "beyond_tokens", "beyond_compute".
        recipe: the members' recipe and what its neighbours would give (`RecipeReport`); None where
            it is not known.
        heldout_split: what is held out of a text, a file or rows: "windows", "documents" or
            "file"; None where examples are drawn or it is not known.
        heldout_verbatim_share: share of held-out sequences that occur verbatim in the training
            part; None where it is not known.
        flops_ratio: XLA's count of the chosen size's training FLOPs over the declared one, which T
            counts; None where T takes XLA's or it is not known.
        warnings: sentences for a person.
    """

    source: str
    compute_flops: float
    epiplexity_bits: float
    epiplexity_bits_interval: Interval | None
    entropy_bits: float
    entropy_bits_interval: Interval | None
    entropy_bits_per_token: float = field(init=False)
    entropy_bits_per_byte: float | None
    mdl_bits: float = field(init=False)
    mdl_bits_interval: Interval | None
    saturation: float | None = None
    saturation_interval: Interval | None = None
    certified_bits: float | None = None
    certified_mdl_bits: float | None = field(init=False)
    status: ResultStatus
    resolution_bits: float | None
    params: int
    train_tokens: float
    switch_step: int | None = None
    test_tokens: float
    estimator: str
    variant: str
    floor: str
    procedure: str
    member: str
    neighbours: tuple[str, ...]
    candidates: int
    selection_bits: float = field(init=False)
    interpolation_error_bits: float
    flags: tuple[str, ...]
    warnings: tuple[str, ...]
    recipe: RecipeReport | None = None
    heldout_split: str | None = None
    heldout_verbatim_share: float | None = None
    flops_ratio: float | None = None

    def __post_init__(self) -> None:
        """Compute the fields that follow from others."""
        per_token, mdl = self.entropy_bits / self.test_tokens, self.epiplexity_bits
        object.__setattr__(self, "entropy_bits_per_token", per_token)
        object.__setattr__(self, "mdl_bits", mdl + self.entropy_bits)
        whole = None if self.certified_bits is None else self.certified_bits + self.entropy_bits
        object.__setattr__(self, "certified_mdl_bits", whole)
        object.__setattr__(self, "selection_bits", float(coding.selection_bits(self.candidates)))

    def to_json(self) -> dict[str, Any]:
        """Plain values by field name; intervals as [low, high] or None."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        lists = {name: list(value) for name, value in found.items() if isinstance(value, tuple)}
        recipe = self.recipe and self.recipe.to_json()
        return found | lists | {"status": str(self.status), "recipe": recipe}


# Fields of a decomposition where the uniform code answers.
UNIFORM: dict[str, Any] = {
    "epiplexity_bits": 0.0,
    "status": ResultStatus.UNTRAINED,
    "member": "uniform",
    "neighbours": ("uniform",),
    "params": 0,
    "train_tokens": 0.0,
    "interpolation_error_bits": 0.0,
}


def status_of(epiplexity_bits: float, resolution_bits: float) -> ResultStatus:
    """Status of a trained model's length, given the length below which it says nothing.

    >>> status_of(10.0, 4.0).value, status_of(3.0, 4.0).value, status_of(-9.0, 4.0).value
    ('ok', 'below_resolution', 'negative')
    """
    if epiplexity_bits == 0.0 or abs(epiplexity_bits) < resolution_bits:
        return ResultStatus.BELOW_RESOLUTION
    return ResultStatus.NEGATIVE if epiplexity_bits < 0 else ResultStatus.OK


def explain(
    status: ResultStatus, resolution_bits: float | None, flags: tuple[str, ...], beats: bool
) -> list[str]:
    """Sentences for what a status and the flags mean.

    Args:
        status: status of the result.
        resolution_bits: resolution of the model length: a shorter one is within its error.
        flags: flags of the result.
        beats: True if some model's code is shorter than the uniform one at all.
    """
    said = []
    if status == ResultStatus.BELOW_RESOLUTION:
        bits = "unknown" if resolution_bits is None else f"{resolution_bits:.2g}"
        said.append(f"epiplexity is below resolution (< {bits} bits)")
    if status == ResultStatus.NEGATIVE:
        known = "" if resolution_bits is None else " by more than its error"
        said.append(
            f"epiplexity is negative{known}: the floor lies above the curve, as "
            "when training diverges late; look at the run's losses"
        )
    if status == ResultStatus.UNTRAINED and "below_cheapest" not in flags:
        close = ", though one comes below it within the error" if beats else ""
        said.append(
            "no model within this budget beats the uniform code by more than its error" + close
        )
    return said + [_FLAGS[flag] for flag in flags if flag in _FLAGS]


_FLAGS = {
    "smallest_size": "the best model is the smallest of the family: add smaller sizes",
    "largest_size": "the best model is the largest of the family: add larger sizes",
    "edge_steps": "the best model is its run's last record point: train for more steps",
    "edge_rate": "the best learning rate lies at the end of those tried: give "
    "training.learning_rate, or the family's learning_rates, beyond it",
    "edge_batch": "the best batch size lies at the end of those tried: give "
    "training.batch_size, or the family's batch_sizes, beyond it",
    "bridged": "the frontier bridges a sudden drop here: no model was near the line, so take "
    "strict=True (or --frontier raw) or add sizes and record points",
    "carried": "the budget exceeds every run: the last point of the frontier is carried on",
    "beyond_sizes": "the law's best model is smaller or larger than all that were trained: an "
    "extrapolation",
    "beyond_tokens": "the law's best model reads fewer or more tokens than those that it was "
    "fitted to: an extrapolation",
    "beyond_compute": "the budget exceeds every run: an extrapolation of the law",
    "below_cheapest": "the budget is too small for any member, even untrained: the uniform code "
    "answers",
}


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
        setting: the frontier's setting.
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
        chosen = _model(answer, resolution, traced.errors)
        recipes = changes_if_alike(setting.recipe, Code(answer.model_bits, answer.mdl_bits))
        model, data, mdl = intervals.around(compute, answer, strict, recipes)
    else:
        chosen = UNIFORM | {"entropy_bits": uniform, "resolution_bits": resolution}
        model, data, mdl = (0.0, 0.0), (uniform, uniform), (uniform, uniform)
        if answer is not None or not intervals:
            model, data, mdl = intervals.above_uniform(compute, strict)
    flags = flags_at(setting, traced, compute, answer, chosen)
    growth = Saturation()
    if chosen["status"] != ResultStatus.UNTRAINED:
        chosen = _resolved(chosen, model) if traced.extrapolates else chosen
        model, data, mdl = open_sides(model, data, mdl, flags)
        ends = not VARIANTS.find(setting.variant, "variant").at_end
        growth = saturation_at(traced, intervals, uniform, compute, ends)
    beats = answer is not None and max(answer.mdl_bits, answer.data_bits) < uniform
    candidates = len(traced.points) + 1
    said = _sentences(chosen, flags, beats, candidates)
    return Decomposition(
        compute_flops=compute,
        epiplexity_bits_interval=model,
        entropy_bits_interval=data,
        mdl_bits_interval=mdl,
        saturation=growth.value,
        saturation_interval=growth.interval,
        candidates=candidates,
        flags=flags,
        warnings=(*warnings, *said),
        entropy_bits_per_byte=setting.per_byte(chosen["entropy_bits"]),
        **setting.facts.of_model(chosen["params"]),
        **{name: getattr(setting, name) for name in _FROM_SETTING},
        **chosen,
    )


def _resolved(chosen: Mapping[str, Any], model: Interval | None) -> dict[str, Any]:
    """Fields of a decomposition by a law, whose refits say how well S is known, and no point does.

    Args:
        chosen: fields with the resolution of the nearest point.
        model: interval of S by refits; None without replicates.
    """
    if model is None or model[0] is None or model[1] is None:
        return dict(chosen)
    resolution = max(chosen["resolution_bits"] or 0.0, (model[1] - model[0]) / 2)
    status = status_of(chosen["epiplexity_bits"], resolution)
    return {**chosen, "resolution_bits": resolution, "status": status}


def _model(answer: Answer, resolution: float | None, errors: float) -> dict[str, Any]:
    """Fields of a decomposition where a model answers.

    Args:
        answer: the model.
        resolution: resolution of the best model of the budget, bits.
        errors: standard errors of a length that make it resolved.
    """
    status = ResultStatus.UNTRAINED
    if not answer.untrained:
        resolution = errors * answer.model_stderr or None
        status = status_of(answer.model_bits, resolution or 0.0)
    return {
        "epiplexity_bits": answer.model_bits,
        "entropy_bits": answer.data_bits,
        "resolution_bits": resolution,
        "status": status,
        "member": answer.member,
        "neighbours": answer.neighbours,
        "params": answer.params,
        "train_tokens": answer.train_tokens,
        "switch_step": answer.switch_step,
        "interpolation_error_bits": answer.interpolation_error_bits,
        "certified_bits": None if math.isnan(answer.certified_bits) else answer.certified_bits,
    }


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
