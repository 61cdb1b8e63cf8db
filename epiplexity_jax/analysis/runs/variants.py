"""Model lengths of a run, one function a variant (docs/coding.md).

Axis letters: R record point, B held-out block, I interval of a stream, S seed, Q error factor.
Losses are nats per label token, lengths are bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from epiplexity_jax import coding
from epiplexity_jax.analysis.runs import errors
from epiplexity_jax.analysis.runs.curve import Curve, Messages
from epiplexity_jax.analysis.runs.errors import Factors
from epiplexity_jax.analysis.runs.floor import (
    Correction,
    Floor,
    floor_losses,
    floor_of,
    stream_factors,
)
from epiplexity_jax.analysis.shapes import (
    AnyRows,
    Flags,
    Grid,
    Indices,
    OnGrid,
    Rows,
    Steps,
    Values,
)
from epiplexity_jax.base.errors import ConfigError

NEVER = -1
"""The step of a switch that never comes: the raw weights code the stream and the data."""
_ROUNDING = 1e-12  # of sums: within it two codes are equally long


@dataclass(frozen=True, eq=False, kw_only=True)
class Coded:
    """A run as one variant codes it, at every record point.

    Attributes:
        model_nats: [R] length of the model, nats; factors: its errors [Q, R], nats.
        model_var: [R] its variance that no factor holds, nats^2.
        own_var: [R] its variance from the tokens that this run alone reads; None: `model_var`.
        floor: losses that code the data, with their errors.
        averaged: [R] label tokens of the stream that averaged weights code; None: all of them.
        switch_steps: [R] step from which they do, or NEVER; None where the variant has no switch.
        certified_bits: [R] certified length of the messages; None where the code has none.
        interpolation_nats: [R] error of the model length from interpolating.
        stream_nats: [R] what the tokens up to each record point cost in the code of the last one;
            the model length there is the last of them less its floor times the tokens.
    """

    model_nats: Values
    factors: Factors = field(default_factory=dict)
    model_var: Values | None = None
    own_var: Values | None = None
    floor: Floor
    averaged: Values
    switch_steps: Steps | None = None
    certified_bits: Values | None = None
    interpolation_nats: Values | None = None
    stream_nats: Values | None = None


@dataclass(frozen=True, eq=False)
class Ends:
    """A run's two sets of final weights, and what ends its area.

    Attributes:
        ema, raw: floors of the averaged and the raw weights (one model: the same).
        level: "ema" or "raw", the weights that the config's floor asks for, or "entropy_rate".
    """

    ema: Floor
    raw: Floor
    level: str


def ends_of(curve: Curve, floor: str, correction: Correction | None) -> Ends:
    """The floors of a run, corrected alike.

    Args:
        curve: the run.
        floor: "ema", "raw" or "entropy_rate".
        correction: correction of its held-out losses; None leaves them as they are.
    """
    ema = floor_of(curve.ema, correction)
    return Ends(ema, ema if curve.raw is None else floor_of(curve.raw, correction), floor)


def paired(curve: Curve, ends: Ends) -> Coded:
    """Sum over steps of the held-out loss above its floor; both ends on the same tokens."""
    raw = ends.level == "raw" and curve.raw is not None
    heldout, floor = (curve.raw, ends.raw) if raw else (curve.ema, ends.ema)
    assert heldout is not None
    tokens, losses = curve.cost.label_tokens_per_step, floor.losses
    averaged = _averaged_labels(curve, not raw)
    known = ends.level == "entropy_rate"
    if heldout.blocks_nats is None:
        # Without blocks nothing is known of the pairing: the curve's own error, unpaired.
        factors = {"unpaired": curve.label_tokens * heldout.stderr_nats[None]}
        factors = errors.add((factors, 1.0), (floor.factors if known else {}, curve.label_tokens))
    else:
        factors = errors.add(
            (errors.summed(floor.factors, tokens * curve.step_weights), 1.0),
            ({} if known else floor.factors, -curve.label_tokens),
        )
    area = curve.sum_over_steps(losses) - curve.label_steps * losses
    if known:
        area = curve.sum_over_steps(losses - np.float64(curve.entropy_rate_nats))
    return Coded(
        model_nats=area * tokens,
        factors=factors,
        floor=floor,
        averaged=averaged,
        interpolation_nats=_interpolation_error(curve, losses) * tokens,
        stream_nats=curve.sum_over_steps(losses) * tokens,
    )


def online(curve: Curve, ends: Ends) -> Coded:
    """Online losses of the training tokens less the floor at each record point.

    Raises:
        ConfigError: when the run has none.
    """
    floor = ends.raw if ends.level == "raw" else ends.ema
    return _stream_coded(curve, ends, floor, np.zeros(curve.steps.size))


def switch(curve: Curve, ends: Ends, choice: "Choice") -> Coded:
    """The stream coded by raw weights up to the switch and by averaged ones from there on.

    Where the weights are averaged, the online losses less what averaging saves on held-out tokens,
    which both sets of weights score.

    Args:
        curve: the run.
        ends: its floors.
        choice: the step at which the seeds of its member change over.
    """
    steps = choice.at_ends(curve.steps)
    never = steps == NEVER
    at = np.searchsorted(curve.steps, np.where(never, curve.steps, steps), side="right") - 1
    floor = _where(never, ends.raw, ends.ema)
    averaged = curve.label_tokens - curve.label_tokens[at]
    if curve.messages is not None:
        kl, spread, certified = _messages(curve.messages, at)
        return Coded(
            model_nats=kl,
            model_var=spread,
            floor=floor,
            averaged=averaged,
            switch_steps=steps,
            certified_bits=certified,
            stream_nats=_joined(curve.messages.raw_kl_nats, curve.messages.kl_nats, int(at[-1])),
        )
    coded = _stream_coded(curve, ends, floor, averaged)
    saved, factors, error = _stream_saved(curve, at)
    gained = curve.cost.label_tokens_per_step * curve.sum_over_steps(_gain(curve))
    assert curve.online is not None  # a curve that allows the variant has them
    return Coded(
        model_nats=coded.model_nats - saved,
        factors=errors.add((coded.factors, 1.0), (factors, -1.0)),
        own_var=coded.own_var,
        floor=floor,
        averaged=averaged,
        switch_steps=steps,
        interpolation_nats=error,
        stream_nats=_joined(curve.online.sum_nats, curve.online.sum_nats - gained, int(at[-1])),
    )


def exact(curve: Curve, ends: Ends) -> Coded:
    """Online losses of the training tokens less those of the final model on the same tokens.

    Both sums are over one data set, so nothing is estimated but for another draw of the data:
    the variances of the two sums added bound that of their difference, as their errors agree in
    sign. Known at the last record point alone; 0 at the others.

    Raises:
        ConfigError: when the final model did not score the training data.
    """
    if curve.exact is None or curve.online is None:
        raise ConfigError(f"variant: {curve.name} was not scored again by its final model")
    raw, end, size = ends.level == "raw", curve.exact, curve.steps.size
    area, spread = np.zeros(size), np.zeros(size)
    if size > 1:
        area[-1] = curve.online.sum_nats[-1] - (end.raw_sum_nats if raw else end.sum_nats)
        spread[-1] = curve.online.sum_var[-1] + end.sum_var
    return Coded(
        model_nats=area,
        model_var=spread,
        floor=ends.raw if raw else ends.ema,
        averaged=np.zeros(size),
        stream_nats=curve.online.sum_nats,
    )


def requential(curve: Curve, ends: Ends, ema: bool) -> Coded:
    """KL of the messages sent so far: no held-out loss and no floor is part of it.

    Args:
        curve: the student.
        ends: its floors, which code the data.
        ema: True for the averaged student, False for the raw one.
    """
    messages = curve.messages
    assert messages is not None  # a curve that allows the variant has them
    sent = messages.kl_nats if ema else messages.raw_kl_nats
    return Coded(
        model_nats=sent,
        stream_nats=sent,
        model_var=messages.kl_var if ema else messages.raw_kl_var,
        floor=ends.raw if ends.level == "raw" else ends.ema,
        averaged=_averaged_labels(curve, ema),
        certified_bits=messages.certified_bits if ema else messages.raw_certified_bits,
    )


@dataclass(frozen=True, eq=False)
class Choice:
    """Steps at which the seeds of a member change over, for every end.

    Attributes:
        ends: [R] steps, record points of all seeds.
        switch_steps: [R] the step from which averaged weights code, or NEVER.
    """

    ends: Steps
    switch_steps: Steps

    def at_ends(self, steps: Steps) -> Steps:
        """[R] the choice for a seed's own record points: that of the last common one before."""
        return self.switch_steps[np.searchsorted(self.ends, steps, side="right") - 1]


def choose_switch(
    curves: Sequence[Curve],
    test_tokens: float,
    floor: str,
    correction: Correction | None = None,
) -> Choice:
    """Choose the shortest two-part code over the switches, on the mean over seeds.

    Args:
        curves: seeds of one member.
        test_tokens: label tokens of the dataset.
        floor: "raw" keeps the raw weights throughout.
        correction: that with which the lengths are scored, so that no other choice is shorter.
    """
    ends = min((curve.steps for curve in curves), key=lambda steps: steps[-1])
    columns = [
        at_steps(curve.steps, _both(curve, test_tokens, floor, correction), ends)
        for curve in curves
    ]
    raw, ema, raw_end, ema_end = np.stack(columns, axis=1)
    best = coding.best_switch(raw, ema)
    # Where both are equally long, raw weights decode in one forward pass.
    switched = (best.sums + ema_end).mean(axis=0)
    never = (raw + raw_end).mean(axis=0) <= switched * (1.0 + _ROUNDING)
    never |= floor == "raw"
    return Choice(ends, np.where(never, NEVER, ends[best.at]))


def at_steps(steps: Steps, values: AnyRows, common: Grid) -> OnGrid:
    """Values [..., R] at other steps, straight in log(1 + step) between record points.

    Args:
        steps: [R] of the values.
        values: [..., R].
        common: [F] other steps.

    Steps differ only where teachers waited for their students or runs ended at different steps.
    """
    if np.isin(common, steps).all():
        return values[..., np.searchsorted(steps, common)]
    x, at = np.log1p(steps), np.log1p(common)
    rows = [np.interp(at, x, row) for row in values.reshape(-1, steps.size)]
    return np.array(rows).reshape(*values.shape[:-1], common.size)


def _both(curve: Curve, test_tokens: float, floor: str, correction: Correction | None) -> Rows:
    """[4, R] nats of the stream under raw and under EMA weights, and of what either ends with."""
    raw_end, ema_end = (floor_losses(of, correction) for of in (curve.raw or curve.ema, curve.ema))
    coded = test_tokens - (0.0 if curve.messages is not None else curve.label_tokens)
    if floor == "entropy_rate":
        coded = np.full(curve.steps.size, test_tokens)
    if curve.messages is not None:
        raw, ema = curve.messages.raw_kl_nats, curve.messages.kl_nats
    else:
        assert curve.online is not None
        raw = curve.online.sum_nats
        saved = curve.sum_over_steps(_gain(curve))
        ema = raw - saved * curve.cost.label_tokens_per_step
    return np.stack([raw, ema, coded * raw_end, coded * ema_end])


def _gain(curve: Curve) -> Values:
    """[R] by how much averaging lowers the loss of the same held-out tokens."""
    raw, ema = curve.raw, curve.ema
    if raw is None:
        return np.zeros(curve.steps.size)
    if raw.scored is None or ema.scored is None:
        return raw.loss_nats - ema.loss_nats
    return (raw.scored - ema.scored).mean(axis=1)


def _gain_errors(curve: Curve) -> Factors:
    """Errors [Q, R] of it; none are known without blocks."""
    raw, ema = curve.raw, curve.ema
    if raw is None or raw.scored is None or ema.scored is None:
        return {}
    return ema.placed(raw.scored - ema.scored)


def _stream_coded(curve: Curve, ends: Ends, floor: Floor, averaged: Values) -> Coded:
    """The online losses above a floor, with the errors of both."""
    if curve.online is None:
        raise ConfigError(f"variant: {curve.name} has no online losses")
    labels, size = curve.label_tokens, curve.steps.size
    known = ends.level == "entropy_rate"
    level = np.float64(curve.entropy_rate_nats) if known else floor.losses
    so_far = np.arange(size - 1)[:, None] < np.arange(size)
    factors = errors.add(
        (stream_factors(curve, so_far), 1.0), ({} if known else floor.factors, -labels)
    )
    area = curve.online.sum_nats - labels * level
    return Coded(
        model_nats=area,
        factors=factors,
        own_var=curve.online.sum_var,
        floor=floor,
        averaged=averaged,
        stream_nats=curve.online.sum_nats,
    )


def _stream_saved(curve: Curve, at: Indices) -> tuple[Values, Factors, Values]:
    """Savings of averaging from the switch to the end: nats, errors, interpolation error."""
    tokens, gain, weights = curve.cost.label_tokens_per_step, _gain(curve), curve.step_weights
    sums = curve.sum_over_steps(gain)
    error = tokens * _interpolation_error(curve, gain)
    factors = errors.summed(_gain_errors(curve), tokens * (weights - weights[:, at]))
    return tokens * (sums - sums[at]), factors, np.abs(error - error[at])


def _joined(raw: Values, ema: Values, at: int) -> Values:
    """Sums [R] of a stream under raw weights up to a record point, and averaged ones from there."""
    points = np.arange(raw.size)
    before = np.minimum(points, at)
    return raw[before] + ema[points] - ema[before]


def _messages(messages: Messages, at: Indices) -> tuple[Values, Values, Values]:
    """KL, its variance and certified length of messages, raw up to record points [R], then EMA."""

    def joined(raw: Values, ema: Values) -> Values:
        return raw[at] + ema - ema[at]

    return (
        joined(messages.raw_kl_nats, messages.kl_nats),
        joined(messages.raw_kl_var, messages.kl_var),
        joined(messages.raw_certified_bits, messages.certified_bits),
    )


def _where(never: Flags, raw: Floor, ema: Floor) -> Floor:
    """The raw floor at the ends of which the switch never comes, else that of the EMA."""
    if not never.any():
        return ema
    factors = errors.add((raw.factors, 1.0 * never), (ema.factors, 1.0 * ~never))
    return Floor(np.where(never, raw.losses, ema.losses), factors)


def _averaged_labels(curve: Curve, ema: bool) -> Values:
    """[R] label tokens that averaged weights code, where they code all; 0 for one model alone."""
    return curve.label_tokens * (ema and not curve.has_one_model)


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
    whole = np.asarray(coding.interpolate_sum(curve.steps, losses))
    return np.interp(curve.steps, curve.steps[kept], np.abs(whole[kept] - half))
