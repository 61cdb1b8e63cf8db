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

from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.base.files import (
    locked,
    names_in,
    read_if_there,
    reason,
    remove_partial,
    write_atomically,
)
from epiplexity_jax.base.yaml import read_yaml
from epiplexity_jax.store.parquet import (
    INDEXED,
    Damaged,
    History,
    Row,
    decode_history,
    decode_index,
    encode_history,
    encode_runs,
)
from epiplexity_jax.store.schema import checked_row
from epiplexity_jax.store.streams import Stream, decode_stream, encode_stream

_CONFIG, _RUNS, _HISTORIES, _LOCK = "sweep.yaml", "runs.parquet", "histories", ".lock"
_STREAMS = "streams"
_STARTS, _CONFIGS = "provenance.jsonl", "sweeps"
_ENDING, _YAML = ".parquet", ".yaml"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredRun:
    """A run as the store holds it: its row, and its history as columns of record points."""

    row: Row
    history: History


class Store:
    """The runs of a folder. Opening reads nothing but the folder's listing; reading never writes.

    Attributes:
        path: the folder.
        writes: whether this process writes; another does where several train one sweep, and this
            one remembers what it would have written.
        warnings: sentences on damage found so far; they are logged too.
        holder: mark of this process while it holds the lock; all that held it before had others.
    """

    def __init__(self, path: Path):
        self.path, self.writes, self.holder = path, True, b""
        self.warnings: list[str] = []
        self._rows: dict[str, Row] | None = None

    @classmethod
    def open(cls, path: Path, create: bool = False) -> "Store":
        """Open a folder as a store.

        Args:
            path: the folder.
            create: it may be missing or empty; the first write makes it.

        Raises:
            StoreError: when it is missing, unreadable, no folder, or holds something else.
        """
        path = Path(path)
        try:
            _refuse_foreign(path, create)
        except OSError as error:
            doing = "written" if create else "read"
            raise StoreError(f"{path}: cannot be {doing}: {reason(error)}") from None
        return cls(path)

    @staticmethod
    def is_store(path: Path) -> bool:
        """Return whether a folder holds runs.

        Raises:
            StoreError: when it cannot be read.
        """
        return path.is_dir() and not {_RUNS, _HISTORIES}.isdisjoint(names_in(path))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one process that trains into it.

        Raises:
            StoreError: when another process holds it or the folder is not writable.
        """
        with contextlib.ExitStack() as held:
            if self.writes:
                with self._writing():
                    self.holder = held.enter_context(locked(self.path / _LOCK))
                    remove_partial(self.path)
                    for folder in (_HISTORIES, _STREAMS):
                        remove_partial(self.path / folder)
            yield

    def is_held_by(self, holder: bytes) -> bool:
        """Return whether the folder can be read here, and nobody took it over from a holder."""
        with contextlib.suppress(StoreError):
            return read_if_there(self.path / _LOCK) == holder
        return False

    def finished(self) -> dict[str, Row]:
        """Rows of all runs by id, as their histories carry them; the index has the current names.

        A history without an entry in the index is adopted, an entry without a history dropped, a
        damaged history left out with a warning, so that its run is trained again.

        Raises:
            StoreError: when a file cannot be read or was written by a newer version.
        """
        if self._rows is None:
            self._rows = {run.row["run_id"]: run.row for run in self._runs()}
        return dict(self._rows)

    def _runs(self) -> Iterator[StoredRun]:
        """Read every run, one file at a time."""
        known = self._rows or self._index()
        there = [n.removesuffix(_ENDING) for n in names_in(self.path / _HISTORIES, _ENDING)]
        if not self._rows and (missing := len(known.keys() - set(there))):
            where = f"{self.path / _HISTORIES}: {missing} of the runs in {_RUNS}"
            self._warn(f"{where} have no history there and count as not done")
        for run_id in there:
            if (run := self._read(run_id)) is not None:
                yield StoredRun(run.row | known.get(run_id, {}), run.history)

    def commit(
        self,
        row: Row,
        history: Mapping[str, Any],
        own: Sequence[OwnColumn] = (),
        stream: Mapping[str, Any] | None = None,
        own_stream: Sequence[OwnColumn] = (),
    ) -> None:
        """Keep a run: its stream, then its history, which makes it finished, then the index.

        Args:
            row: the columns of `schema.RUNS`.
            history: the columns of `schema.HISTORIES` and `own`, [R] or, of block losses,
                [R, blocks].
            own: columns of its estimator.
            stream: the columns of `schema.STREAMS` and `own_stream`, [N] or [N, ...]; None where
                its losses were not summed by block.
            own_stream: columns of its estimator.

        Raises:
            StoreError: when the disk is full or not writable, and what was there stays; or when the
                folder is gone, or another process's, since this one locked it.
            ValueError: when a column is unknown or missing, or a stream's sums are not those of
                the history.
        """
        row = checked_row(row)
        content = encode_history(row, history, own)
        blocks = None if stream is None else encode_stream(row, stream, own_stream, history)
        rows = self.finished() | {row["run_id"]: row}
        if not self.writes:
            self._rows = rows
            return
        if self.holder and not self.is_held_by(self.holder):
            raise StoreError(f"{self.path}: was removed or taken over while it was in use")
        with self._writing():
            file = self._stream_file(row["run_id"])
            if blocks is None:
                file.unlink(missing_ok=True)  # of an attempt that did not get to its history
            else:
                file.parent.mkdir(exist_ok=True)
                write_atomically(file, blocks)
            write_atomically(self._history_file(row["run_id"]), content)
            self._write_index(rows)

    def mark_current(self, asked: Mapping[str, Mapping[str, Any]]) -> None:
        """Set the runs that the latest config asks for; the others are left out of tables.

        Args:
            asked: for each run id, the columns that the config decides anew: the name of the run's
                source, and its role.

        Raises:
            StoreError: when it cannot be written.
        """
        self._rows = {
            run_id: row
            | {"current": run_id in asked}
            | {name: value for name, value in asked.get(run_id, {}).items() if name in INDEXED}
            for run_id, row in self.finished().items()
        }
        if self.writes:
            with self._writing():
                self._write_index(self._rows)

    def history(self, run_id: str) -> History:
        """A run's record points as columns [R]; block losses are [R, blocks]; no null columns.

        Raises:
            StoreError: when the run is missing or damaged.
        """
        run = self._read(run_id)
        if run is None:
            raise StoreError(f"{self._history_file(run_id)}: is missing or damaged; run it again")
        return run.history

    def stream(self, run_id: str) -> Stream | None:
        """A run's online losses by block as columns [N], by group or component [N, ...].

        None where it has none: an older version trained it, or it continues a run of one; or where
        they are damaged, with a warning.

        Raises:
            StoreError: when the run is missing, the file cannot be read, or was written by a newer
                version.
        """
        if not self._history_file(run_id).exists():
            raise StoreError(f"{self._history_file(run_id)}: is missing; run it again")
        file = self._stream_file(run_id)
        if (content := read_if_there(file)) is None:
            return None
        try:
            of, stream = decode_stream(content)
            if of == run_id:
                return stream
        except StoreError as error:
            raise StoreError(f"{file}: {error}") from None
        except Damaged:
            pass
        self._warn(f"{file}: is damaged; its run has no losses by block")
        return None

    def load(self, current: bool = True) -> list[StoredRun]:
        """The runs: sources in the order of the config, from the smallest model to the largest.

        Args:
            current: leave out those that the latest config does not ask for.

        Raises:
            StoreError: when the store holds none.
        """
        runs = [run for run in self._runs() if run.row["current"] or not current]
        if not runs:
            whose = " of its latest config" if self.finished() else ""
            raise StoreError(f"{self.path}: holds no finished run{whose} yet; run the sweep again")
        order = {name: i for i, name in enumerate(self.config().get("sources") or ())}
        runs.sort(key=lambda run: (run.row["params"], run.row["seed"]))
        return sorted(runs, key=lambda run: order.get(run.row["source"], len(order)))

    def write_config(self, text: str) -> str | None:
        """Keep the resolved config, and every earlier one in a file of its own.

        Returns:
            The name of its file in `sweeps/`; None in a process that does not write.

        Raises:
            StoreError: when it cannot be written.
        """
        if not self.writes:
            return None
        folder, latest = self.path / _CONFIGS, self.path / _CONFIG
        kept, content = names_in(folder, _YAML), text.encode()
        with self._writing():
            folder.mkdir(exist_ok=True)
            versions = [content]
            if not kept and latest.exists():  # a store of before kept the latest alone
                versions.insert(0, latest.read_bytes())
            for version in versions:
                ending = f"-{fingerprint('config', version)[:8]}{_YAML}"
                if not (kept and kept[-1].endswith(ending)):
                    kept.append(f"{len(kept) + 1:04}{ending}")
                    write_atomically(folder / kept[-1], version)
            write_atomically(latest, content)
        return kept[-1]

    def note_start(self, record: Mapping[str, Any]) -> None:
        """Add a line to the list of starts.

        Raises:
            StoreError: when it cannot be written.
        """
        if not self.writes:
            return
        file = self.path / _STARTS
        with self._writing():
            before = read_if_there(file) or b""
            if before and not before.endswith(b"\n"):  # somebody's torn line
                before += b"\n"
            write_atomically(file, before + json.dumps(record).encode() + b"\n")

    def starts(self) -> list[Mapping[str, Any]]:
        """Records of every start so far; a line that is damaged is left out.

        Raises:
            StoreError: when it cannot be read.
        """
        found = []
        for line in (read_if_there(self.path / _STARTS) or b"").splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                if isinstance(record := json.loads(line), dict):
                    found.append(record)
        return found

    def read_config(self) -> str:
        """The resolved config, or an empty text where it is missing.

        Raises:
            StoreError: when it cannot be read.
        """
        try:
            return (read_if_there(self.path / _CONFIG) or b"").decode()
        except UnicodeDecodeError:
            raise StoreError(f"{self.path / _CONFIG}: is not UTF-8 text") from None

    def config(self) -> dict[str, Any]:
        """The resolved config as plain values; empty where it is missing or has no keys.

        Raises:
            ConfigError: when it is not YAML.
            StoreError: when it cannot be read.
        """
        config = read_yaml(self.read_config(), str(self.path / _CONFIG))
        return config if isinstance(config, dict) else {}

    def _history_file(self, run_id: str) -> Path:
        return self.path / _HISTORIES / f"{run_id}{_ENDING}"

    def _stream_file(self, run_id: str) -> Path:
        return self.path / _STREAMS / f"{run_id}{_ENDING}"

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            (self.path / _HISTORIES).mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            safe = f"; {len(self._rows)} finished runs are safe" if self._rows else ""
            raise StoreError(f"{self.path}: cannot be written: {reason(error)}{safe}") from None

    def _write_index(self, rows: dict[str, Row]) -> None:
        self._rows = rows
        write_atomically(self.path / _RUNS, encode_runs(rows.values()))

    def _index(self) -> dict[str, Row]:
        file = self.path / _RUNS
        try:
            return {} if (content := read_if_there(file)) is None else decode_index(content)
        except Damaged:
            self._warn(f"{file}: is damaged; runs of earlier configs count until the next run")
            return {}

    def _read(self, run_id: str) -> StoredRun | None:
        """A run from its history file; None where that is missing or damaged."""
        file = self._history_file(run_id)
        if (content := read_if_there(file)) is None:
            return None
        try:
            run = StoredRun(*decode_history(content))
            if run.row.get("run_id") == run_id:
                return run
        except StoreError as error:
            raise StoreError(f"{file}: {error}") from None
        except Damaged:
            pass
        self._warn(f"{file}: is damaged; its run counts as not done")
        return None

    def _warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)
            _log.warning(sentence)


def _refuse_foreign(path: Path, create: bool) -> None:
    """A sweep.yaml alone makes no store: somebody may have called a config so."""
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path}: is a file; a store is a folder")
    if not path.exists() and not create:
        raise StoreError(f"{path}: no such store; `epiplexity-jax run` makes one")
    if Store.is_store(path):
        return
    if names := names_in(path):
        held = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        cure = "; choose an empty or new folder" if create else ""
        raise StoreError(f"{path}: is no store, it holds {held}{cure}")
    if not create:
        raise StoreError(f"{path}: is an empty folder, no store; `epiplexity-jax run` fills one")
