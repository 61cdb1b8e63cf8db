"""All that a cohort needs to go on exactly, on disk: states through Orbax, records beside them.

A snapshot counts once its records are there: they are written last, after the states were read back
and compared, under a checksum of their own.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from epiplexity_jax.base.files import write_atomically
from epiplexity_jax.checkpoints.state_files import restore_state, save_state
from epiplexity_jax.engine.recorder import RecorderState

SCHEMA = 1
_RECORDS, _STATES = "records.npz", "states"
_HEADER, _DIGEST = "header", 32


@dataclass(frozen=True)
class CohortCheckpoint:
    """A cohort between two iterations.

    Attributes:
        iteration: that all members have behind them.
        run_ids: of its C members, in order.
        states: host arrays [C, ...].
        records: what each member has recorded.
        seconds: that it has taken so far.
    """

    iteration: int
    run_ids: tuple[str, ...]
    states: Any
    records: tuple[RecorderState, ...]
    seconds: float


def save_snapshot(folder: Path, snapshot: CohortCheckpoint) -> None:
    """Write a snapshot into a folder that does not exist.

    Raises:
        OSError: when the disk is full or not writable; what is there does not count then.
    """
    save_state(folder / _STATES, snapshot.states)
    content = _encode(snapshot)
    write_atomically(folder / _RECORDS, hashlib.sha256(content).digest() + content)


def load_snapshot(folder: Path, like: Any) -> CohortCheckpoint | None:
    """Read a snapshot back.

    Args:
        folder: what `save_snapshot` wrote.
        like: a pytree of arrays or shapes with structure, shapes and types of one member's state.

    Returns:
        The snapshot, or None where it is unfinished or damaged.
    """
    snapshot = load_records(folder)
    if snapshot is None:
        return None
    count = len(snapshot.run_ids)
    stacked = jax.tree.map(lambda x: jax.ShapeDtypeStruct((count, *x.shape), x.dtype), like)
    states = restore_state(folder / _STATES, stacked)
    if states is None:
        return None
    return replace(snapshot, states=states)


def unfinished(folder: Path) -> bool:
    """Whether a snapshot was never written to its end."""
    return not (folder / _RECORDS).exists()


def load_records(folder: Path) -> CohortCheckpoint | None:
    """A snapshot without its states (None); None where it is unfinished or damaged."""
    try:
        content = (folder / _RECORDS).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        return None
    try:
        return _decode(content[_DIGEST:])
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return None


def _encode(snapshot: CohortCheckpoint) -> bytes:
    header = {
        "schema": SCHEMA,
        "iteration": snapshot.iteration,
        "run_ids": snapshot.run_ids,
        "seconds": snapshot.seconds,
        "values": [record.values for record in snapshot.records],
    }
    arrays = {
        f"{i}/{name}": column
        for i, record in enumerate(snapshot.records)
        for name, column in record.rows.items()
    }
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(buffer, allow_pickle=False, **{_HEADER: text}, **arrays)
    return buffer.getvalue()


def _decode(content: bytes) -> CohortCheckpoint | None:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        header = json.loads(file[_HEADER].tobytes())
        if header["schema"] != SCHEMA:
            return None
        rows: list[dict[str, np.ndarray]] = [{} for _ in header["values"]]
        for name in file.files:
            if name != _HEADER:
                number, column = name.split("/")
                rows[int(number)][column] = file[name]
    records = tuple(map(RecorderState, header["values"], rows))
    return CohortCheckpoint(
        header["iteration"], tuple(header["run_ids"]), None, records, header["seconds"]
    )
