"""Checkpoints of a cohort: steps of an Orbax `CheckpointManager`, each verified by checksums.

Orbax makes folders atomic, lists and deletes steps. It has no checksums: a damaged step is still
its latest one, so a step counts only with the file of checksums that is written last.
"""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.base.files import reason
from epiplexity_jax.checkpoints.state_files import (
    CHECKSUM,
    check_space,
    host_arrays,
    leaves_checksum,
    os_errors,
    seal,
    sealed_leaves,
    this_process_alone,
)
from epiplexity_jax.engine.recorder import RecorderState

SCHEMA = 2
_TORN = "*.orbax-checkpoint-tmp"


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


def iterations(folder: Path) -> list[int]:
    """Return the iterations of a wave's checkpoints, whole or not, the latest first.

    Raises:
        StoreError: when the folder cannot be read.
    """
    try:
        if not folder.exists():
            return []
        with _manager(folder) as manager:
            return sorted(manager.all_steps(), reverse=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be read: {reason(error)}") from None


def save_cohort(folder: Path, cohort: CohortCheckpoint, keep: int) -> None:
    """Write a cohort's checkpoint, read it back, then delete the oldest ones.

    Args:
        folder: of the wave's checkpoints.
        cohort: the checkpoint; nothing is written where its iteration has a whole one.
        keep: checkpoints that stay.

    Raises:
        OSError: when the disk is full or not writable; nothing is left of this checkpoint then.
    """
    import orbax.checkpoint as ocp

    number, header = cohort.iteration, _header(cohort)
    step = folder / str(number)
    if not is_torn(step):
        return
    arrays = ocp.args.StandardSave(jax.tree.map(np.asarray, cohort.states))
    both = ocp.args.Composite(states=arrays, cohort=ocp.args.JsonSave(header))
    try:
        with os_errors(step):
            shutil.rmtree(step, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            check_space(folder, cohort.states)
            with _manager(folder) as manager:
                manager.save(number, args=both, force=True)
                # Not by `max_to_keep`, which deletes the older step before this one is verified.
                same = json.dumps(_read_header(folder, number)) == json.dumps(header)
                again = _restore(folder, number, states=host_arrays(cohort.states))
                seal(step, cohort.states, again if same else None)
                for old in sorted(manager.all_steps())[:-keep]:
                    manager.delete(old)
    finally:
        for torn in folder.glob(_TORN):  # Orbax leaves what it could not write
            shutil.rmtree(torn, ignore_errors=True)


def load_cohort(
    folder: Path, number: int, like: Callable[[tuple[str, ...]], Any]
) -> CohortCheckpoint | None:
    """Read a cohort's checkpoint back.

    Args:
        folder: of the wave's checkpoints.
        number: the iteration.
        like: from run ids to a pytree of arrays or shapes with structure, shapes and dtypes of one
            member's state; None leaves the states out.

    Returns:
        The checkpoint, or None where it is torn or damaged.
    """
    leaves = sealed_leaves(folder / str(number))
    header = None if leaves is None else _read_header(folder, number)
    if header is None or header["schema"] != SCHEMA:
        return None
    run_ids, states = tuple(header["run_ids"]), None
    if (one := like(run_ids)) is not None:
        shapes = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct((len(run_ids), *x.shape), x.dtype), one
        )
        states = _restore(folder, number, states=host_arrays(shapes))
        if states is None or leaves_checksum(states) != leaves:
            return None
    records = tuple(map(_record, header["records"]))
    return CohortCheckpoint(number, run_ids, states, records, header["seconds"])


def is_torn(step: Path) -> bool:
    """Return whether a checkpoint was never written to its end."""
    return not (step / CHECKSUM).exists()


@contextlib.contextmanager
def _manager(folder: Path) -> Iterator[Any]:
    """Open Orbax' manager of a wave's checkpoints."""
    import orbax.checkpoint as ocp

    options = ocp.CheckpointManagerOptions(
        create=False,
        lightweight_initialize=True,
        save_root_metadata=False,
        # What is saved is read back and sealed before it counts, which Orbax' thread does not do:
        # `WaveCheckpointHook` has one that does all three.
        enable_async_checkpointing=False,
        multiprocessing_options=this_process_alone(),
    )
    with ocp.CheckpointManager(folder.resolve(), options=options) as manager:
        yield manager


def _restore(folder: Path, number: int, **args: Any) -> Any | None:
    """Return what Orbax reads of one item of a step, None where it fails."""
    import orbax.checkpoint as ocp

    ((item, asked),) = args.items()
    try:
        with _manager(folder) as manager:
            return manager.restore(number, args=ocp.args.Composite(**{item: asked}))[item]
    except Exception:  # noqa: BLE001 - a damaged step makes Orbax raise anything, asserts too
        return None


def _read_header(folder: Path, number: int) -> dict[str, Any] | None:
    import orbax.checkpoint as ocp

    return _restore(folder, number, cohort=ocp.args.JsonRestore())


def _header(cohort: CohortCheckpoint) -> dict[str, Any]:
    """Return all but the states; Orbax' arrays would refuse empty columns."""
    records = [
        {
            "values": record.values,
            "rows": {
                name: {"dtype": str(c.dtype), "shape": c.shape, "data": c.ravel().tolist()}
                for name, c in record.rows.items()
            },
        }
        for record in cohort.records
    ]
    return {
        "schema": SCHEMA,
        "run_ids": cohort.run_ids,
        "seconds": cohort.seconds,
        "records": records,
    }


def _record(header: dict[str, Any]) -> RecorderState:
    rows = {
        name: np.array(column["data"], column["dtype"]).reshape(column["shape"])
        for name, column in header["rows"].items()
    }
    return RecorderState(header["values"], rows)
