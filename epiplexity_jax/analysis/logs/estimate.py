"""A prequential estimate from a training-loss curve that somebody else recorded.

Losses are nats per label token, lengths are bits.
"""

import math
from dataclasses import dataclass
from typing import Any

from epiplexity_jax import coding
from epiplexity_jax.analysis.frontier.decomposition import (
    UNIFORM,
    Decomposition,
    explain,
    status_of,
)
from epiplexity_jax.analysis.frontier.traced import ROUNDING
from epiplexity_jax.analysis.logs.loss_curve import LossCurve
from epiplexity_jax.analysis.logs.warnings import TOKENISERS, sentences
from epiplexity_jax.analysis.runs.lengths import check_test_tokens
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.base.units import nats_to_bits


@dataclass(frozen=True)
class Estimate:
    """Code lengths of a loss curve.

    Attributes:
        decomposition: lengths, time and warnings of the curve's one model; no intervals, and no
            resolution, as a curve carries no errors.
        label_tokens: label tokens of the curve.
        area_bits: the area between curve and floor, also where the uniform code is shorter.
        floor_nats: the loss that ended the area, nats per label token.
    """

    decomposition: Decomposition
    label_tokens: float
    area_bits: float
    floor_nats: float

    def to_json(self) -> dict[str, Any]:
        """Plain values; the keys of the decomposition and the further ones."""
        further = {k: v for k, v in vars(self).items() if k != "decomposition"}
        return self.decomposition.to_json() | further


def estimate(
    curve: LossCurve,
    *,
    params: int,
    test_tokens: float,
    floor_nats: float | None = None,
    vocab_size: int | None = None,
    bytes_per_token: float | None = None,
) -> Estimate:
    """Code lengths of the model that a curve ends with (docs/coding.md, variant online).

    The model length is (sum of training losses - label tokens x floor) / ln 2, the data length
    test tokens x floor / ln 2, the time 6 N D + 2 N test tokens r.

    Args:
        curve: the training losses.
        params: N, all parameters of the model.
        test_tokens: label tokens of the dataset whose information is measured.
        floor_nats: held-out loss of the final model, nats per label token; default: the curve's
            own, else its last training loss, with a warning.
        vocab_size: V; then the uniform code is a candidate and the beginning is checked.
        bytes_per_token: bytes of original data per label token.

    Raises:
        ConfigError: when an argument is not allowed.

    >>> import numpy as np
    >>> tokens, losses = np.array([10.0, 20.0, 30.0]), math.log(2) * np.array([3.0, 2.0, 1.0])
    >>> curve = LossCurve(name="x", label_tokens=tokens, losses_nats=losses)
    >>> round(estimate(curve, params=5, test_tokens=100).area_bits, 9)
    30.0
    """
    test_tokens = _checked(params, test_tokens, bytes_per_token)
    floor, origin = _floor(curve, floor_nats)
    area = float(coding.online_length(curve.online_sum_nats, curve.total_tokens, floor))
    data = float(coding.data_length(floor, test_tokens))
    uniform = None if vocab_size is None else float(coding.uniform_length(test_tokens, vocab_size))
    outcome = _outcome(curve, params, area, data, uniform)
    data = outcome["entropy_bits"]
    time = coding.time_bound(
        curve.train_tokens, test_tokens, curve.tokens_per_label, *coding.dense_flops(params)
    )
    trained = outcome["status"] != ResultStatus.UNTRAINED
    said = sentences(curve, floor, origin, area if trained else None, vocab_size)
    per_byte = None if bytes_per_token is None else data / (test_tokens * bytes_per_token)
    said += [TOKENISERS] if per_byte is None else []
    outcome["interpolation_error_bits"] = float(nats_to_bits(curve.interpolation_error_nats))
    decomposition = Decomposition(
        source=curve.name,
        compute_flops=float(time),
        entropy_bits_per_byte=per_byte,
        test_tokens=test_tokens,
        floor=origin,
        warnings=(*outcome.pop("said"), *curve.notes, *said),
        **_NO_FRONTIER,
        **outcome,
    )
    return Estimate(decomposition, curve.total_tokens, area, floor)


def _checked(params: int, test_tokens: float, bytes_per_token: float | None) -> float:
    """The test tokens, when these numbers are positive."""
    for name, value in (("params", params), ("bytes_per_token", bytes_per_token)):
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise ConfigError(f"{name}: must be a positive number, got {value:g}")
    return check_test_tokens(test_tokens)


_NO_FRONTIER: dict[str, Any] = {
    **{f"{name}_bits_interval": None for name in ("epiplexity", "entropy", "mdl")},
    "resolution_bits": None,
    "estimator": "prequential",
    "variant": "online",
    "procedure": "one model",
    "flags": (),
}


def _outcome(
    curve: LossCurve, params: int, area: float, data: float, uniform: float | None
) -> dict[str, Any]:
    """The answer, of the model or of the uniform code, with its lengths and the reason."""
    candidates = 1 if uniform is None else 2
    if uniform is not None and area + data >= uniform * (1.0 - ROUNDING):
        said = (
            f"model and data together, {area + data:.4g} bits, are no shorter than the uniform "
            f"code, {uniform:.4g} bits, so nothing of this dataset is worth learning in this way: "
            f"epiplexity is 0, and not the area of {area:.4g} bits; more test tokens would pay "
            "for the model"
        )
        return UNIFORM | {"entropy_bits": uniform, "candidates": candidates, "said": (said,)}
    status = status_of(area, 0.0)
    return {
        "candidates": candidates,
        "epiplexity_bits": area,
        "entropy_bits": data,
        "status": status,
        "params": params,
        "train_tokens": curve.train_tokens,
        "member": curve.name,
        "neighbours": (curve.name,),
        "said": tuple(explain(status, None, (), beats=True)),
    }


def _floor(curve: LossCurve, given: float | None) -> tuple[float, str]:
    """The loss that ends the area, and where it comes from: given, column or last_point."""
    if given is not None:
        if not (given >= 0 and math.isfinite(given)):
            raise ConfigError(f"floor: must be a loss of at least 0 nats, got {given:g}")
        return given, "given"
    if curve.heldout_nats is not None:
        return curve.heldout_nats, "column"
    return float(curve.losses_nats[-1]), "last_point"
