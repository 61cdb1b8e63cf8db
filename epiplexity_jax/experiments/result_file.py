"""The file of an experiment's result, checked when it is read."""

from collections.abc import Collection
from typing import Any

from pydantic import Field, StrictBool

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.definition import SizeName
from epiplexity_jax.experiments.findings import Check, Estimate, Findings, Kind, Value


class ValueRow(Config):
    """A value, see `findings.Value`; numbers that are not finite are null."""

    name: str
    unit: str
    panel: str
    x: float | str
    series: str
    oracle: float | None
    value: float | None
    low: float | None
    high: float | None


class CheckRow(Config):
    """A check, see `findings.Check`."""

    kind: Kind
    expected: str
    found: str
    holds: StrictBool | None


Interval = tuple[float | None, float | None] | None


class Length(Config):
    """A length in bits and its 95 % interval."""

    value: float
    low: float | None
    high: float | None


class Ending(Config):
    """The code of a source's best size after the last step, in bits."""

    source: str
    size: str
    params: int = Field(ge=0)
    seeds: int = Field(ge=1)
    status: ResultStatus
    model: Length
    data: Length
    mdl: Length


class FrontierRow(Config):
    """A decomposition at a budget, see `analysis.frontier.decomposition.Decomposition`."""

    source: str
    compute_flops: float
    epiplexity_bits: float
    epiplexity_bits_interval: Interval
    entropy_bits: float
    entropy_bits_interval: Interval
    entropy_bits_per_token: float
    entropy_bits_per_byte: float | None
    mdl_bits: float
    mdl_bits_interval: Interval
    saturation: float | None
    saturation_interval: Interval
    certified_bits: float | None
    certified_mdl_bits: float | None
    status: ResultStatus
    resolution_bits: float | None
    params: int
    train_tokens: float
    switch_step: int | None
    test_tokens: float
    estimator: str
    variant: str
    floor: str
    procedure: str
    member: str
    neighbours: list[str]
    candidates: int
    selection_bits: float
    interpolation_error_bits: float
    flags: list[str]
    warnings: list[str]
    recipe: dict[str, Any] | None


class ResultFile(Config):
    """All that the file holds."""

    experiment: str
    size: SizeName
    command: str
    code: str
    date: str
    machine: str
    versions: dict[str, str]
    training_seconds: float = Field(ge=0)
    axis: str
    log_x: bool
    values: tuple[ValueRow, ...] = Field(min_length=1)
    checks: tuple[CheckRow, ...] = Field(min_length=1)
    notes: tuple[str, ...]
    frontier: tuple[FrontierRow, ...] = Field(min_length=1)
    endings: tuple[Ending, ...] = Field(min_length=1)

    def wrong_sources(self, known: Collection[str]) -> str | None:
        """Sentence on sources that the rows lack, or have beyond those of the experiment.

        Args:
            known: names of the experiment's sources at the file's size.
        """
        for part, rows in (("endings", self.endings), ("frontier", self.frontier)):
            found = {row.source for row in rows}
            if extra := sorted(found - set(known)):
                return f"{part}: {extra[0]!r} is no source of {self.experiment} at size {self.size}"
            if lacking := [name for name in known if name not in found]:
                return f"{part}: the source {lacking[0]!r} is missing"
        return None

    def findings(self) -> Findings:
        """Values and checks, as they were written."""
        checks = [Check(**row.model_dump()) for row in self.checks]
        values = list(map(_value, self.values))
        return Findings(self.axis, values, checks, list(self.notes), self.log_x)


def _value(row: ValueRow) -> Value:
    plain = row.model_dump()
    value, low, high = (plain.pop(name) for name in ("value", "low", "high"))
    return Value(estimate=Estimate(float("nan") if value is None else value, low, high), **plain)
