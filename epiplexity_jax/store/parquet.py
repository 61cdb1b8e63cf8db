"""Rows and histories as Parquet, in memory: a history carries its run's row, and checksums."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.base.digest import json_digest
from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.store.schema import (
    HISTORIES,
    RUNS,
    SCHEMA_VERSION,
    Column,
    arrow_schema,
    checked_columns,
    history_columns,
)

Row = dict[str, Any]
"""A run's row in `runs.parquet`, by column (docs/store.md)."""
History = dict[str, np.ndarray]
"""A run's record points, column by column (docs/store.md)."""

_ROW_KEY = b"epiplexity_jax_run"
_REQUIRED = {column.name for column in HISTORIES if not column.null}
INDEXED = ("current", "source", "role", "recipes")  # of a run, as the latest config has them
_DIGESTS = 3  # the first version that has a digest of the row and the columns


class Damaged(Exception):
    """A file is not what was written, or was never whole."""


def encode_runs(rows: Iterable[Row]) -> bytes:
    """The index: one row a run."""
    return _encode(pa.Table.from_pylist(list(rows), schema=arrow_schema(RUNS)))


def decode_index(content: bytes) -> dict[str, Row]:
    """Columns in which the index overrules the histories, by run id: see `INDEXED`.

    Raises:
        Damaged: when it is no index.
    """
    table = _decode(content, ["run_id", *INDEXED])
    if not {"run_id", "current", "source"} <= set(table.column_names):
        raise Damaged
    return {row.pop("run_id"): row for row in table.to_pylist()}


def encode_history(
    row: Row, history: Mapping[str, np.ndarray], own: Sequence[OwnColumn] = ()
) -> bytes:
    """A history, one row a record point, with its run's row in the metadata.

    Args:
        row: the run's.
        history: its columns.
        own: those of them that not every run has.

    Raises:
        ValueError: when a column is unknown, or a required one is missing or of another length.
    """
    known = history_columns(own)
    return encode_columns(row, checked_columns(row["run_id"], history, known), known, _ROW_KEY)


def encode_columns(
    row: Row, columns: Mapping[str, list[Any]], known: tuple[Column, ...], key: bytes
) -> bytes:
    """A table whose metadata hold a run's row, the names of the columns, and a digest of both.

    Args:
        row: the run's.
        columns: checked.
        known: what they are.
        key: the metadata's key under which row, names and digest are stored.
    """
    schema = arrow_schema(known)
    content = {"row": row, "columns": [column.name for column in known]}
    content |= {"schema": SCHEMA_VERSION, "digest": json_digest(content)}
    stored = json.dumps(content, allow_nan=False)
    metadata = {**(schema.metadata or {}), key: stored.encode()}
    return _encode(pa.table(dict(columns), schema=schema.with_metadata(metadata)))


def decode_history(content: bytes) -> tuple[Row, History]:
    """A run's row and its record points, checked by the checksums.

    Null among numbers is NaN; a column that is null throughout is left out.

    Raises:
        Damaged: when it is not whole.
        StoreError: when a newer version wrote it.
    """
    row, columns = decode_columns(content, _ROW_KEY, _REQUIRED)
    return {column.name: row.get(column.name) for column in RUNS}, columns  # of an older version


def decode_columns(content: bytes, key: bytes, required: Collection[str]) -> tuple[Row, History]:
    """The row and the columns of what `encode_columns` wrote.

    Args:
        content: the file's bytes.
        key: the metadata's key under which `encode_columns` stored them.
        required: columns that are returned even where they are null throughout.

    Raises:
        Damaged: when it is not whole.
        StoreError: when a newer version wrote it.
    """
    table = _decode(content)
    try:
        stored = json.loads((table.schema.metadata or {})[key])
        row, newer = stored["row"], stored["schema"] > SCHEMA_VERSION
        # Checksums of pages leave out the footer: the row, and the names of columns.
        if not newer and stored["schema"] >= _DIGESTS and not _is_whole(stored, table):
            raise Damaged
    except (KeyError, TypeError, ValueError):
        raise Damaged from None
    if newer:
        raise StoreError(f"was written by version {row.get('version')}, which is newer; upgrade")
    names = [name for name in table.column_names if name != "run_id"]
    kept = [n for n in names if n in required or table[n].null_count < len(table)]
    try:
        return row, {name: _array(table[name]) for name in kept}
    except (TypeError, ValueError):  # block losses of a foreign file, more in one row than another
        raise Damaged from None


def _is_whole(stored: Mapping[str, Any], table: pa.Table) -> bool:
    content = {name: stored[name] for name in ("row", "columns")}
    return stored["digest"] == json_digest(content) and table.column_names == stored["columns"]


def _array(column: pa.ChunkedArray) -> np.ndarray:
    value = column.type.value_type if pa.types.is_list(column.type) else column.type
    kind = np.int64 if pa.types.is_integer(value) else np.float64
    return np.array(column.to_pylist(), dtype=kind)


def _encode(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, write_page_checksum=True)
    return sink.getvalue().to_pybytes()


def _decode(content: bytes, columns: list[str] | None = None) -> pa.Table:
    try:
        # Not `read_table`: small tables need none of its threads, which may outlive the process's
        # end and abort it.
        file = pq.ParquetFile(
            pa.BufferReader(content), page_checksum_verification=True, pre_buffer=False
        )
        return file.read(columns=columns, use_threads=False)
    except (OSError, pa.ArrowException, ValueError):
        raise Damaged from None
