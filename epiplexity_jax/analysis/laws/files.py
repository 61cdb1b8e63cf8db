"""Losses of files: tables with parameters, tokens or compute, and a loss.

Axis letters: P row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from epiplexity_jax.analysis.laws.points import LossPoints
from epiplexity_jax.analysis.logs.readers import read_table
from epiplexity_jax.analysis.logs.reshape import select
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.analysis.shapes import Steps, Values
from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.units import bits_to_nats

_NAMES = {
    "params": ("params", "n", "parameters", "num_params", "model_size", "model size"),
    "tokens": ("train_tokens", "d", "tokens", "training_tokens", "training tokens"),
    "compute": ("flops", "c", "compute", "compute_flops", "training_flop", "training flop"),
    "loss": ("loss", "l", "val_loss", "test_loss", "loss_nats", "heldout_loss_nats"),
    "run": ("run", "run_id"),
}
_WHAT = {"params": "parameters", "tokens": "train tokens", "loss": "losses"}


@dataclass(frozen=True)
class PointColumns:
    """Columns of a table of losses, guessed from their names where not given.

    Attributes:
        params: N; tokens: D; compute: 6 N D, which stands in for one that is not there.
        loss: losses; run: names of runs, whose points a bootstrap draws together.
        unit: "nats" or "bits", of the losses.
        where: "COLUMN=VALUE" of the rows to read.
    """

    params: str | None = None
    tokens: str | None = None
    compute: str | None = None
    loss: str | None = None
    run: str | None = None
    unit: str = "nats"
    where: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse another unit."""
        if self.unit not in ("nats", "bits"):
            raise ConfigError(f"--unit: {did_you_mean('unit', self.unit, ('nats', 'bits'))}")


def read_points(path: Path, columns: PointColumns | None = None) -> LossPoints:
    """Read losses of models, one a row.

    Args:
        path: CSV with a header, JSON lines or another table that `epiplexity-jax curve` reads.
        columns: which columns to read.

    Raises:
        ConfigError: when a column is not there or has to be named.
        DataError: when the file cannot be read or holds a value that is no number.
    """
    columns = columns or PointColumns()
    file = path.name or str(path)
    table = select(file, read_table(path), tuple(columns.where))
    found = {name: _column(file, table, name, getattr(columns, name)) for name in _NAMES}
    needed = ["loss"]
    needed += [] if found["compute"] else ["params", "tokens"]
    for name in needed:
        if found[name] is None:
            raise ConfigError(
                f"{file}: no column of {_WHAT[name]} among {', '.join(table.names)}; name it with "
                f"--{name}-column"
            )
    if found["params"] is None and found["tokens"] is None:
        raise ConfigError(
            f"{file}: compute alone says neither parameters nor tokens; name a column of one with "
            "--params-column or --tokens-column"
        )
    values = {
        name: _numbers(file, table, column)
        for name, column in found.items()
        if column is not None and name != "run"
    }
    product = values["compute"] / 6.0 if "compute" in values else None
    params = values["params"] if "params" in values else product / values["tokens"]
    tokens = values["tokens"] if "tokens" in values else product / values["params"]
    losses = values["loss"] if columns.unit == "nats" else bits_to_nats(values["loss"])
    return LossPoints.of(params, tokens, losses, run=_runs(table, found["run"]))


def _column(file: str, table: LogTable, name: str, given: str | None) -> str | None:
    """The column that is given, or the only one with a known name."""
    if given is not None:
        if given not in table.names:
            raise ConfigError(f"{file}: {did_you_mean('column', given, table.names)}")
        return given
    lower = {column.strip().lower(): column for column in table.names}
    return next((lower[known] for known in _NAMES[name] if known in lower), None)


def _numbers(file: str, table: LogTable, column: str) -> Values:
    """A column [P] of positive numbers.

    Raises:
        DataError: when a cell holds none, naming its line.
    """
    values = table.numbers(file, column)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if wrong.size:
        raise DataError(
            f"{file}: {table.at(int(wrong[0]))}: {column!r} must be a positive number, "
            f"got {table.columns[column][wrong[0]]!r}"
        )
    return values


def _runs(table: LogTable, column: str | None) -> Steps | None:
    """Numbers [P] of the runs that a column names."""
    if column is None:
        return None
    names = [str(cell) for cell in table.columns[column]]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


COLUMN_OPTIONS = tuple(one.name for one in fields(PointColumns) if one.name in _NAMES)
