"""Train what a plan still lacks, wave by wave, and commit every run to the store as it ends."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.checkpoints.keeper import CHECKPOINTS, Checkpoints, Restored
from epiplexity_jax.checkpoints.state_files import restore_state, save_state
from epiplexity_jax.executors.local import Executor, SweepContext
from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.runtime.processes import barrier, is_main_process
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.fit_memory import Hardware
from epiplexity_jax.sweep.pack_waves import Wave, pack
from epiplexity_jax.sweep.plan import Plan, Run, max_iterations
from epiplexity_jax.sweep.provenance import changed_sources, provenance
from epiplexity_jax.sweep.run_model import state_like
from epiplexity_jax.sweep.train_wave import FinishedRun, Work, member_steps

Row = Mapping[str, Any]


def run_plan(assignment: SweepContext, executor: Executor) -> None:
    """Train every run that the store does not hold yet.

    Args:
        assignment: the validated sweep, where finished runs are and new ones go, and who is told.
        executor: what trains.

    Raises:
        StoreError: when the store cannot be written; what was finished stays.
        RunsFailed: when a cluster could not train some of them.
        Interrupted: when an end was asked for; what was trained is kept.
    """
    plan, store, progress = assignment.plan, assignment.store, assignment.progress
    finished = store.finished()
    todo = [run for run in plan.runs if run.run_id not in finished]
    changed = changed_sources(plan, store)
    store.write_config(yaml.safe_dump(plan.sweep.to_plain(), sort_keys=False))
    store.mark_current({run.run_id: run.dataset.name for run in plan.runs})
    store.note_start(provenance(plan, executor.devices))
    checkpoints = Checkpoints(store.path / CHECKPOINTS, plan.sweep.checkpoints)
    kept, damaged = _restore(assignment, checkpoints, todo, list(finished.values()))
    works = _works(plan, todo, kept, executor.machine)
    steps = sum(member_steps(plan, work) for work in works)
    progress.start(len(plan.runs), len(plan.runs) - len(todo), steps)
    whole = len(plan.runs) * max_iterations(plan.sweep)
    assignment.tracking.start(plan, todo, whole - steps)
    for sentence in (*changed, *damaged):
        progress.message(sentence)
    if not isinstance(plan.family, DeviceFamily) and not is_main_process():
        works = []  # one process counts
    runs = {run.run_id: run for run in todo}
    for wave in executor.train(assignment, works):
        for trained in wave:
            _commit(assignment, runs[trained.row["run_id"]], trained)
        checkpoints.done([trained.row["run_id"] for trained in wave])
    checkpoints.forget(store.finished())
    barrier()  # what the leader has written can be read now


def state_folder(store: Store, run_id: str) -> Path:
    """Where a run's last state is kept."""
    return store.path / CHECKPOINTS / run_id


def _start(kept: Mapping[str, Restored], run: Run) -> int:
    return kept[run.run_id].iteration if run.run_id in kept else 0


def _shorter(run: Run, finished: Sequence[Row], store: Store) -> Row | None:
    """The longest finished run that this one continues, if its last state was kept.

    A run of as many steps is continued too, by what this one asks of its end.
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


def _restore(
    assignment: SweepContext,
    checkpoints: Checkpoints,
    todo: Sequence[Run],
    finished: Sequence[Row],
) -> tuple[dict[str, Restored], list[str]]:
    """Where runs can go on, by run, and a sentence on each damaged state."""
    plan, store = assignment.plan, assignment.store
    if not isinstance(plan.family, DeviceFamily):
        return {}, []
    runs = {run.run_id: run for run in todo}
    kept, damaged = checkpoints.find(runs, lambda run_id: state_like(plan, runs[run_id]))
    checkpoints.forget([row["run_id"] for row in finished])  # what is damaged was said
    for run in todo:
        row = _shorter(run, finished, store)
        if row is None or row["steps"] < _start(kept, run):
            continue
        state = restore_state(state_folder(store, row["run_id"]), state_like(plan, run))
        if state is None:
            damaged.append(
                f"{run.label}: the state kept at step {row['steps']} is damaged; "
                f"training from step {_start(kept, run)}"
            )
        else:
            history = store.history(row["run_id"])
            kept[run.run_id] = Restored(row["steps"], state, history, 0.0)
    return kept, damaged


def _works(
    plan: Plan, todo: Sequence[Run], kept: Mapping[str, Restored], machine: Hardware
) -> list[Work]:
    """What is to be done, wave by wave: runs that have least to do first."""
    if not isinstance(plan.family, DeviceFamily):
        return [Work(Wave((run,), 1), 0, {}) for run in todo]
    works = []
    for start in sorted({_start(kept, run) for run in todo}, reverse=True):
        same = [run for run in todo if _start(kept, run) == start]
        for wave in pack(plan, same, machine):
            own = {run.run_id: kept[run.run_id] for run in wave.runs if run.run_id in kept}
            works.append(Work(wave, start, own))
    return works


def _commit(assignment: SweepContext, run: Run, trained: FinishedRun) -> None:
    store, progress, row = assignment.store, assignment.progress, trained.row
    store.commit(row, trained.history)  # first: a state without its run is of no use
    assignment.tracking.done(run, row, trained.history)
    if row["status"] != RunStatus.FINISHED:
        progress.message(f"{run.label}: stopped, {row['message']}; the others go on")
    elif row["message"]:
        progress.message(f"{run.label}: {row['message']}")
    if trained.state is not None and is_main_process():
        _keep(assignment, run, trained.state)
    progress.run_done(row)


def _keep(assignment: SweepContext, run: Run, state: Any) -> None:
    """Keep a run's last state in place of those of the shorter runs that led to it."""
    store = assignment.store
    try:
        save_state(state_folder(store, run.run_id), state)
    except OSError as error:
        assignment.progress.message(
            f"{run.label}: its last state cannot be kept: {error.strerror}; the run is safe, "
            "but more steps would train it from step 0"
        )
        return
    for old in store.finished().values():
        shorter = old["steps"] <= run.steps and old["run_id"] != run.run_id
        if old["lineage"] == run.lineage and shorter:
            shutil.rmtree(state_folder(store, old["run_id"]), ignore_errors=True)
