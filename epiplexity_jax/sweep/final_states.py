"""Final states of finished runs, kept so that a longer run continues a shorter one."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.checkpoints.keeper import CHECKPOINTS, Restored
from epiplexity_jax.checkpoints.state_files import restore_state, save_state
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.run_spec import RunSpec

Row = Mapping[str, Any]


def state_folder(store: Path, run_id: str) -> Path:
    """The folder of a run's final state in a store."""
    return store / CHECKPOINTS / run_id


def longest_shorter(run: RunSpec, finished: Sequence[Row], store: Path) -> Row | None:
    """Find the longest finished run that this one continues, if its final state was kept.

    A run of as many steps is continued too, by what this one asks of its end.

    Args:
        run: the run to train.
        finished: rows of finished runs.
        store: the store's folder.
    """
    earlier = [
        row
        for row in finished
        if row["lineage"] == run.lineage
        and row["steps"] <= run.steps
        and row["status"] == RunStatus.FINISHED
        and state_folder(store, row["run_id"]).exists()
    ]
    return max(earlier, key=lambda row: row["steps"], default=None)


def begun(runs: Sequence[RunSpec], store: Store) -> dict[str, int]:
    """Find how many steps runs have behind them in the shorter runs that they would continue.

    Args:
        runs: runs that may be trained.
        store: the store.

    Returns:
        Steps by run id; nothing of runs that begin at step 0.
    """
    rows = list(store.finished().values())
    found = {run.run_id: longest_shorter(run, rows, store.path) for run in runs}
    return {run_id: row["steps"] for run_id, row in found.items() if row is not None}


def restore(store: Store, row: Row, like: Any) -> Restored | None:
    """Read a finished run's final state with its history and stream; None where it is damaged.

    Args:
        store: the store that keeps both.
        row: the finished run's row.
        like: a pytree of shapes and types of the state.
    """
    state = restore_state(state_folder(store.path, row["run_id"]), like)
    if state is None:
        return None
    history, stream = store.history(row["run_id"]), store.stream(row["run_id"])
    return Restored(row["steps"], state, history, 0.0, stream)


def keep(store: Store, run: RunSpec, state: Any) -> None:
    """Write a run's final state in place of those of the shorter runs that led to it.

    Args:
        store: the store that holds the run.
        run: the finished run.
        state: host arrays.

    Raises:
        OSError: when the state cannot be written.
    """
    save_state(state_folder(store.path, run.run_id), state)
    for old in store.finished().values():
        shorter = old["steps"] <= run.steps and old["run_id"] != run.run_id
        if old["lineage"] == run.lineage and shorter:
            shutil.rmtree(state_folder(store.path, old["run_id"]), ignore_errors=True)
