"""Epiplexity and entropy of a dataset at a compute budget, and how far to trust them."""

from dataclasses import dataclass, field, fields
from typing import Any

from epiplexity_jax import coding
from epiplexity_jax.base.status import ResultStatus

Interval = tuple[float, float]


@dataclass(frozen=True)
class Setting:
    """Choices that a frontier was made with, the same for all its results."""

    source: str
    vocab_size: int
    estimator: str
    variant: str
    floor: str
    procedure: str
    test_tokens: float
    bytes_per_token: float | None

    @property
    def uniform_bits(self) -> float:
        """Length of the uniform code, a candidate at every budget."""
        return float(coding.uniform_length(self.test_tokens, self.vocab_size))

    def per_byte(self, data_bits: float) -> float | None:
        """Bits per byte of original data; None where the source has no bytes."""
        width = self.bytes_per_token
        return width and float(coding.per_byte(data_bits, self.test_tokens, width))


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """S_T and H_T of one source at one budget; lengths in bits, intervals at 95 %.

    Attributes:
        source: name of the source.
        compute_flops: the budget T that was asked for.
        epiplexity_bits: S_T, the model length; 0.0 when untrained, kept when negative.
        epiplexity_bits_interval: (low, high), or None with a single seed.
        entropy_bits: H_T, the data length; entropy_bits_interval likewise.
        entropy_bits_per_token: H_T per label token; entropy_bits_per_byte: per byte of original
            data, or None where the source has no bytes.
        mdl_bits: their sum; mdl_bits_interval likewise.
        status: of the result: ok, untrained, below_resolution or negative.
        resolution_bits: twice the standard error of the model length of the best model at this
            budget (a result below it says nothing); None when nothing was trained, 0 when the
            curves carry no errors.
        params: N of the chosen model, 0 for the uniform code; train_tokens: D, likewise.
        test_tokens: label tokens of the dataset.
        estimator, variant, floor, procedure: how this was measured.
        member: name of the chosen model, or "uniform".
        neighbours: names of the points that were interpolated between (one when none were).
        candidates: members times points that were compared; selection_bits: log2 of it, what
            naming the choice would cost. It is not part of the lengths.
        interpolation_error_bits: of the model length, from dropping every other record point.
        flags: "edge_size", "edge_steps", "bridged", "carried", "below_cheapest".
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
    status: ResultStatus
    resolution_bits: float | None
    params: int
    train_tokens: float
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

    def __post_init__(self) -> None:
        """Compute the fields that follow from others."""
        per_token, mdl = self.entropy_bits / self.test_tokens, self.epiplexity_bits
        object.__setattr__(self, "entropy_bits_per_token", per_token)
        object.__setattr__(self, "mdl_bits", mdl + self.entropy_bits)
        object.__setattr__(self, "selection_bits", float(coding.selection_bits(self.candidates)))

    def to_json(self) -> dict[str, Any]:
        """Plain values by field name; intervals as [low, high] or None."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        lists = {name: list(value) for name, value in found.items() if isinstance(value, tuple)}
        return found | lists | {"status": str(self.status)}


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


def status_of(epiplexity_bits: float, stderr_bits: float) -> ResultStatus:
    """Status of a trained model's length, given its standard error.

    >>> status_of(10.0, 2.0).value, status_of(3.0, 2.0).value, status_of(-9.0, 2.0).value
    ('ok', 'below_resolution', 'negative')
    """
    if abs(epiplexity_bits) < 2.0 * stderr_bits:
        return ResultStatus.BELOW_RESOLUTION
    return ResultStatus.NEGATIVE if epiplexity_bits < 0 else ResultStatus.OK


def explain(
    status: ResultStatus, resolution_bits: float | None, flags: tuple[str, ...], beats: bool
) -> list[str]:
    """Sentences for what a status and the flags mean.

    Args:
        status: of the result.
        resolution_bits: twice the standard error of the model length.
        flags: of the result.
        beats: True if some model's code is shorter than the uniform one at all.
    """
    said = []
    if status == ResultStatus.BELOW_RESOLUTION:
        bits = "unknown" if resolution_bits is None else f"{resolution_bits:.2g}"
        said.append(f"epiplexity is below resolution (< {bits} bits)")
    if status == ResultStatus.NEGATIVE:
        said.append(
            "epiplexity is negative by more than its error: the floor lies above the curve, as "
            "when training diverges late; look at the run's losses"
        )
    if status == ResultStatus.UNTRAINED and "below_cheapest" not in flags:
        close = ", though one comes below it within the error" if beats else ""
        said.append(
            "no model within this budget beats the uniform code by two standard errors" + close
        )
    return said + [_FLAGS[flag] for flag in flags]


_FLAGS = {
    "edge_size": "the best model is the smallest or the largest of the family: the optimum may "
    "lie at a size that was not trained",
    "edge_steps": "the best model is its run's last record point: longer training may be better",
    "bridged": "the frontier bridges a sudden drop here: no model was near the line, so take "
    "strict=True (or --frontier raw) or add sizes and record points",
    "carried": "the budget exceeds every run: the last point of the frontier is carried on",
    "below_cheapest": "the budget is too small for any member, even untrained: the uniform code "
    "answers",
}
