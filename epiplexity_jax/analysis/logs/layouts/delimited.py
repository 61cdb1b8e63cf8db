"""CSV with a header: commas, tabs, semicolons or blanks between cells."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from epiplexity_jax.analysis.logs.content import Content
from epiplexity_jax.analysis.logs.table import LogTable, is_missing
from epiplexity_jax.base.errors import DataError

_DELIMITERS = ",\t;"
_VALUE = re.compile(r"[a-z]\s*[:=]\s*-?\d", re.IGNORECASE)  # of a log, and of no header
# Columns of tables of runs: that of their names, any of others beside it; what to export instead.
_RUNS = (
    (
        ("Name", "State", "Runtime", "Created", "User", "Sweep", "Tags"),
        "the CSV of a panel on W&B's page of the run, or wandb.Api().run(...).scan_history()",
    ),
    (
        ("experimentKey", "duration", "endTime", "startTime", "fileSize"),
        "the CSV of a chart on Comet's page of the experiment, or its get_metrics()",
    ),
    (
        ("Experiment Key", "Duration", "End Time", "Start Time", "Server timestamp", "Tags"),
        "the CSV of a chart on Comet's page of the experiment, or its get_metrics()",
    ),
)
_LOOKED_AT = 50  # lines that decide whether a text is a table


def matches(content: Content) -> bool:
    """Return whether a text is a table: a header of names, and numbers between its delimiters."""
    lines = [line for line in content.text[:100_000].splitlines() if line.strip()]
    if not lines:
        return False
    delimiter, rows = _delimiter(lines[0]), lines[1 : 1 + _LOOKED_AT]
    if delimiter is None:
        return all(map(_is_number, rows))
    if delimiter == " ":
        width, split = len(lines[0].split()), [row.split() for row in rows]
        return bool(rows) and all(len(row) == width and all(map(_is_cell, row)) for row in split)
    header, *cells = (
        [cell.strip(' "') for cell in row.split(delimiter)] for row in lines[:1] + rows
    )
    numbers = sum(map(_is_number, header))
    if 0 < numbers < len(header) or _VALUE.search(lines[0]):
        return False
    like = [len(row) > 1 and any(map(_is_number, row)) for row in cells]
    return not rows or sum(like) >= len(like) / 2


def read(content: Content) -> LogTable:
    """The table of a CSV file.

    Raises:
        DataError: when it is no CSV, naming the line.
    """
    file, text = content.name, content.text
    first = text.lstrip("\r\n ").partition("\n")[0]
    delimiter = _delimiter(first) or ","
    if delimiter == " ":
        return _of_blanks(file, text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for cells in reader:
            if not cells or not (cells[0] or "".join(cells).strip()):
                continue
            rows.append(cells)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{file}: line {reader.line_num}: is no CSV: {error}") from None
    header = _header(file, rows[0])
    for cells, line in zip(rows, lines, strict=True):
        if len(cells) != len(header):
            raise DataError(
                f"{file}: line {line}: has {len(cells)} cells, the header has {len(header)}"
            )
    return _table(file, header, rows[1:], lines[1:])


def _of_blanks(file: str, text: str) -> LogTable:
    """The table of a text whose cells stand between blanks."""
    split = [(i, line.split()) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    header = _header(file, split[0][1])
    return _table(file, header, [cells for _, cells in split[1:]], [i for i, _ in split[1:]])


def _table(file: str, header: list[str], rows: list[list[str]], lines: list[int]) -> LogTable:
    if not rows:
        raise DataError(f"{file}: has a header and no rows")
    columns: dict[str, Sequence[Any]] = {
        name: cells
        for name, cells in zip(header, map(list, zip(*rows, strict=True)), strict=True)
        if name
    }
    _refuse_runs(file, columns, len(rows))
    return LogTable(columns, lines)


def _refuse_runs(file: str, columns: Mapping[str, Sequence[Any]], rows: int) -> None:
    """Refuse a tracker's table of runs, a row of last values each.

    Raises:
        DataError: with what to export in its place.
    """
    for (name, *others), cure in _RUNS:
        if name not in columns or not set(others) & set(columns) and others:
            continue
        if len(set(columns[name])) == rows:
            raise DataError(
                f"{file}: is a table of {rows} run{'s' * (rows != 1)}, one a row, with last values "
                f"only, which are no curve; export the history of one: {cure}"
            )


def _delimiter(first: str) -> str | None:
    """The character between the cells of a header; None where it has one cell."""
    found = max(_DELIMITERS, key=first.count)
    if found in first:
        return found
    return " " if len(first.split()) > 1 else None


def _header(file: str, cells: list[str]) -> list[str]:
    """Names of the columns; one without a name, such as a written index, is left out of rows."""
    names = [cell.strip() for cell in cells]
    if all(_is_number(name) for name in names):
        raise DataError(f"{file}: line 1: holds numbers; a header that names the columns is needed")
    for i, name in enumerate(names):
        if name and name in names[:i]:
            raise DataError(f"{file}: two columns are named {name!r}; names must differ")
    return names


def _is_number(text: str) -> bool:
    return parses(float, text)


def _is_cell(text: str) -> bool:
    return _is_number(text) or is_missing(text)


def parses(parse: Callable[[str], Any], text: str) -> bool:
    """Return whether a function takes a text."""
    try:
        parse(text)
    except (ValueError, RecursionError):
        return False
    return True
