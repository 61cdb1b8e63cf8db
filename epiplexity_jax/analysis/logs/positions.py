"""Positions of the rows of a curve: which rows count, and the label tokens they stand for.

Axis letters: P row.
"""

import math

import numpy as np

from epiplexity_jax.analysis.logs.columns import Columns
from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.names import is_epoch
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.analysis.shapes import Flags, Values
from epiplexity_jax.base.errors import DataError

_AT_ZERO = (
    "the row at {} 0 covers no tokens and is not in the area; a loss at 0 is that of one batch or "
    "of an evaluation, and no mean: if the others are so too, --sampled interpolates between them"
)
_FROM_ZERO = "positions ({}) count batches from 0, so each is read as one more; --first-step 1 "
_FROM_ZERO += "reads them as batches done"


def last_of_each(positions: Values) -> Flags:
    """[P] True for rows after which no row has a position as low: what the last model trained on.

    >>> last_of_each(np.array([1.0, 2, 3, 2, 3, 3, 4])).tolist()
    [True, False, False, True, False, True, True]
    """
    reversed_lowest = np.minimum.accumulate(positions[::-1])[::-1]
    return positions < np.append(reversed_lowest[1:], np.inf)


def refuse_falling(file: str, table: LogTable, rows: np.ndarray, positions: Values) -> None:
    """Refuse rows whose positions do not increase, saying what the file looks like.

    Args:
        file: its name, for messages.
        table: the table of all rows.
        rows: [P] indices of those with a loss.
        positions: [P] of these.

    Raises:
        DataError: naming the lines, and what to do.
    """
    falls = np.flatnonzero(np.diff(positions) <= 0)
    if not falls.size:
        return
    i = int(falls[0])
    names = f"from {table.at(int(rows[i]))} to {table.at(int(rows[i + 1]))}"
    fault = f"{file}: positions do not increase {names} ({positions[i]:g} to {positions[i + 1]:g})"
    raise DataError(f"{fault}{_why(positions)}")


def refuse_runs(file: str, column: str, positions: Values) -> None:
    """Refuse rows that are runs by name and have no increasing positions.

    Args:
        file: its name, for messages.
        column: names of the runs.
        positions: [P] of the rows with a loss.

    Raises:
        DataError: with what to export.
    """
    if np.any(np.diff(positions) <= 0):
        raise DataError(
            f"{file}: is a table of runs, one a row by {column!r}, with last values only, which "
            "are no curve; export the history of one run"
        )


def _why(positions: Values) -> str:
    """The rest of a sentence on positions that do not increase: what it looks like, what to do."""
    steps = np.diff(positions)
    if np.all(positions == 0):
        return ": all are 0, so they were never counted; name another column"
    if np.unique(positions).size < max(2, positions.size // 10):
        return (
            ": most rows have the same one, as in a table of several runs with one row "
            "each, which holds no curve (export the history of one run), or where a column counts "
            "the tokens of a row and not those so far"
        )
    if np.all(steps < 0):
        return ": the rows stand in reverse order; sort them by position"
    if np.all(steps >= 0):
        return (
            ": several rows have one position, as where each process logs; --keep-last keeps of "
            "every position the last row"
        )
    if positions[1:][steps < 0].min() <= positions[0]:
        return (
            ": the count begins anew there, as where several runs stand in one file; "
            "choose one (--where COLUMN=VALUE), or --keep-last where training was restarted"
        )
    return (
        "; where training was resumed into one file, --keep-last keeps of every position "
        "the last row"
    )


def shifted(
    positions: Values, columns: Columns, layout: Layout, table: LogTable, is_sampled: bool
) -> tuple[Values, str | None]:
    """Positions as batches done, and what is to be said about them.

    Args:
        positions: [P] increasing, as the file has them.
        columns: which were read.
        layout: what the options say.
        table: the table, with what its layout implies.
        is_sampled: whether losses are those of single batches.
    """
    name = columns.position or "rows"
    if columns.evaluated or not columns.counts_steps or columns.position is None:
        at_zero = not columns.evaluated and positions.size and positions[0] == 0
        return positions, _AT_ZERO.format(name) if at_zero else None
    first = layout.first_step
    if first is None:
        first = table.hints.first_step
        first = _first_step(positions, is_sampled) if first is None else first
    if first == 0:
        said = None if layout.first_step == 0 else _FROM_ZERO.format(name)
        return positions + 1.0, said
    if positions.size and positions[0] == 0:
        return positions, _AT_ZERO.format(name)
    return positions, None


def _first_step(positions: Values, is_sampled: bool) -> int:
    """The first step by the pattern of all: indices from 0, or batches done.

    Rows of every batch that begin at 0, or of every k-th batch at k - 1, 2 k - 1, ..., are indices.
    """
    if positions.size < 2 or not np.all(positions == np.floor(positions)):
        return 1
    gaps = np.diff(positions)
    if positions[0] == 0:
        return 0 if is_sampled or bool(np.all(gaps == 1)) else 1
    every = math.gcd(*(int(gap) for gap in np.unique(gaps)))
    return 0 if every > 1 and (positions[0] + 1) % every == 0 else 1


def epochs(
    file: str, table: LogTable, rows: np.ndarray, positions: Values, axis: str | None
) -> float | None:
    """Passes over the data that the file counts; None where it counts none.

    A whole number is that of the pass at hand, from 0 or 1 on, or that of the passes done where
    each stands in one row. Rows of evaluations count only where no other row has an epoch.

    Args:
        file: its name, for messages.
        table: the table of all rows.
        rows: [P] indices of those with a loss.
        positions: positions of all rows of the table; NaN where it is blank.
        axis: column of the positions, which counts no epochs whatever its name.
    """
    named = (name for name in table.names if is_epoch(name) and name != axis)
    column = next(named, None)
    if column is None:
        return None
    try:
        counted = table.numbers(file, column)
    except DataError:
        return None  # names such as "warm-up" count nothing
    after_zero = np.isfinite(counted) & ~(positions == 0)
    own = counted[rows][after_zero[rows]]
    own = own if own.size else counted[after_zero]
    if not own.size:
        return None
    low, high = float(own.min()), float(own.max())
    if not np.all(own == np.floor(own)):
        return high
    distinct = np.unique(own).size
    if low >= 1 and distinct == own.size:
        return high
    return high - low + 1.0
