"""Code lengths of a curve under a variant and a floor, with their standard errors.

Axis letters: R record point, S seed, Q error factor. Losses are nats per label token, lengths are
bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from epiplexity_jax import coding
from epiplexity_jax.analysis.runs import errors, variants
from epiplexity_jax.analysis.runs.codes import VARIANTS
from epiplexity_jax.analysis.runs.curve import Curve
from epiplexity_jax.analysis.runs.errors import Factors
from epiplexity_jax.analysis.runs.floor import Correction
from epiplexity_jax.analysis.runs.variants import Choice, Coded
from epiplexity_jax.analysis.shapes import Seeds, Steps, Values
from epiplexity_jax.base.choices import FLOORS
from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.base.units import nats_to_bits

_MOST_TOKENS = 1e30


@dataclass(frozen=True, eq=False, kw_only=True)
class Scored:
    """Code lengths at every record point, in bits, with their standard errors.

    Attributes:
        steps: [R]; train_tokens: [R]; time_flops: [R].
        model_seeds: [S, R] of each seed, exactly 0 at step 0; data_seeds: [S, R].
        model_factors, data_factors: errors that are shared between record points, members and the
            two lengths (`errors`), [Q, R] by name.
        model_var: [R] variance of the mean model length that no factor carries (the KL's).
        own_var: [R] variance of the mean model length from the tokens that each seed reads or sends
            alone, in factors or not: the scatter between seeds that sampling explains.
        data_gain: bits of the data length per nat of the loss.
        switch_steps: [R] step from which averaged weights code the stream, `variants.NEVER` where
            they never do; None where the variant has no switch.
        certified_bits: [R] mean certified length of the model; NaN where the code has none.
        interpolation_error_bits: [R] of the model length.
        refinable: whether lengths between record points may be interpolated; in the exact variant
            R is 2, the untrained and the final model, and nothing is known between them.
        is_area: whether the model length is the area of the losses above the final one.
        tokens_per_label: train tokens for each label token.
    """

    steps: Steps
    train_tokens: Values
    time_flops: Values
    model_seeds: Seeds
    data_seeds: Seeds
    model_factors: Factors
    data_factors: Factors
    model_var: Values
    own_var: Values
    data_gain: float
    switch_steps: Steps | None
    certified_bits: Values
    interpolation_error_bits: Values
    refinable: bool = True
    is_area: bool = True
    tokens_per_label: float = 1.0

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return self.model_seeds.shape[0]

    @property
    def model_bits(self) -> Values:
        """[R] mean model length."""
        return self.model_seeds.mean(axis=0)

    @property
    def data_bits(self) -> Values:
        """[R] mean data length."""
        return self.data_seeds.mean(axis=0)

    @property
    def mdl_bits(self) -> Values:
        """[R] mean two-part code."""
        return self.model_bits + self.data_bits

    @property
    def model_stderr(self) -> Values:
        """[R] standard error of the model length: sampled tokens and seeds."""
        return self._stderr(self.model_factors, self.model_seeds, self.model_var, self.own_var)

    @property
    def data_stderr(self) -> Values:
        """[R] standard error of the data length."""
        nothing = np.zeros_like(self.own_var)
        return self._stderr(self.data_factors, self.data_seeds, nothing, nothing)

    @property
    def mdl_stderr(self) -> Values:
        """[R] standard error of their sum, whose parts share held-out blocks and streams."""
        factors = errors.add((self.model_factors, 1.0), (self.data_factors, 1.0))
        codes = self.model_seeds + self.data_seeds
        return self._stderr(factors, codes, self.model_var, self.own_var)

    def _stderr(self, factors: Factors, seeds: Seeds, rest: Values, own: Values) -> Values:
        """Errors of sampled tokens, and the scatter of the seeds as far as it exceeds their own."""
        total = errors.variance(factors, rest) + rest
        if self.seeds > 1:
            total = total + np.maximum(seeds.var(axis=0, ddof=1) / self.seeds - own, 0.0)
        return np.sqrt(total)


def check_test_tokens(test_tokens: float) -> float:
    """The number of test tokens as a float.

    Raises:
        ConfigError: when it is not positive, or so large that lengths overflow.
    """
    if isinstance(test_tokens, bool) or not 0 < test_tokens <= _MOST_TOKENS:
        raise ConfigError(
            "test_tokens: must be a positive number of label tokens, at most "
            f"{_MOST_TOKENS:g}, got {test_tokens!r}"
        )
    return float(test_tokens)


def score(
    curve: Curve,
    test_tokens: float,
    variant: str | None = None,
    floor: str | None = None,
    *,
    correction: Correction | None = None,
    choice: Choice | None = None,
) -> Scored:
    """Code lengths of a run at every record point (docs/coding.md), with the names of choices.

    Args:
        curve: the run.
        test_tokens: label tokens of the dataset whose information is measured.
        variant: "switch", "paired", "online" or "exact", of a requential run "switch",
            "ema_student" or "student"; None is the run's own.
        floor: "ema", "raw" or "entropy_rate"; None is the run's own.
        correction: correction of the source's held-out losses; None leaves them as they are.
        choice: steps at which the code switches weights; None chooses them for this run alone.

    Returns:
        Lengths at every record point; in the exact variant at the first and the last.

    Raises:
        ConfigError: when the run's history does not allow the variant or the floor.
    """
    test_tokens = check_test_tokens(test_tokens)
    variant, floor = check_choice(curve, variant, floor)
    code = VARIANTS.find(variant, "variant")
    if code.switches and choice is None:
        choice = variants.choose_switch([curve], test_tokens, floor, correction)
    coded = code.coded(curve, variants.ends_of(curve, floor, correction), choice)
    at = np.unique([0, curve.steps.size - 1]) if code.at_end else slice(None)
    names = _names(curve, coded)
    bits = nats_to_bits(coded.model_nats) + names
    nothing, scale = np.zeros(curve.steps.size), nats_to_bits(1.0)
    spread = nothing if coded.model_var is None else coded.model_var
    error = nothing if coded.interpolation_nats is None else coded.interpolation_nats
    certified = np.nan + nothing if coded.certified_bits is None else coded.certified_bits + names
    return Scored(
        steps=curve.steps[at],
        train_tokens=curve.train_tokens[at],
        time_flops=_time(curve, test_tokens, coded.averaged)[at],
        model_seeds=bits[None, at],
        data_seeds=np.asarray(coding.data_length(coded.floor.losses, test_tokens))[None, at],
        model_factors={name: scale * rows[:, at] for name, rows in coded.factors.items()},
        data_factors={
            name: scale * test_tokens * rows[:, at] for name, rows in coded.floor.factors.items()
        },
        model_var=scale**2 * spread[at],
        own_var=scale**2 * (spread if coded.own_var is None else coded.own_var)[at],
        data_gain=float(scale * test_tokens),
        switch_steps=None if coded.switch_steps is None else coded.switch_steps[at],
        certified_bits=certified[at],
        interpolation_error_bits=scale * error[at],
        refinable=not code.at_end,
        is_area=floor != "entropy_rate" and coded.certified_bits is None,
        tokens_per_label=curve.cost.tokens_per_label,
    )


def _names(curve: Curve, coded: Coded) -> Values:
    """[R] bits that name the recipe among those tried, and the step of the switch."""
    named = np.full(curve.steps.size, coding.selection_bits(curve.recipes))
    if coded.switch_steps is not None:
        named += coding.switch_bits(np.arange(1, curve.steps.size + 1))
    return np.where(curve.steps > 0, named, 0.0)


def _time(curve: Curve, test_tokens: float, averaged: Values) -> Values:
    """[R] FLOPs; averaged weights decode what they code in a second forward pass."""
    cost = curve.cost
    each: Values | float = cost.train_tokens_per_step / cost.label_tokens_per_step
    if curve.labels is not None:  # on average up to each record point
        each = curve.train_tokens / np.maximum(curve.label_tokens, 1.0)
    return np.asarray(
        coding.time_bound(
            curve.train_tokens,
            test_tokens,
            cost.tokens_per_label,
            cost.train_flops_per_token,
            cost.eval_flops_per_token,
            averaged * each,
        )
    )


def check_choice(curve: Curve, variant: str | None, floor: str | None) -> tuple[str, str]:
    """Resolve a variant and a floor against what a curve allows.

    Args:
        curve: the run.
        variant: None is the run's own.
        floor: None is the run's own.

    Raises:
        ConfigError: when the curve does not allow them.
    """
    variant, floor = variant or curve.variant, floor or curve.floor
    code = VARIANTS.find(variant, "variant")
    if variant not in curve.variants:
        allowed = ", ".join(curve.variants)
        why = f"; its data is replayed {curve.replays} times" if curve.replays > 1 else ""
        raise ConfigError(
            f"variant: {variant!r} is not recorded for {curve.name}, only {allowed}{why}"
        )
    if floor not in FLOORS:
        raise ConfigError(f"floor: {did_you_mean('floor', floor, FLOORS)}")
    if floor not in curve.floors():
        allowed = ", ".join(curve.floors())
        why = "not known for"
        if curve.rate_is_unbounded:
            why = "that of an observer without limits on its compute for"
        raise ConfigError(f"floor: {floor!r} is {why} {curve.name}; use {allowed}")
    if not _fit(curve, variant, floor):
        why = "data of a requential code is coded by its student"
        if code.at_end:
            why = "exact variant ends at the final model"
        raise ConfigError(f"floor: the {why}; use ema or raw")
    return variant, floor


def _fit(curve: Curve, variant: str, floor: str) -> bool:
    """A known entropy rate can end the area of a curve, and nothing else."""
    at_end = VARIANTS.find(variant, "variant").at_end
    return floor != "entropy_rate" or (curve.messages is None and not at_end)


def choices(curves: Sequence[Curve]) -> list[tuple[str, str]]:
    """Every variant with every floor that all of the curves allow; diverged ones do not count."""
    kept = [curve for curve in curves if curve.status != RunStatus.DIVERGED] or list(curves)
    return [
        (variant, floor)
        for variant in VARIANTS
        for floor in FLOORS
        if all(_fit(curve, variant, floor) for curve in kept)
        and not (floor == "raw" and all(curve.has_one_model for curve in kept))
        and all(variant in curve.variants and floor in curve.floors() for curve in kept)
    ]
