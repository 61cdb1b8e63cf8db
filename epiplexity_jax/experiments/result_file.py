"""The file of an experiment's result, checked when it is read."""

from collections.abc import Collection
from typing import Any, get_type_hints

from pydantic import Field, StrictBool, create_model

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
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


# A row of the frontier has the fields of a decomposition, of which `to_json` makes plain values.
_DECOMPOSED: dict[str, Any] = {
    name: (kind, ...) for name, kind in get_type_hints(Decomposition).items() if name != "recipe"
}
_FrontierFields = create_model("_FrontierFields", __base__=Config, **_DECOMPOSED)


class FrontierRow(_FrontierFields):
    """A decomposition at a budget, see `analysis.frontier.decomposition.Decomposition`."""

    source: str
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
