"""Rows of CSV and JSON lines files, with the lines they stand on."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from epiplexity_jax.base.errors import DataError

_DELIMITERS = ",\t;"
_READ = "CSV with a header and JSON lines are read"


@dataclass(frozen=True)
class Row:
    """A row: its line in the file, and its cells by column, text in CSV and any value in JSON."""

    line: int
    cells: Mapping[str, Any]


def read_rows(path: Path) -> list[Row]:
    """All rows of a CSV file with a header, or of a file of JSON lines.

    Raises:
        DataError: when the file is missing, empty, or neither of the two, naming the line.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DataError(f"{path.name}: is no text; {_READ}, TensorBoard events are not yet")
    if not text.strip():
        raise DataError(f"{path.name}: is empty; {_READ}")
    reader = next(reader for reader in READERS if reader.matches(text))
    rows = reader.read(path.name, text)
    if not rows:
        raise DataError(f"{path.name}: has a header and no rows")
    return rows


def number(file: str, row: Row, column: str) -> float | None:
    """A cell as a number, which may be NaN or infinite; None where it is blank or absent.

    Args:
        file: its name, for messages.
        row: the row.
        column: name of the cell's column.

    Raises:
        DataError: when it is something else, naming line and column.

    >>> number("x.csv", Row(2, {"loss": " 1.5"}), "loss")
    1.5
    """
    value = row.cells.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return float(value)
    except ValueError:
        pass
    except OverflowError:
        return math.inf
    shown = repr(value)[:40]
    raise DataError(f"{file}: line {row.line}: {shown} in {column!r} is not a number")


def _csv_rows(file: str, text: str) -> list[Row]:
    first = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    header: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header(file, cells)
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"{file}: line {reader.line_num}: has {len(cells)} cells, the header has "
                    f"{len(header)}"
                )
            named = {n: c for n, c in zip(header, cells, strict=True) if n}
            rows.append(Row(reader.line_num, named))
    except csv.Error as error:
        raise DataError(f"{file}: line {reader.line_num}: is no CSV: {error}") from None
    return rows


def _header(file: str, cells: list[str]) -> list[str]:
    """Names of the columns; one without a name, such as a written index, is left out of rows."""
    names = [cell.strip() for cell in cells]
    if all(_parses(float, name) for name in names):
        raise DataError(f"{file}: line 1: holds numbers; a header that names the columns is needed")
    for i, name in enumerate(names):
        if name and name in names[:i]:
            raise DataError(f"{file}: two columns are named {name!r}; names must differ")
    return names


def _json_rows(file: str, text: str) -> list[Row]:
    one_document = DataError(
        f"{file}: is one JSON document, which is not read yet; write one object a line (JSON "
        "lines) or CSV"
    )
    lines = [(i, line) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    rows: list[Row] = []
    for i, line in lines:
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError):
            if not rows and _parses(json.loads, text):
                raise one_document from None
            raise DataError(f"{file}: line {i}: is not JSON") from None
        if not isinstance(cells, dict):
            if len(lines) == 1:
                raise one_document
            raise DataError(f"{file}: line {i}: is JSON but no object with named values")
        rows.append(Row(i, cells))
    if len(rows) == 1 and any(isinstance(v, list | dict) for v in rows[0].cells.values()):
        raise one_document
    return rows


def _parses(parse: Callable[[str], Any], text: str) -> bool:
    try:
        parse(text)
    except (ValueError, RecursionError):
        return False
    return True


class Reader(NamedTuple):
    """A layout of curve files.

    Attributes:
        matches: the text of a file to True where it has this layout.
        read: (name of the file, its text) to its rows; raises `DataError` naming the line.
    """

    matches: Callable[[str], bool]
    read: Callable[[str, str], list[Row]]


READERS = [
    Reader(lambda text: text.lstrip()[0] in "{[", _json_rows),
    Reader(lambda _: True, _csv_rows),
]
"""Layouts in the order in which they are tried; the last takes any text."""
