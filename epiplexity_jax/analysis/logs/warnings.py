"""Sentences on a loss curve: one for each of the usual mistakes.

Losses are nats per label token. Axis letters: P row of the curve.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from epiplexity_jax.analysis.logs.loss_curve import LossCurve
from epiplexity_jax.base.units import nats_to_bits

_FEW_ROWS = 10
_NOTICEABLE = 0.05  # a share of the area from which on a sentence is worth reading

TOKENISERS = (
    "bits per token do not compare across tokenisers: --bytes-per-token gives bits per byte"
)


def sentences(
    curve: LossCurve, floor: float, origin: str, area: float | None, vocab_size: int | None
) -> list[str]:
    """Sentences that a person should read before believing a curve's area.

    Args:
        curve: the training losses.
        floor: the loss that ends the area, nats per label token.
        origin: where that comes from: given, column or last_point.
        area: the area above it, bits; None where it is not the answer.
        vocab_size: V, if known.
    """
    said = [
        _last_point(floor, origin),
        _few(curve),
        _beginning(curve),
        _initial_loss(curve, vocab_size),
        _not_falling(curve),
        _repeated(curve),
    ]
    if area is not None:
        said += [_end(curve, floor, origin, area), _precision(curve, area)]
    return [sentence for sentence in said if sentence]


def _last_point(floor: float, origin: str) -> str:
    if origin != "last_point":
        return ""
    return (
        f"the floor is the last training loss, {floor:.6g} nats: training text as the floor, with "
        "the noise of one row in it; give a held-out loss (--floor)"
    )


def _few(curve: LossCurve) -> str:
    count = curve.widths.size
    if count >= _FEW_ROWS:
        return ""
    if curve.sampled_step is not None:
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


def _initial_loss(curve: LossCurve, vocab_size: int | None) -> str:
    """The first loss against that of a model which predicts uniformly."""
    first = float(curve.losses_nats[0])
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
            else ": a wrong --vocab-size, or a model that begins worse than uniform"
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
    smooth = np.convolve(curve.losses_nats, np.full(window, 1.0 / window), mode="valid")
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


def _end(curve: LossCurve, floor: float, origin: str, area: float) -> str:
    """A floor below or above the end of the curve, in units of the area."""
    above = nats_to_bits((curve.losses_nats - floor) * curve.widths)
    so_far = np.cumsum(above)
    lost = float(so_far.max()) - float(so_far[-1])
    if origin == "last_point" or area <= 0:
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


def _precision(curve: LossCurve, area: float) -> str:
    missed = float(nats_to_bits(curve.interpolation_error_nats))
    if missed > _NOTICEABLE * abs(area):
        return (
            f"interpolating between the sampled batches moves the area by {missed:.2g} bits; log "
            "more rows, or means over all steps"
        )
    moved = float(nats_to_bits(0.001 * curve.total_tokens))
    if moved <= _NOTICEABLE * abs(area):
        return ""
    share = f", that is {moved / abs(area):.0%} of it" if area else ", which is 0"
    return f"an error of 0.001 nats in the floor moves the area by {moved:.3g} bits{share}"


def stairs(label_tokens: ArrayLike, losses_nats: ArrayLike) -> float | None:
    """Label tokens between sudden drops of a loss, where these come at regular distances.

    A drop is sudden when the means of the rows before and after it differ by five times as much
    as such means commonly do, four times as much as those to its left and right, and by 1 %.

    Args:
        label_tokens: [P] increasing.
        losses_nats: [P].

    Returns:
        The distance, or None where there are not two drops or they are not regular.
    """
    tokens = np.asarray(label_tokens, dtype=np.float64)
    losses = np.asarray(losses_nats, dtype=np.float64)
    window = int(np.clip(losses.size // 40, 1, 8))
    if losses.size < 12 * window:
        return None
    sums = np.concatenate([[0.0], np.cumsum(losses)])
    means = (sums[window:] - sums[:-window]) / window  # of the rows i to i + window - 1
    drops = means[:-window] - means[window:]  # entry i: at row i + window
    typical, far = np.median(np.abs(drops)), 2 * window
    found: list[int] = []
    for i in range(far, drops.size - far):
        around = max(abs(drops[i - far]), abs(drops[i + far]))
        highest = drops[i] == drops[i - window : i + window + 1].max()
        if highest and drops[i] > max(5.0 * typical, 4.0 * around, 0.01 * means[i]):
            found.append(i + window)
    if len(found) < 2:
        return None
    places = tokens[np.array(found) - 1]
    counts = places / places[0]
    regular = np.all(np.abs(counts - np.rint(counts)) < 0.1)
    return float(places[0]) if regular else None
