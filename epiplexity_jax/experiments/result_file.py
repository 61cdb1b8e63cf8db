"""The file of an experiment's result, checked when it is read."""

from collections.abc import Collection, Iterable
from typing import Any, get_type_hints

from pydantic import Field, StrictBool, create_model, field_validator, model_validator

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.definition import SizeName
from epiplexity_jax.experiments.findings import Check, Estimate, Findings, Kind, Value


class Interval(Config):
    """Ends of a 95 % interval; null where they are open."""

    low: float | None
    high: float | None

    @model_validator(mode="after")
    def _is_ordered(self) -> "Interval":
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"expected low <= high, got {self.low:g} and {self.high:g}")
        return self


class ValueRow(Interval):
    """A value, see `findings.Value`; numbers that are not finite are null."""

    name: str
    unit: str
    panel: str
    x: float | str
    series: str
    oracle: float | None
    value: float | None


class CheckRow(Config):
    """A check, see `findings.Check`."""

    kind: Kind
    expected: str
    found: str
    holds: StrictBool | None


class Length(Interval):
    """A length in bits and its 95 % interval."""

    value: float


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


# Results of before 2026-12 have none of these fields of a decomposition.
_LATER = ("heldout_split", "heldout_verbatim_share", "flops_ratio")
# A row of the frontier has the fields of a decomposition, of which `to_json` makes plain values.
_DECOMPOSED: dict[str, Any] = {
    name: (kind, None if name in _LATER else ...)
    for name, kind in get_type_hints(Decomposition).items()
    if name != "recipe"
}
_FrontierFields = create_model("_FrontierFields", __base__=Config, **_DECOMPOSED)


class FrontierRow(_FrontierFields):
    """A decomposition at a budget, see `analysis.frontier.decomposition.Decomposition`."""

    source: str
    estimator: str
    recipe: dict[str, Any] | None

    @model_validator(mode="after")
    def _are_ordered(self) -> "FrontierRow":
        for name in type(self).model_fields:
            if name.endswith("_interval") and (ends := getattr(self, name)) is not None:
                low, high = ends
                if low is not None and high is not None and low > high:
                    raise ValueError(f"{name}: expected low <= high, got {low:g} and {high:g}")
        return self


class ResultFile(Config):
    """All that the file holds.

    Results from before the sweep was recorded have neither it nor the number of its sequences.
    """

    experiment: str
    size: SizeName
    test_sequences: float | None = Field(default=None, gt=0)
    sweep: dict[str, Any] | None = None
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

    @field_validator("values")
    @classmethod
    def _values_have_names_of_their_own(cls, rows: tuple[ValueRow, ...]) -> tuple[ValueRow, ...]:
        return _refuse_twice(rows, [row.name for row in rows])

    @field_validator("endings")
    @classmethod
    def _sources_end_once(cls, rows: tuple[Ending, ...]) -> tuple[Ending, ...]:
        return _refuse_twice(rows, [row.source for row in rows])

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


def _refuse_twice(rows: Any, names: Iterable[str]) -> Any:
    """Return rows whose names differ; others are refused."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{name!r} is given twice")
        seen.add(name)
    return rows


def _value(row: ValueRow) -> Value:
    plain = row.model_dump()
    value, low, high = (plain.pop(name) for name in ("value", "low", "high"))
    return Value(estimate=Estimate(float("nan") if value is None else value, low, high), **plain)
