"""A store: the folder that holds a sweep's config, its runs and their histories.

A run is committed by one rename: its history file carries the run's row as well, so `runs.parquet`
is an index that can be rebuilt.
"""

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.store.files import (
    locked,
    names_in,
    reason,
    remove_partial,
    write_atomically,
)
from epiplexity_jax.store.schema import (
    HISTORIES,
    RUNS,
    SCHEMA_VERSION,
    arrow_schema,
    checked_history,
    checked_row,
)

Row = dict[str, Any]
History = dict[str, np.ndarray]

_CONFIG, _RUNS, _HISTORIES, _LOCK = "sweep.yaml", "runs.parquet", "histories", ".lock"
_ROW_KEY = b"epiplexity_jax_run"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredRun:
    """A run as the store holds it: its row, and its history as columns of record points."""

    row: Row
    history: History


class Store:
    """The runs of a folder. Opening reads nothing but the folder's listing."""

    def __init__(self, path: Path):
        self.path = path
        self._rows: dict[str, Row] | None = None

    @classmethod
    def open(cls, path: Path, create: bool = False) -> "Store":
        """Open a folder as a store.

        Args:
            path: the folder.
            create: make it where it is missing.

        Raises:
            StoreError: when it is missing, unreadable, no folder, or holds something else.
        """
        path = Path(path)
        try:
            if path.exists() and not path.is_dir():
                raise StoreError(f"{path}: is a file; a store is a folder")
            if not path.exists() and not create:
                raise StoreError(f"{path}: no such store; `epiplexity-jax run` makes one")
            if path.exists():
                _refuse_foreign(path, names_in(path), create)
            if create:
                (path / _HISTORIES).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            doing = "written" if create else "read"
            raise StoreError(f"{path}: cannot be {doing}: {reason(error)}") from None
        return cls(path)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one process that trains into it, and clear what a killed one left.

        Raises:
            StoreError: when another process holds it or the folder is not writable.
        """
        with contextlib.ExitStack() as held:
            with self._writing():
                held.enter_context(locked(self.path / _LOCK))
                for folder in (self.path, self.path / _HISTORIES):
                    remove_partial(folder)
            yield

    def finished(self) -> dict[str, Row]:
        """Rows of all runs by id, as their histories carry them; the index says what is current.

        A history without an entry in the index is adopted, an entry without a history dropped, a
        damaged history logged and left out, so that its run is trained again.

        Raises:
            StoreError: when a file cannot be read or is of a newer version.
        """
        if self._rows is None:
            indexed = self._index()
            self._rows = {}
            for file in self._history_files():
                row = _row_of(file)
                if row is not None:
                    current = indexed.get(row["run_id"], row["current"])
                    self._rows[row["run_id"]] = row | {"current": current}
        return dict(self._rows)

    def commit(self, row: Row, history: History) -> None:
        """Keep a run: its history first, which makes it finished, then the index.

        Args:
            row: every column of `schema.RUNS` that may not be null.
            history: columns of `schema.HISTORIES` but `run_id`, [R] or [R, blocks].

        Raises:
            StoreError: when the disk is full or not writable; what was there stays.
        """
        row = checked_row(row)
        table = _history_table(row, history)
        rows = self.finished() | {row["run_id"]: row}
        with self._writing():
            file = self.path / _HISTORIES / f"{row['run_id']}.parquet"
            write_atomically(file, lambda path: _write_table(table, path))
            self._write_index(rows)

    def mark_current(self, run_ids: Sequence[str]) -> None:
        """Say which runs the latest config asks for; the others stay but are left out of tables."""
        wanted = set(run_ids)
        rows = {key: row | {"current": key in wanted} for key, row in self.finished().items()}
        with self._writing():
            self._write_index(rows)

    def history(self, run_id: str) -> History:
        """A run's record points as columns; block losses are [R, blocks].

        Raises:
            StoreError: when the run is missing or damaged.
        """
        file = self.path / _HISTORIES / f"{run_id}.parquet"
        try:
            table = _read_table(file)
        except (OSError, pa.ArrowInvalid):
            raise StoreError(
                f"{file}: is missing or damaged; remove it and run the sweep again"
            ) from None
        return {
            name: np.array(table[name].to_pylist(), dtype=_dtype(table[name].type))
            for name in table.column_names
            if name != "run_id"
        }

    def load(self, current: bool = True) -> list[StoredRun]:
        """The runs, by default those that the latest config asks for, in the order of the index.

        Raises:
            StoreError: when there is none.
        """
        rows = [row for row in self.finished().values() if row["current"] or not current]
        if not rows:
            raise StoreError(f"{self.path}: holds no finished run yet; run the sweep again")
        sources = self._source_order()
        rows.sort(key=lambda r: (sources.get(r["source"], len(sources)), r["params"], r["seed"]))
        return [StoredRun(row, self.history(row["run_id"])) for row in rows]

    def write_config(self, text: str) -> None:
        """Keep the resolved config.

        Raises:
            StoreError: when it cannot be written.
        """
        with self._writing():
            write_atomically(self.path / _CONFIG, lambda path: _write_text(path, text))

    def read_config(self) -> str:
        """The resolved config, or an empty text where there is none."""
        try:
            return (self.path / _CONFIG).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError):
            raise StoreError(f"{self.path / _CONFIG}: cannot be read") from None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            done = f"; {len(self._rows)} finished runs are safe" if self._rows else ""
            raise StoreError(f"{self.path}: cannot be written: {reason(error)}{done}") from None

    def _write_index(self, rows: dict[str, Row]) -> None:
        self._rows = rows
        table = pa.Table.from_pylist(list(rows.values()), schema=arrow_schema(RUNS))
        write_atomically(self.path / _RUNS, lambda path: _write_table(table, path))

    def _history_files(self) -> list[Path]:
        folder = self.path / _HISTORIES
        try:
            return [folder / name for name in names_in(folder) if name.endswith(".parquet")]
        except OSError as error:
            raise StoreError(f"{folder}: cannot be read: {reason(error)}") from None

    def _index(self) -> dict[str, bool]:
        """Whether a run is current, by id."""
        try:
            rows = _read_table(self.path / _RUNS, ["run_id", "current"]).to_pylist()
            return {row["run_id"]: row["current"] for row in rows}
        except FileNotFoundError:
            return {}
        except (OSError, pa.ArrowInvalid, KeyError):
            _log.warning("%s is damaged; it is rebuilt from the histories", self.path / _RUNS)
            return {}

    def _source_order(self) -> dict[str, int]:
        import yaml

        try:
            config = yaml.safe_load(self.read_config()) or {}
            return {name: i for i, name in enumerate(config["sources"])}
        except (yaml.YAMLError, KeyError, TypeError):
            return {}


def _row_of(file: Path) -> Row | None:
    """The run's row that a history file carries; None when the file is damaged."""
    try:
        metadata = pq.read_schema(file).metadata or {}
        stored = json.loads(metadata[_ROW_KEY])
        version, row = stored["schema"], stored["row"]
    except PermissionError as error:
        raise StoreError(f"{file}: cannot be read: {reason(error)}") from None
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError):
        _log.warning("%s is damaged; its run counts as not done", file)
        return None
    if version > SCHEMA_VERSION:
        raise StoreError(f"{file}: was written by a newer version of epiplexity_jax; upgrade")
    return row


def _refuse_foreign(path: Path, names: Sequence[str], create: bool) -> None:
    if {_CONFIG, _RUNS, _HISTORIES} & set(names):
        return
    if names:
        held = ", ".join(sorted(names)[:3])
        raise StoreError(f"{path}: is no store (it holds {held}); choose an empty or new folder")
    if not create:
        raise StoreError(f"{path}: is an empty folder, no store; `epiplexity-jax run` fills one")


def _history_table(row: Row, history: Mapping[str, np.ndarray]) -> pa.Table:
    schema = arrow_schema(HISTORIES)
    columns = checked_history(row["run_id"], history)
    stored = json.dumps({"schema": SCHEMA_VERSION, "row": row}, allow_nan=False)
    metadata = {**(schema.metadata or {}), _ROW_KEY: stored.encode()}
    return pa.table(columns, schema=schema.with_metadata(metadata))


def _write_table(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, write_page_checksum=True)


def _read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """One file and nothing else; `pq.read_table` would make columns of `name=value` folders."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read(columns)


def _dtype(kind: pa.DataType) -> type:
    return np.int64 if pa.types.is_integer(kind) else np.float64


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
