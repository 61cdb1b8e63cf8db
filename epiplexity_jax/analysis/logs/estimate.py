"""A prequential estimate from a training-loss curve that somebody else recorded.

Losses are nats per label token, lengths are bits.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from epiplexity_jax import coding
from epiplexity_jax.analysis.frontier.decomposition import (
    UNIFORM,
    Decomposition,
    Interval,
    explain,
    status_of,
)
from epiplexity_jax.analysis.frontier.traced import ROUNDING
from epiplexity_jax.analysis.logs.floor import CurveFloor, floor_of
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
        decomposition: lengths, time and warnings of the curve's one model; intervals and resolution
            where the scatter of the file's rows shows an error, None elsewhere.
        label_tokens: label tokens of the curve.
        area_bits: the area between curve and floor, also where the uniform code is shorter.
        floor_nats: the loss that ended the area, nats per label token.
        floor_stderr_nats: its standard error, or None where the rows do not show it.
        floor_rows: number of rows whose mean it is, 0 where it was given.
    """

    decomposition: Decomposition
    label_tokens: float
    area_bits: float
    floor_nats: float
    floor_stderr_nats: float | None
    floor_rows: int

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
    floor_rows: int | None = None,
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
            own, else the mean of its last training losses, with a warning.
        floor_rows: number of these; default: a tenth of the rows.
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
    test_tokens = checked(params, test_tokens, bytes_per_token)
    floor = floor_of(curve, floor_nats, floor_rows)
    lengths = Lengths.of(curve, floor, test_tokens)
    model = ObservedModel(curve.name, params, curve.train_tokens)
    outcome = outcome_of(model, lengths, uniform_bits(test_tokens, vocab_size))
    flops = coding.dense_flops(params)
    time = coding.time_bound(curve.train_tokens, test_tokens, curve.tokens_per_label, *flops)
    area = None if outcome["status"] == ResultStatus.UNTRAINED else lengths.area
    said = sentences(curve, floor, area, vocab_size)
    per_token = outcome["entropy_bits"] / test_tokens
    per_byte = None if bytes_per_token is None else per_token / bytes_per_token
    said += [TOKENISERS] if per_byte is None else []
    decomposition = Decomposition(
        source=curve.name,
        compute_flops=float(time),
        entropy_bits_per_byte=per_byte,
        test_tokens=test_tokens,
        floor=floor.origin,
        resolution_bits=lengths.resolution,
        interpolation_error_bits=lengths.interpolation_error,
        warnings=(*outcome.pop("said"), *curve.notes, *said),
        **_NO_FRONTIER,
        **outcome,
    )
    end = floor.level
    return Estimate(decomposition, curve.total_tokens, lengths.area, end.nats, end.stderr, end.rows)


@dataclass(frozen=True)
class Lengths:
    """Area above a floor and data length, bits, and what an error of the floor does to them.

    Attributes:
        area, data: lengths; the model length of a requential code stands for the area.
        stderr, data_stderr, mdl_stderr: standard errors of area, data length and their sum, or None
            where the rows show none.
        quantile: standard errors of half of a 95 % interval.
        drift, data_drift, mdl_drift: what they move by if the floor lies where the last rows end.
        interpolation_error: error of the area from sparse rows.
    """

    area: float
    data: float
    stderr: float | None = None
    data_stderr: float = 0.0
    mdl_stderr: float = 0.0
    quantile: float = 0.0
    drift: float = 0.0
    data_drift: float = 0.0
    mdl_drift: float = 0.0
    interpolation_error: float = 0.0

    @classmethod
    def of(cls, curve: LossCurve, floor: CurveFloor, test_tokens: float) -> "Lengths":
        """Lengths of a curve with a floor.

        Args:
            curve: the training losses.
            floor: the loss where the area ends.
            test_tokens: label tokens of the dataset.
        """
        level, total = floor.level, curve.total_tokens
        moved = nats_to_bits(level.stderr or 0.0)
        between = nats_to_bits((level.scatter or 0.0) * curve.unlogged_tokens)
        rest = test_tokens - total
        return cls(
            area=float(coding.online_length(curve.online_sum_nats, total, floor.nats)),
            data=float(coding.data_length(floor.nats, test_tokens)),
            stderr=None if level.stderr is None else math.hypot(moved * total, between),
            data_stderr=moved * test_tokens,
            mdl_stderr=math.hypot(moved * rest, between),
            quantile=level.quantile,
            drift=nats_to_bits(level.drift * total),
            data_drift=nats_to_bits(level.drift * test_tokens),
            mdl_drift=nats_to_bits(level.drift * rest),
            interpolation_error=float(nats_to_bits(curve.interpolation_error_nats)),
        )

    @property
    def resolution(self) -> float | None:
        """Twice the standard error of the area; None where the rows show none."""
        return None if self.stderr is None else 2.0 * self.stderr

    def intervals(self) -> dict[str, Interval | None]:
        """95 % intervals of area, data length and their sum; None where the rows show no error."""
        if self.stderr is None:
            return dict.fromkeys(_INTERVALS)
        sparse = self.interpolation_error
        sides = (
            (self.area, self.stderr, self.drift, sparse),
            (self.data, self.data_stderr, self.data_drift, 0.0),
            (self.area + self.data, self.mdl_stderr, self.mdl_drift, sparse),
        )
        widths = [math.hypot(self.quantile * error, d, sparse) for _, error, d, sparse in sides]
        found = [(side[0] - w, side[0] + w) for side, w in zip(sides, widths, strict=True)]
        return dict(zip(_INTERVALS, found, strict=True))


_INTERVALS = tuple(f"{name}_bits_interval" for name in ("epiplexity", "entropy", "mdl"))


def uniform_bits(test_tokens: float, vocab_size: int | None) -> float | None:
    """Length of the uniform code; None where V is not known."""
    return None if vocab_size is None else float(coding.uniform_length(test_tokens, vocab_size))


def checked(params: int, test_tokens: float, bytes_per_token: float | None) -> float:
    """The test tokens, when these numbers are positive.

    Args:
        params: N.
        test_tokens: label tokens of the dataset.
        bytes_per_token: bytes of a label token, or None.

    Raises:
        ConfigError: naming the number that is not.
    """
    for name, value in (("params", params), ("bytes_per_token", bytes_per_token)):
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise ConfigError(f"{name}: must be a positive number, got {value:g}")
    return check_test_tokens(test_tokens)


_NO_FRONTIER: dict[str, Any] = {
    "estimator": "prequential",
    "variant": "online",
    "procedure": "one model",
    "flags": (),
}


class ObservedModel(NamedTuple):
    """The one model of a file: its name, N, and input and label tokens that it was trained on."""

    name: str
    params: int
    train_tokens: float


def outcome_of(
    model: ObservedModel, lengths: Lengths, uniform: float | None, what: str = "area"
) -> dict[str, Any]:
    """The answer, of the model or of the uniform code, with its lengths and the reason.

    Args:
        model: the file's model.
        lengths: its lengths.
        uniform: length of the uniform code, or None.
        what: noun of the model length in sentences.
    """
    candidates = 1 if uniform is None else 2
    code = lengths.area + lengths.data
    margin = 2.0 * lengths.mdl_stderr if lengths.stderr is not None else 0.0
    if uniform is not None and code + margin >= uniform * (1.0 - ROUNDING):
        by = " by more than twice the error of the floor" if code < uniform else ""
        more = "more test tokens would pay for the model"
        if lengths.data >= uniform:
            more = "the held-out loss is no lower than ln V, so no number of test tokens would pay"
        said = (
            f"model and data together, {code:.4g} bits, are no shorter than the uniform "
            f"code, {uniform:.4g} bits{by}, so nothing of this dataset is worth learning in this "
            f"way: epiplexity is 0, and not the {what} of {lengths.area:.4g} bits; {more}"
        )
        answer = UNIFORM | {"entropy_bits": uniform, "candidates": candidates, "said": (said,)}
        del answer["interpolation_error_bits"]
        return answer | dict.fromkeys(_INTERVALS)
    status = status_of(lengths.area, lengths.resolution or 0.0)
    return {
        "candidates": candidates,
        "epiplexity_bits": lengths.area,
        "entropy_bits": lengths.data,
        "status": status,
        "params": model.params,
        "train_tokens": model.train_tokens,
        "member": model.name,
        "neighbours": (model.name,),
        "said": tuple(explain(status, lengths.resolution, (), beats=True)),
        **lengths.intervals(),
    }
