"""Code lengths of a curve under a variant and a floor, with their standard errors.

Axis letters: R record point, B held-out block, Q independent error factor. Losses are nats per
label token, lengths are bits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from epiplexity_jax import coding
from epiplexity_jax.analysis.runs.curve import Curve, Heldout
from epiplexity_jax.analysis.shapes import AnyRows, Factors, Seeds, Steps, Values
from epiplexity_jax.base.choices import FLOORS, REFERENCES, VARIANTS
from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.base.units import nats_to_bits

_ERRORS = ("model_gain", "model_var", "interpolation_error_bits")  # 0 where a variant has none


@dataclass(frozen=True, eq=False, kw_only=True)
class Scored:
    """Code lengths at every record point, in bits, with their standard errors.

    `*_factors` [Q, R] hold the errors that are shared between record points and between the two
    lengths: the covariance of two entries is the product of their columns. The error of the full
    held-out set is one number, `floor_stderr_nats`; a shift of it by 1 nat per token moves the
    model length by `model_gain` [R] and the data length by `data_gain`, in bits.

    Attributes:
        steps: [R]; train_tokens: [R]; time_flops: [R].
        model_seeds: [S, R] of each seed, exactly 0 at step 0; data_seeds: [S, R].
        model_var: [R] variance of the mean model length that no factor carries (the online
            code's).
        interpolation_error_bits: [R] of the model length.
        refinable: whether lengths between record points may be interpolated; in the exact variant
            R is 2, the untrained and the final model, and nothing is known between them.
    """

    steps: Steps
    train_tokens: Values
    time_flops: Values
    model_seeds: Seeds
    data_seeds: Seeds
    model_factors: Factors
    data_factors: Factors
    model_gain: Values
    data_gain: float
    floor_stderr_nats: float
    model_var: Values
    interpolation_error_bits: Values
    refinable: bool = True

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
        """[R] standard error of the model length: held-out blocks, floor and seeds."""
        return self._stderr(self.model_factors, self.model_gain, self.model_seeds, self.model_var)

    @property
    def data_stderr(self) -> Values:
        """[R] standard error of the data length."""
        gain = np.full_like(self.model_gain, self.data_gain)
        return self._stderr(self.data_factors, gain, self.data_seeds, np.zeros_like(gain))

    @property
    def mdl_stderr(self) -> Values:
        """[R] standard error of their sum, whose parts share held-out blocks and floor."""
        factors, gain = self.model_factors + self.data_factors, self.model_gain + self.data_gain
        return self._stderr(factors, gain, self.model_seeds + self.data_seeds, self.model_var)

    def _stderr(self, factors: Factors, gain: Values, seeds: Seeds, own: Values) -> Values:
        """Scatter of the seeds already holds their training tokens' variance (`own`)."""
        if self.seeds > 1:
            own = np.maximum(own, seeds.var(axis=0, ddof=1) / self.seeds)
        heldout = np.sum(factors**2, axis=0) + (gain * self.floor_stderr_nats) ** 2
        return np.sqrt(heldout + own)


def check_test_tokens(test_tokens: float) -> float:
    """The number of test tokens as a float.

    Raises:
        ConfigError: when it is not positive and finite.
    """
    if isinstance(test_tokens, bool) or not (test_tokens > 0 and math.isfinite(test_tokens)):
        raise ConfigError(
            f"test_tokens: must be a positive number of label tokens, got {test_tokens!r}"
        )
    return float(test_tokens)


def score(
    curve: Curve, test_tokens: float, variant: str | None = None, floor: str | None = None
) -> Scored:
    """Code lengths of a run at every record point (docs/coding.md).

    Args:
        curve: the run.
        test_tokens: label tokens of the dataset whose information is measured.
        variant: "paired", "online" or "exact", of a requential run "ema_student" or "student";
            None is the run's own.
        floor: "ema", "raw" or "entropy_rate"; None is the run's own.

    Returns:
        Lengths at every record point; in the exact variant at the first and the last.

    Raises:
        ConfigError: when the run's history does not allow the variant or the floor.
    """
    test_tokens = check_test_tokens(test_tokens)
    variant, floor = check_choice(curve, variant, floor)
    heldout = curve.raw if floor == "raw" and curve.raw is not None else curve.ema
    losses, deviations = heldout.adjusted(), _block_deviations(heldout)
    at = slice(None)
    if variant == "paired":
        bits, rest = _paired(curve, heldout, losses, floor)
    elif variant == "online":
        bits, rest = _online(curve, losses, deviations, floor)
    elif variant in REFERENCES:
        bits, rest = _requential(curve, variant)
    else:
        at = np.unique([0, curve.steps.size - 1])
        losses, deviations = losses[at], deviations[:, at]
        bits, rest = _exact(curve, floor, at)
    cost, train_tokens = curve.cost, curve.train_tokens[at]
    return Scored(
        steps=curve.steps[at],
        train_tokens=train_tokens,
        time_flops=np.asarray(
            coding.time_bound(
                train_tokens,
                test_tokens,
                cost.tokens_per_label,
                cost.train_flops_per_token,
                cost.eval_flops_per_token,
            )
        ),
        model_seeds=bits[None],
        data_seeds=np.asarray(coding.data_length(losses, test_tokens))[None],
        data_factors=nats_to_bits(deviations * test_tokens),
        data_gain=float(nats_to_bits(test_tokens)),
        floor_stderr_nats=float(heldout.stderr_nats[-1]),
        refinable=variant != "exact",
        **{name: np.zeros_like(losses) for name in _ERRORS}
        | {"model_factors": 0.0 * deviations}
        | rest,
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
    if variant not in VARIANTS and variant not in curve.variants:
        raise ConfigError(f"variant: {did_you_mean('variant', variant, VARIANTS)}")
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
        raise ConfigError(f"floor: {floor!r} is not known for {curve.name}, only {allowed}")
    if not _fit(variant, floor):
        why = "data of a requential code is coded by its student"
        if variant == "exact":
            why = "exact variant ends at the final model"
        raise ConfigError(f"floor: the {why}; use ema or raw")
    return variant, floor


def _fit(variant: str, floor: str) -> bool:
    """A known entropy rate can end the area of a curve, and nothing else."""
    return floor != "entropy_rate" or variant in ("paired", "online")


def choices(curves: Sequence[Curve]) -> list[tuple[str, str]]:
    """Every variant with every floor that all of the curves allow; diverged ones do not count."""
    kept = [curve for curve in curves if curve.status != RunStatus.DIVERGED] or list(curves)
    return [
        (variant, floor)
        for variant in VARIANTS
        for floor in FLOORS
        if _fit(variant, floor)
        and not (floor == "raw" and all(map(_has_one_model, kept)))
        and all(variant in curve.variants and floor in curve.floors() for curve in kept)
    ]


def _has_one_model(curve: Curve) -> bool:
    """Return whether raw and averaged weights are one model, as those of counts are."""
    return curve.raw is not None and np.array_equal(curve.raw.loss_nats, curve.ema.loss_nats)


def _block_deviations(heldout: Heldout) -> Factors:
    """[Q, R] error factors, in nats, of the loss at i less the loss at the last record point."""
    if heldout.blocks_nats is None:
        return np.zeros((1, heldout.loss_nats.size))
    return _factors((heldout.blocks_nats - heldout.blocks_nats[-1]).T)


def _factors(blocks: Factors) -> Factors:
    """Turn block values [B, R] into factors whose squares sum to the variance of their mean."""
    count = blocks.shape[0]
    return (blocks - blocks.mean(axis=0)) / math.sqrt(count * (count - 1))


Model = tuple[Values, dict[str, AnyRows]]
"""A model length [R], and those fields of `Scored` that are not 0."""


def _paired(curve: Curve, heldout: Heldout, losses: Values, floor: str) -> Model:
    """Sum over steps of the held-out loss above its floor; both ends on the same tokens."""
    tokens, gain = curve.cost.label_tokens_per_step, np.zeros_like(losses)
    blocks = None if heldout.blocks_nats is None else heldout.blocks_nats.T
    # Without blocks nothing is known of the pairing: the curve's own error, unpaired.
    factors = nats_to_bits(curve.label_tokens * heldout.stderr_nats)[None]
    if floor == "entropy_rate":
        rate = np.float64(curve.entropy_rate_nats)
        bits = nats_to_bits(_sum(curve, losses - rate) * tokens)
        gain = nats_to_bits(curve.label_tokens)
        factors = np.zeros((1, losses.size))
        if blocks is not None:
            factors = nats_to_bits(_factors(_sum(curve, blocks - blocks[:, -1:]) * tokens))
    else:
        bits = np.asarray(coding.paired_length(curve.steps, losses, tokens))
        if blocks is not None:
            factors = _factors(np.asarray(coding.paired_length(curve.steps, blocks, tokens)))
    error = nats_to_bits(_interpolation_error(curve, losses) * tokens)
    return bits, {"model_factors": factors, "model_gain": gain, "interpolation_error_bits": error}


def _interpolation_error(curve: Curve, losses: Values) -> Values:
    """[R] by how much the sums so far move when every other record point is left out.

    At the last record point this is `coding.interpolation_error`; between the points that were
    kept it is interpolated.
    """
    count = curve.steps.size
    if count < 3:
        return np.zeros(count)
    kept = np.union1d(np.arange(0, count, 2), [count - 1])
    half = np.asarray(coding.interpolate_sum(curve.steps[kept], losses[kept]))
    return np.interp(curve.steps, curve.steps[kept], np.abs(_sum(curve, losses)[kept] - half))


def _sum(curve: Curve, values: AnyRows) -> AnyRows:
    return np.asarray(coding.interpolate_sum(curve.steps, values))


def _online(curve: Curve, losses: Values, deviations: Factors, floor: str) -> Model:
    """Online losses of the training tokens less the floor at each record point."""
    if curve.online is None:
        raise ConfigError(f"variant: {curve.name} has no online losses")
    labels, end = curve.label_tokens, losses
    rest = {"model_var": nats_to_bits(nats_to_bits(curve.online.sum_var))}
    if floor == "entropy_rate":
        end = np.asarray(curve.entropy_rate_nats, dtype=np.float64)
    else:
        rest["model_factors"] = -nats_to_bits(deviations * labels)
        rest["model_gain"] = -nats_to_bits(labels)
    return np.asarray(coding.online_length(curve.online.sum_nats, labels, end)), rest


def _exact(curve: Curve, floor: str, at: Steps) -> Model:
    """Online losses of the training tokens less those of the final model on the same tokens.

    Both sums are over one data set, so nothing is estimated but for another draw of the data:
    the variances of the two sums added bound that of their difference, as their errors agree in
    sign.
    """
    if curve.exact is None or curve.online is None:
        raise ConfigError(f"variant: {curve.name} was not scored again by its final model")
    final = curve.exact.raw_sum_nats if floor == "raw" else curve.exact.sum_nats
    online, spread = curve.online, np.zeros(at.size)
    bits = np.zeros(at.size)
    if at.size > 1:
        bits[-1] = coding.exact_length(online.sum_nats[-1], final)
        spread[-1] = nats_to_bits(nats_to_bits(online.sum_var[-1] + curve.exact.sum_var))
    return bits, {"model_var": spread}


def _requential(curve: Curve, variant: str) -> Model:
    """KL of the messages sent so far: no held-out loss and no floor is part of it."""
    messages = curve.messages
    assert messages is not None  # a curve that allows the variant has them
    kl, spread = messages.kl_nats, messages.kl_var
    if variant == "student":
        kl, spread = messages.raw_kl_nats, messages.raw_kl_var
    bits = np.asarray(coding.requential_length(kl))
    return bits, {"model_var": nats_to_bits(nats_to_bits(spread))}
