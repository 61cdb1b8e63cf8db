"""Checkpoints of a cohort: its states, and what else it needs to go on, as one step on disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from epiplexity_jax.checkpoints.state_files import is_torn, read_step, save_step
from epiplexity_jax.engine.recorder import RecorderState

SCHEMA = 3


@dataclass(frozen=True)
class CohortCheckpoint:
    """A cohort of C members between two iterations."""

    iteration: int  # that all members have behind them
    run_ids: tuple[str, ...]  # of its members, in order
    states: Any  # host arrays [C, ...]
    records: tuple[RecorderState, ...]  # what each member has recorded
    seconds: float  # that it has taken so far


def save_cohort(folder: Path, cohort: CohortCheckpoint, keep: int) -> None:
    """Write a cohort's checkpoint, read it back, then delete the oldest ones.

    Args:
        folder: the folder of the wave's checkpoints.
        cohort: the checkpoint; nothing is written where its iteration has a whole one.
        keep: checkpoints that stay.

    Raises:
        OSError: when the disk is full or not writable; nothing is left of this checkpoint then.
    """
    if is_torn(folder / str(cohort.iteration)):
        save_step(folder, cohort.iteration, cohort.states, _header(cohort), keep)


def load_cohort(
    folder: Path, number: int, like: Callable[[tuple[str, ...]], Any]
) -> CohortCheckpoint | None:
    """Read a cohort's checkpoint back.

    Args:
        folder: the folder of the wave's checkpoints.
        number: the iteration.
        like: function from run ids to a pytree of arrays or shapes, with structure, shapes and
            dtypes of one member's state; None leaves the states out.

    Returns:
        The checkpoint, or None where it is torn or damaged.
    """

    def shapes(header: dict[str, Any]) -> Any:
        run_ids = tuple(header["run_ids"]) if header["schema"] == SCHEMA else ()
        one = like(run_ids) if run_ids else None
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct((len(run_ids), *x.shape), x.dtype), one)

    found = read_step(folder, number, shapes)
    if found is None or found[0]["schema"] != SCHEMA:
        return None
    header, states = found
    records = tuple(map(_record, header["records"]))
    return CohortCheckpoint(number, tuple(header["run_ids"]), states, records, header["seconds"])


def _header(cohort: CohortCheckpoint) -> dict[str, Any]:
    """Return all but the states; Orbax' arrays would refuse empty columns."""
    records = [
        {
            "values": record.values,
            "rows": _plain(record.rows),
            "blocks": None if record.blocks is None else _plain(record.blocks),
        }
        for record in cohort.records
    ]
    return {
        "schema": SCHEMA,
        "run_ids": cohort.run_ids,
        "seconds": cohort.seconds,
        "records": records,
    }


def _plain(columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        name: {"dtype": str(c.dtype), "shape": c.shape, "data": c.ravel().tolist()}
        for name, c in columns.items()
    }


def _arrays(columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {
        name: np.array(column["data"], column["dtype"]).reshape(column["shape"])
        for name, column in columns.items()
    }


def _record(header: dict[str, Any]) -> RecorderState:
    blocks = header.get("blocks")  # which older checkpoints have not
    rows = _arrays(header["rows"])
    return RecorderState(header["values"], rows, None if blocks is None else _arrays(blocks))
