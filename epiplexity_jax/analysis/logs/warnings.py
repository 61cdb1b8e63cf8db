"""Sentences on a loss curve: one for each of the usual mistakes.

Losses are nats per label token. Axis letters: P row of the curve.
"""

import math

import numpy as np

from epiplexity_jax.analysis.logs.floor import CurveFloor
from epiplexity_jax.analysis.logs.loss_curve import LossCurve
from epiplexity_jax.analysis.logs.stairs import stairs
from epiplexity_jax.base.units import nats_to_bits

_FEW_ROWS = 10
_NEAR = 0.08  # from a whole number, of a ratio of losses
_NOTICEABLE = 0.05  # a share of the area from which on a sentence is worth reading
SURPRISED = 1.1 * math.log(1e6)
"""Nats per label token above which no untrained model begins, whatever its alphabet."""

TOKENISERS = (
    "bits per token do not compare across tokenisers: --bytes-per-token gives bits per byte"
)


def sentences(
    curve: LossCurve, floor: CurveFloor, area: float | None, vocab_size: int | None
) -> list[str]:
    """Sentences that a person should read before believing a curve's area.

    Args:
        curve: the training losses.
        floor: the loss that ends the area.
        area: the area above it, bits; None where it is not the answer.
        vocab_size: V, if known.
    """
    said = [
        *floor.said,
        _few(curve),
        _beginning(curve),
        _scaled(curve, floor) or _initial_loss(curve, vocab_size),
        _not_falling(curve),
        _repeated(curve),
    ]
    if area is not None:
        said += [_end(curve, floor, area), _precision(curve, floor, area)]
    return [sentence for sentence in said if sentence]


def _few(curve: LossCurve) -> str:
    count = curve.widths.size
    if count >= _FEW_ROWS:
        return ""
    if curve.is_interpolated:
        return f"only {count} rows: most of the curve is interpolated"
    return (
        f"only {count} rows: the area is right if each loss is the mean over all tokens since the "
        "row before, and far off if it is that of one batch"
    )


def _beginning(curve: LossCurve) -> str:
    """The first row that covers tokens covers more than those after it, or batches are missing."""
    if curve.sampled_step is not None and curve.label_tokens[0] > curve.sampled_step:
        return (
            f"no initial loss: the first batch with a row is number "
            f"{curve.label_tokens[0] / curve.sampled_step:.0f}, and those before it count as if "
            "they had its loss, so the area is too small"
        )
    if curve.evaluated:
        if curve.label_tokens[0] == 0:
            return ""
        return (
            f"no initial loss: the first evaluation is at {curve.label_tokens[0]:.4g} tokens, and "
            "the curve before it counts as if it had its loss, so the area is too small"
        )
    widths = curve.widths[curve.widths > 0]
    first, second = float(widths[0]), float(widths[1])
    if first <= 2.0 * second:
        return ""
    share = first / curve.total_tokens
    return (
        f"no initial loss: the first row covers {first:.4g} tokens ({share:.0%} of the curve), the "
        f"next {second:.4g}, so the steep beginning is missing and the area too small, unless that "
        "row is the mean over all of them"
    )


def _scaled(curve: LossCurve, floor: CurveFloor) -> str:
    """Losses that are a multiple of the floor, as sums over accumulation steps are."""
    if floor.origin == "last_rows" or floor.nats <= 0 or curve.evaluated:
        return ""
    last = float(np.mean(curve.losses_nats[-max(1, curve.losses_nats.size // 20) :]))
    ratio = last / floor.nats
    factor = round(ratio) if ratio > 1 else round(1 / ratio) if ratio > 0 else 0
    if factor < 2 or abs((ratio if ratio > 1 else 1 / ratio) / factor - 1) > _NEAR:
        return ""
    if ratio > 1:
        return (
            f"training losses end at {last:.4g} nats, {ratio:.3g} times the held-out loss: they "
            f"look like sums over {factor} accumulation steps (--loss-divisor {factor}), or the "
            "two have different units"
        )
    return (
        f"training losses end at {last:.4g} nats, 1/{1 / ratio:.3g} of the held-out loss: they "
        f"look as if divided by {factor} accumulation steps too often (--loss-divisor "
        f"{1 / factor:g}), or the two have different units"
    )


def _initial_loss(curve: LossCurve, vocab_size: int | None) -> str:
    """The first loss against that of a model which predicts uniformly."""
    first = float(curve.losses_nats[0])
    if vocab_size is None and first > SURPRISED:
        return (
            f"the first loss, {first:.4g} nats, is no mean per label token: it is far above ln "
            f"10^6 = {math.log(1e6):.4g}, that of a million equally likely symbols; are these "
            "perplexities, or sums over tokens or sequences (--loss-divisor)?"
        )
    if vocab_size is None:
        return (
            "without --vocab-size it is not checked that the curve begins with an untrained model, "
            "nor that its code is shorter than the uniform one"
        )
    uniform = math.log(vocab_size)
    if first > 1.1 * uniform:
        in_bits = first < 1.1 * float(nats_to_bits(uniform))
        return f"the first loss, {first:.4g}, is above ln V = {uniform:.4g} nats" + (
            f" and near log2 V = {nats_to_bits(uniform):.4g}: it looks like bits labelled nats "
            "(--unit bits)"
            if in_bits
            else ": a wrong --vocab-size, perplexities or sums (--loss-divisor) in the place of "
            "means per label token, or a model that begins worse than uniform"
        )
    if first < 0.9 * uniform:
        return (
            f"the first loss, {first:.4g} nats, is far below the {uniform:.4g} of an untrained "
            "model: a pretrained start, a missing beginning, or a first row that averages over the "
            "steep part; what was learnt before it is not in the area"
        )
    return ""


def _not_falling(curve: LossCurve) -> str:
    """The running means over a twentieth of the rows do not fall, or rise at the end."""
    window = max(1, curve.losses_nats.size // 20)
    sums = np.concatenate([[0.0], np.cumsum(curve.losses_nats)])
    smooth = (sums[window:] - sums[:-window]) / window
    first, last, lowest = float(smooth[0]), float(smooth[-1]), float(smooth.min())
    if last > 0.98 * first:
        return (
            f"the curve hardly goes down ({first:.4g} to {last:.4g} nats): nothing was learnt, or "
            "the file begins where learning had ended"
        )
    if last - lowest > 0.05 * (first - lowest):
        return (
            f"the loss ends at {last:.4g} nats, above its lowest, {lowest:.4g}: a curve that rises "
            "late is no learning curve up to its end"
        )
    return ""


def _end(curve: LossCurve, floor: CurveFloor, area: float) -> str:
    """A floor below or above the end of the curve, in units of the area."""
    above = nats_to_bits((curve.losses_nats - floor.nats) * curve.widths)
    so_far = np.cumsum(above)
    lost = float(so_far.max()) - float(so_far[-1])
    if floor.origin == "last_rows" or area <= 0:
        return ""
    if lost > _NOTICEABLE * area:
        i = int(np.argmax(so_far))
        return (
            f"training losses lie below the floor after {curve.label_tokens[i]:.4g} tokens, which "
            f"takes {lost:.3g} bits off the area: memorised or repeated text, or a floor on other "
            "text"
        )
    late = curve.label_tokens > 0.9 * curve.total_tokens
    gap = float(above[late].sum() / curve.widths[late].sum()) * curve.total_tokens
    if gap > 0.25 * area:
        return (
            f"{gap / area:.0%} of the area lies between the floor and the level at which the curve "
            "ends and grows with every token: noise of the raw weights, or a floor that is lower "
            "than what this model reaches"
        )
    return ""


def _repeated(curve: LossCurve) -> str:
    """More than one pass over the data, by the file's own count or by its stairs."""
    again = "repeated data is not new, and a model that memorises noise has a learning curve too"
    if curve.epochs is not None and curve.epochs > 1.001:
        return f"the file counts {curve.epochs:.3g} epochs: {again}; end the curve with the first"
    every = stairs(curve.label_tokens, curve.losses_nats)
    if every is None:
        return ""
    return f"the loss drops like a stair about every {every:.3g} tokens, as at epochs: {again}"


def _precision(curve: LossCurve, floor: CurveFloor, area: float) -> str:
    missed = float(nats_to_bits(curve.interpolation_error_nats))
    if missed > _NOTICEABLE * abs(area):
        return (
            f"interpolating between the {'evaluations' if curve.evaluated else 'sampled batches'} "
            f"moves the area by {missed:.2g} bits; log more rows, or means over all steps"
        )
    if floor.level.stderr is not None:
        return ""  # the result has this error
    moved = float(nats_to_bits(0.001 * curve.total_tokens))
    if moved <= _NOTICEABLE * abs(area):
        return ""
    share = f", that is {moved / abs(area):.0%} of it" if area else ", which is 0"
    return f"an error of 0.001 nats in the floor moves the area by {moved:.3g} bits{share}"
