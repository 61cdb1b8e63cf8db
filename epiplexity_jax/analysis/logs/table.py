"""Tables as files hold them: columns of cells, and the line of each row.

A cell is text in CSV and any plain value in JSON. Axis letters: P row of the table.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from epiplexity_jax.analysis.shapes import Flags, Values
from epiplexity_jax.base.errors import DataError

MISSING = {"", "nan", "na", "n/a", "#n/a", "none", "null", "nil", "<na>", "-"}
"""Words, in lower case, that stand in a cell without a value."""

Kind = Literal["means", "batches", "points", "kl"]


@dataclass(frozen=True)
class Hints:
    """Facts about the losses that a layout implies, each None where it implies nothing.

    Attributes:
        kind: "means" over the tokens since the row before, "batches" for losses of single batches,
            "points" for losses of the model at its position, "kl" where there are no losses but the
            KL of the messages of a requential code.
        first_step: 0 where a step is the index of the row's batch from 0 on, 1 where it is the
            number of batches done.
        unit: "nats" or "bits".
        tokens_per_step: label tokens of a step.
        final_loss: held-out loss of the final model, in the unit of the table.
        data_tokens: label tokens of the dataset that is measured.
        steps: column of steps, whatever its name.
        loss: column of training losses, whatever its name.
    """

    kind: Kind | None = None
    first_step: int | None = None
    unit: str | None = None
    tokens_per_step: float | None = None
    final_loss: float | None = None
    data_tokens: float | None = None
    steps: str | None = None
    loss: str | None = None


@dataclass(frozen=True, eq=False)
class LogTable:
    """A table of a file.

    Attributes:
        columns: columns by name, [P] cells; None where a row has no such cell.
        lines: [P] place of each row in the file.
        layout: name of the layout, for messages.
        place: noun of what `lines` counts.
        hints: what the layout implies.
        notes: sentences on what reading left out or took for granted.
    """

    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]
    layout: str = "CSV"
    place: str = "line"
    hints: Hints = field(default_factory=Hints)
    notes: tuple[str, ...] = ()

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[int, Mapping[str, Any]]], **fields: Any) -> "LogTable":
        """Make a table of rows, each with its line; columns are in order of appearance.

        Args:
            rows: line and cells by column.
            fields: further fields of the table.

        >>> LogTable.of_rows([(1, {"step": 1}), (2, {"loss": 3.0})]).columns
        {'step': [1, None], 'loss': [None, 3.0]}
        """
        kept = list(rows)
        names = dict.fromkeys(name for _, cells in kept for name in cells)
        columns = {name: [cells.get(name) for _, cells in kept] for name in names}
        return cls(columns, [line for line, _ in kept], **fields)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lines)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.columns)

    def where(self, kept: Flags) -> "LogTable":
        """The rows that are flagged [P]."""
        index = np.flatnonzero(kept).tolist()
        columns = {name: [cells[i] for i in index] for name, cells in self.columns.items()}
        return replace(self, columns=columns, lines=[self.lines[i] for i in index])

    def with_columns(self, columns: Mapping[str, Sequence[Any]], *notes: str) -> "LogTable":
        """The same rows with other columns, and further notes."""
        return replace(self, columns=dict(columns), notes=(*self.notes, *notes))

    def at(self, row: int) -> str:
        """Name of a row in messages."""
        return f"{self.place} {self.lines[row]}"

    def numbers(self, file: str, column: str, strict: Flags | None = None) -> Values:
        """A column as numbers [P]; NaN where a cell holds no value, infinite as it stands.

        Args:
            file: its name, for messages.
            column: which.
            strict: [P] rows in which NaN or a word such as NA is an error and not a missing value.

        Raises:
            DataError: when a cell is something else, naming its line.
        """
        cells = self.columns[column]
        quick = _quick(cells)
        if quick is not None and (strict is None or not np.isnan(quick[strict]).any()):
            return quick
        found = np.empty(len(cells))
        for i, cell in enumerate(cells):
            missing = is_blank(cell) or (is_missing(cell) and (strict is None or not strict[i]))
            found[i] = math.nan if missing else self._number(file, column, i)
        return found

    def present(self, column: str) -> Flags:
        """[P] True where a cell holds a value: neither blank nor a word for a missing one."""
        cells = self.columns[column]
        quick = _quick(cells)
        if quick is not None:
            return ~np.isnan(quick)
        return np.array([not is_missing(cell) for cell in cells], dtype=bool)

    def _number(self, file: str, column: str, row: int) -> float:
        """A cell as a number.

        Raises:
            DataError: when it is NaN or no number.
        """
        cell = self.columns[column][row]
        try:
            if isinstance(cell, str | int | float) and not isinstance(cell, bool):
                value = float(cell)
                if not math.isnan(value):
                    return value
                raise DataError(
                    f"{file}: {self.at(row)}: loss nan is not finite; did training diverge there?"
                )
        except OverflowError:
            return math.inf
        except ValueError as error:
            if isinstance(error, DataError):
                raise
        raise DataError(f"{file}: {self.at(row)}: {repr(cell)[:40]} in {column!r} is not a number")


def is_blank(cell: Any) -> bool:
    """Return whether a cell is absent or empty."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def is_missing(cell: Any) -> bool:
    """Return whether a cell is empty, NaN, or a word for a missing value.

    >>> is_missing("N/A"), is_missing(float("nan")), is_missing("0")
    (True, True, False)
    """
    if isinstance(cell, float):
        return math.isnan(cell)
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def _quick(cells: Sequence[Any]) -> Values | None:
    """Cells as numbers where every one is a number, NaN included; None otherwise."""
    try:
        if bool in set(map(type, cells)):
            return None
        return np.array(list(map(float, cells)), dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
