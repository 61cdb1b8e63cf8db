"""The file of an experiment's result, checked when it is read."""

from typing import Any

from pydantic import Field, StrictBool

from epiplexity_jax.base.config import Config
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


class Ending(Config):
    """The code of a source's best size after the last step, in bits."""

    source: str
    size: str
    params: int
    seeds: int
    status: str
    model: dict[str, float | None]
    data: dict[str, float | None]
    mdl: dict[str, float | None]


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
    frontier: tuple[dict[str, Any], ...]
    endings: tuple[Ending, ...]

    def findings(self) -> Findings:
        """Values and checks, as they were written."""
        checks = [Check(**row.model_dump()) for row in self.checks]
        values = list(map(_value, self.values))
        return Findings(self.axis, values, checks, list(self.notes), self.log_x)


def _value(row: ValueRow) -> Value:
    plain = row.model_dump()
    value, low, high = (plain.pop(name) for name in ("value", "low", "high"))
    return Value(estimate=Estimate(float("nan") if value is None else value, low, high), **plain)
