"""Columns of files with a document a row: JSON lines, JSON, CSV, TSV, Parquet and Arrow."""

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from epiplexity_jax.base.compressed import compression_of, first_bytes, open_decompressed
from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.paths import ending, find_files
from epiplexity_jax.sources.token_array import readable

Value = str | list[int] | int | None
Rows = Iterator[tuple[str, Any]]
"""Place of each row, for messages, and its value in the column."""

LAYOUTS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
_USUAL = ("text", "content", "input_ids", "tokens")  # names of the column, the first that is there
_WIDEST = 1 << 30  # characters of a cell


def table_files(path: str) -> list[Path]:
    """Find the files of a table: one file, a pattern, a folder, or a saved Hugging Face data set.

    Raises:
        DataError: when there is no such file, or a data set of several splits is given whole.
    """
    folder = Path(path)
    if "\0" not in path and (folder / "dataset_dict.json").is_file():
        splits = json.loads((folder / "dataset_dict.json").read_bytes()).get("splits", [])
        named = ", ".join(str(folder / split) for split in splits)
        raise DataError(f"{path}: holds several splits; give one of {named}")
    if "\0" not in path and (folder / "state.json").is_file():
        with readable(folder / "state.json", "is no state of a data set: {}"):
            state = json.loads((folder / "state.json").read_bytes())
            return [folder / each["filename"] for each in state["_data_files"]]
    return find_files(path, tuple(LAYOUTS))


def layout_of(path: Path) -> str:
    """Name the layout of a file, by its ending or, failing that, its first bytes.

    Raises:
        DataError: when it is not one of those known.
    """
    with readable(path):
        start = first_bytes(path)
    if not start:
        raise DataError(f"{path}: is empty; there is nothing to measure")
    if start.startswith((b"PAR1", b"ARROW1")):
        return "parquet" if start.startswith(b"PAR1") else "arrow"
    found = LAYOUTS.get(ending(path))
    if found in ("parquet", "arrow"):
        if found == "parquet" or compression_of(start):
            raise DataError(f"{path}: is no {found.capitalize()} file, as its name says")
        return found
    if compression_of(start) is None and found in ("json", "jsonl", None):
        opens = start.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        if opens in (b"{", b"["):
            return "json" if opens == b"[" else "jsonl"
        if found is None:
            raise DataError(
                f"{path}: is of no known layout; name it by its ending: {', '.join(LAYOUTS)}"
            )
    if found is None:
        raise DataError(f"{path}: name it by its ending, such as {path.stem}.jsonl{path.suffix}")
    return found


def read_column(path: Path, layout: str, column: str) -> Rows:
    """Read one column of a file, row by row.

    Args:
        path: the file's path.
        layout: the file's layout, as `layout_of` returns it.
        column: its name.

    Raises:
        DataError: when the file is damaged, or has no such column.
    """
    if layout in ("parquet", "arrow"):
        yield from _read_arrow(path, layout, column)
        return
    for place, row in _READERS[layout](path):
        if not isinstance(row, dict):
            raise DataError(f"{path}: {place}: expected an object with a column, got {row!r:.60}")
        if column not in row:
            names = ", ".join(map(str, row))
            raise DataError(f"{path}: {place}: has no column {column!r}; it has {names}")
        yield place, row[column]


def choose_column(path: Path, layout: str, wanted: str | None) -> tuple[str, bool]:
    """Choose the column to read by its name.

    Args:
        path: path of the first file.
        layout: its layout, as `layout_of` returns it.
        wanted: the config's, or None.

    Returns:
        Its name, and whether it was guessed.

    Raises:
        DataError: when there is no such column, or several could be meant.
    """
    kinds = _column_kinds(path, layout)
    readable_ones = [name for name, kind in kinds.items() if kind]
    held = ", ".join(f"{name} ({kind or 'cannot be read'})" for name, kind in kinds.items())
    if wanted is not None:
        if wanted not in kinds:
            raise DataError(f"{path}: column: {did_you_mean('column', wanted, list(kinds))}")
        if not kinds[wanted]:
            raise DataError(f"{path}: column: {wanted} holds no text and no tokens; it has: {held}")
        return wanted, False
    if usual := [name for name in _USUAL if name in readable_ones]:
        return usual[0], len(usual) > 1
    if len(readable_ones) != 1:
        raise DataError(f"{path}: column: say which one; it has: {held}")
    return readable_ones[0], True


def _column_kinds(path: Path, layout: str) -> dict[str, str]:
    """Kind of every column, `text`, `tokens` or nothing, by the types or the first row."""
    if layout in ("parquet", "arrow"):
        import pyarrow as pa

        def kind(of: Any) -> str:
            of = of.value_type if pa.types.is_dictionary(of) else of
            if pa.types.is_string(of) or pa.types.is_large_string(of):
                return "text"
            if (
                pa.types.is_list(of)
                or pa.types.is_large_list(of)
                or pa.types.is_fixed_size_list(of)
            ):
                of = of.value_type
            return "tokens" if pa.types.is_integer(of) else ""

        with readable(path, f"is no whole {layout.capitalize()} file: {{}}"):
            schema = _schema(path, layout)
        return {field.name: kind(field.type) for field in schema}
    for place, row in _READERS[layout](path):
        if not isinstance(row, dict):
            raise DataError(f"{path}: {place}: expected an object with a column, got {row!r:.60}")
        return {name: kind_of(value) for name, value in row.items()}
    raise DataError(f"{path}: holds no rows; there is nothing to measure")


def kind_of(value: Any) -> str:
    """Name the kind of a value: `text`, `tokens`, or nothing for what cannot be read.

    >>> kind_of("word"), kind_of([3, 1]), kind_of(0.5)
    ('text', 'tokens', '')
    """
    if isinstance(value, str):
        return "text"
    values = value if isinstance(value, list) else [value]
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in values)
    return "tokens" if whole else ""


def _json_lines(path: Path) -> Rows:
    with readable(path), open_decompressed(path) as file:
        for number, line in enumerate(file, start=1):
            line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if line.strip():
                yield f"line {number}", _parsed(path, f"line {number}: ", line)


def _json(path: Path) -> Rows:
    with readable(path), open_decompressed(path) as file:
        rows = _parsed(path, "", file.read())
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
        yield f"row {number}", row


def _parsed(path: Path, place: str, raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise DataError(f"{path}: {place}is not JSON: {error}") from None


def _csv(path: Path, delimiter: str = ",") -> Rows:
    with readable(path), open_decompressed(path) as file:
        before = csv.field_size_limit(_WIDEST)
        try:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            reader = csv.DictReader(text, delimiter=delimiter)
            for row in reader:
                if None in row or None in row.values():
                    raise DataError(
                        f"{path}: line {reader.line_num}: has another number of cells than its "
                        "header; mend it, or check the quotes"
                    )
                yield f"line {reader.line_num}", row
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path}: is no CSV in UTF-8: {error}") from None
        finally:
            csv.field_size_limit(before)


def _schema(path: Path, layout: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if layout == "parquet":
        return pq.read_schema(path)
    with pa.memory_map(str(path)) as source:
        return _arrow_reader(source).schema


def _arrow_reader(source: Any) -> Any:
    """Open an Arrow file, or a stream as the `datasets` library writes it."""
    import pyarrow as pa

    start = source.read(6)
    source.seek(0)
    return pa.ipc.open_file(source) if start == b"ARROW1" else pa.ipc.open_stream(source)


def _read_arrow(path: Path, layout: str, column: str) -> Rows:
    """Read a column batch by batch, so that the file need not fit into memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    with readable(path, f"is no whole {layout.capitalize()} file: {{}}"):
        if layout == "parquet":
            with pq.ParquetFile(path) as file:
                _refuse_missing(path, column, file.schema_arrow.names)
                for batch in file.iter_batches(1 << 12, columns=[column]):
                    for value in batch.column(0).to_pylist():
                        number += 1
                        yield f"row {number}", value
            return
        with pa.memory_map(str(path)) as source:
            reader = _arrow_reader(source)
            _refuse_missing(path, column, reader.schema.names)
            count = getattr(reader, "num_record_batches", None)
            batches = reader if count is None else map(reader.get_batch, range(count))
            for batch in batches:
                for value in batch.column(column).to_pylist():
                    number += 1
                    yield f"row {number}", value


def _refuse_missing(path: Path, column: str, names: list[str]) -> None:
    if column not in names:
        raise DataError(f"{path}: has no column {column!r}; it has {', '.join(names)}")


_READERS: dict[str, Callable[[Path], Rows]] = {
    "jsonl": _json_lines,
    "json": _json,
    "csv": _csv,
    "tsv": lambda path: _csv(path, "\t"),
}
