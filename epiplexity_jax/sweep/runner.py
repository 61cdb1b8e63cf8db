"""Train what a store still lacks of a plan, wave by wave, and commit every run as it ends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.checkpoints.keeper import CHECKPOINTS, Checkpoints
from epiplexity_jax.runtime.processes import MainProcessWork, is_main_process
from epiplexity_jax.store.schema import TUNING
from epiplexity_jax.sweep import final_states
from epiplexity_jax.sweep.executor import Executor, SweepContext
from epiplexity_jax.sweep.provenance import changed_sources, outdated_runs, provenance
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.wave import FinishedRun, Wave


def run_plan(context: SweepContext, executor: Executor) -> None:
    """Train every run that the store does not hold yet.

    Raises:
        StoreError: when the store cannot be written; what was finished stays.
        RunsFailed: when a cluster could not train some of them.
        Interrupted: when an end was asked for; checkpoints were written.
    """
    plan, store, progress = context.plan, context.store, context.progress
    trainer, finished = plan.trainer, store.finished()
    todo = [run for run in plan.runs if run.run_id not in finished]
    changed = changed_sources(plan.datasets, store) + outdated_runs(store)
    checkpoints = Checkpoints(store.path / CHECKPOINTS, plan.sweep.checkpoints)
    restored, damaged = trainer.restore(todo, checkpoints, store)
    waves = trainer.waves(todo, restored, executor.hardware)
    # Behind all that may refuse the sweep, so that a refused one leaves the store as it was.
    config = store.write_config(yaml.safe_dump(plan.sweep.to_plain(), sort_keys=False))
    asked = {run.run_id: run.row for run in (*context.earlier, *plan.runs)}
    store.mark_current(_trials_of_recipes(context) | asked)
    store.note_start(provenance(plan, executor.devices))
    steps = sum(wave.steps_left for wave in waves)
    progress.start(len(plan.runs), len(plan.runs) - len(todo), steps)
    if todo:
        whole = sum(run.iterations for run in plan.runs)
        context.tracking.start(list(trainer.runs), whole - steps)
    for message in (*changed, *damaged, *_resumed(waves)):
        progress.message(message)
    work = MainProcessWork()
    if not trainer.on_device:
        waves = waves if is_main_process() else []  # one process counts
        context = replace(context, stop=work.beating(context.stop))
    for wave in executor.train(context, waves):
        for run in wave:
            ended = run._replace(row=run.row | {"config": config})
            _commit(context, trainer.runs[run.row["run_id"]], ended)
        checkpoints.done([run.row["run_id"] for run in wave])
    checkpoints.forget(store.finished())
    work.done()  # what the main process has written can be read now


def _trials_of_recipes(context: SweepContext) -> dict[str, Mapping[str, Any]]:
    """Rows of trials by which the recipes that the config gives were found in this very store.

    They stay current, so that a config that tuning wrote reports what it did.
    """
    found = {name for name, recipe in context.plan.sweep.recipes.items() if recipe.tried > 1}
    digests = {one.name: one.source.info.fingerprint for one in context.plan.datasets}
    return {
        run_id: row
        for run_id, row in context.store.finished().items()
        if row["role"] == TUNING
        and row["current"]
        and row["source"] in found
        and row["source_fingerprint"] == digests[row["source"]]
    }


def _resumed(waves: Sequence[Wave]) -> list[str]:
    """List a message for each step that runs go on from."""
    members = Counter[int]()
    for wave in waves:
        members[wave.start] += len(wave.run_ids)
    return [
        f"{count} run{'s go' if count > 1 else ' goes'} on from step {step}"
        for step, count in sorted(members.items())
        if step
    ]


def _commit(context: SweepContext, run: RunSpec, ended: FinishedRun) -> None:
    store, progress, row = context.store, context.progress, ended.row
    # First, as a state without its run is of no use.
    store.commit(row, ended.history, run.columns, ended.stream, run.stream_columns)
    context.tracking.done(run, row, ended.history)
    if row["role"] == TUNING:
        pass  # that a trial stops early is a result
    elif row["status"] != RunStatus.FINISHED:
        progress.message(f"{run.label}: stopped, {row['message']}; the others go on")
    elif row["message"]:
        progress.message(f"{run.label}: {row['message']}")
    if ended.state is not None and is_main_process():
        try:
            final_states.keep(store, run, ended.state)
        except OSError as error:
            progress.message(
                f"{run.label}: its last state cannot be kept: {error.strerror}; the run is safe, "
                "but more steps would train it from step 0"
            )
    progress.run_done(row)
