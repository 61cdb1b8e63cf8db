"""Train what a plan still lacks, wave by wave, and commit every run to the store as it ends."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import yaml

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.checkpoints import Checkpoints, Found
from epiplexity_jax.sweep.interrupts import Stop
from epiplexity_jax.sweep.jobs import heldout_of, method_of, model_of, wave_job
from epiplexity_jax.sweep.packing import Machine, Wave, pack
from epiplexity_jax.sweep.plan import Plan, Run, max_iterations
from epiplexity_jax.sweep.progress import Progress
from epiplexity_jax.sweep.provenance import changed_sources, provenance
from epiplexity_jax.sweep.rows import stored_row
from epiplexity_jax.training.checkpoint import restore_state, save_state
from epiplexity_jax.training.cohort import MemberResult, train_cohort
from epiplexity_jax.training.host import run_coder
from epiplexity_jax.training.loop import init_member
from epiplexity_jax.training.processes import leads, meet, told
from epiplexity_jax.training.record import Accounting
from epiplexity_jax.training.sharding import member_mesh
from epiplexity_jax.training.snapshot import Interrupted

_CHECKPOINTS = "checkpoints"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """What a sweep runs in.

    Attributes:
        devices: to train on.
        progress: who is told.
        stop: whether somebody asked for an end.
    """

    devices: Sequence[Any]
    progress: Progress
    stop: Stop


def run_plan(plan: Plan, store: Store, around: Surroundings) -> None:
    """Train every run that the store does not hold yet.

    Args:
        plan: the validated sweep.
        store: where finished runs are, and where new ones go.
        around: what it runs in.

    Raises:
        StoreError: when the store cannot be written; what was finished stays.
        Interrupted: when an end was asked for; what was trained is kept.
    """
    progress = around.progress
    finished = store.finished()
    todo = [run for run in plan.runs if run.run_id not in finished]
    store.write_config(yaml.safe_dump(plan.sweep.to_plain(), sort_keys=False))
    store.mark_current([run.run_id for run in plan.runs])
    store.note_start(provenance(plan, around.devices))
    changed = changed_sources(plan, finished.values())
    if isinstance(plan.family, DeviceFamily):
        trainer = _Trainer(plan, store, around)
        kept, damaged = trainer.restore(todo, list(finished.values()))
        steps = sum(max_iterations(plan.sweep) - _start(kept, run) for run in todo)
        progress.start(len(plan.runs), len(plan.runs) - len(todo), steps)
        for sentence in (*changed, *damaged):
            progress.message(sentence)
        trainer.train(todo, kept)
    else:
        progress.start(len(plan.runs), len(plan.runs) - len(todo), sum(r.steps for r in todo))
        for sentence in changed:
            progress.message(sentence)
        for run in todo if leads() else ():
            _count(plan, run, store, progress)
            if around.stop():
                raise Interrupted
    meet()  # what the leader has written can be read now


def state_folder(store: Store, run_id: str) -> Path:
    """Where a run's last state is kept."""
    return store.path / _CHECKPOINTS / run_id


def _start(kept: Mapping[str, Found], run: Run) -> int:
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


class _Trainer:
    """Trains waves of a device family and commits their runs."""

    def __init__(self, plan: Plan, store: Store, around: Surroundings):
        self.plan, self.store, self.around = plan, store, around
        self.progress = around.progress
        self.checkpoints = Checkpoints(store.path / _CHECKPOINTS, plan.sweep.checkpoints)
        estimator = plan.sweep.estimator
        self._gated = getattr(estimator, "max_kl", None) is not None

    def restore(
        self, todo: Sequence[Run], finished: Sequence[Row]
    ) -> tuple[dict[str, Found], list[str]]:
        """Where runs can go on, by run, and a sentence on each damaged state."""
        runs = {run.run_id: run for run in todo}
        kept, damaged = self.checkpoints.find(runs, lambda run_id: self._like(runs[run_id]))
        self.checkpoints.forget([row["run_id"] for row in finished])  # what is damaged was said
        for run in todo:
            row = _shorter(run, finished, self.store)
            if row is None or row["steps"] < _start(kept, run):
                continue
            state = restore_state(state_folder(self.store, row["run_id"]), self._like(run))
            if state is None:
                damaged.append(
                    f"{run.label}: the state kept at step {row['steps']} is damaged; "
                    f"training from step {_start(kept, run)}"
                )
            else:
                history = self.store.history(row["run_id"])
                kept[run.run_id] = Found(row["steps"], state, history, 0.0)
        return kept, damaged

    def _like(self, run: Run) -> Any:
        """Shapes and types of a run's state."""
        model, method = model_of(self.plan, run), method_of(self.plan.sweep)
        return jax.eval_shape(lambda k: init_member(model, k, method, k), jax.random.key(0))

    def train(self, todo: Sequence[Run], kept: Mapping[str, Found]) -> None:
        """Train runs wave by wave, those that have least to do first."""
        machine, waves = Machine.of(self.around.devices), []
        for start in sorted({_start(kept, run) for run in todo}, reverse=True):
            same = [run for run in todo if _start(kept, run) == start]
            waves += [(wave, start) for wave in pack(self.plan, same, machine)]
        for wave, start in waves:  # all were found to fit
            self._train_wave(wave, start, kept)

    def _train_wave(self, wave: Wave, start: int, kept: Mapping[str, Found]) -> None:
        resume = {i: (found.state, found.record) for i, found in kept.items()}
        job = wave_job(self.plan, wave, start, resume)
        per_step = job.accounting.total_tokens * job.batch_size
        labels = [run.label for run in wave.runs]
        ids = [run.run_id for run in wave.runs]
        left = len(wave.runs) * (job.iterations - start)

        def report(member_steps: int, losses: Sequence[float]) -> None:
            nonlocal left
            left -= member_steps
            latest = dict(zip(labels, losses, strict=True))
            self.progress.advance(member_steps, member_steps * per_step, latest)

        before = sum(kept[i].seconds for i in ids if i in kept)
        stop, say = self.around.stop, self.progress.message
        with self.checkpoints.keeping(ids, before, stop, say) as keeper:
            mesh = member_mesh(self.around.devices, wave.data)
            results = train_cohort(job, mesh, report, keeper)
            wall = keeper.seconds / len(results)
        if left:  # every member stopped early: what they left is not waited for
            self.progress.advance(left, 0, {})
        for run, result in zip(wave.runs, results, strict=True):
            self._commit(run, result, wall)
        self.checkpoints.forget(self.store.finished())
        if told([stop()]).any():
            raise Interrupted

    def _commit(self, run: Run, result: MemberResult, wall: float) -> None:
        row = stored_row(self.plan, run, result.outcome, wall)
        self.store.commit(row, result.history)  # first: a state without its run is of no use
        if result.status is not RunStatus.FINISHED:
            self.progress.message(f"{run.label}: stopped, {result.message}; the others go on")
        elif result.message:
            self.progress.message(f"{run.label}: {result.message}")
        # A state is kept for more steps, and those of members that waited differ.
        kept = self.plan.sweep.training.keep_final_state and not self._gated and leads()
        if kept and result.status is RunStatus.FINISHED:
            self._keep(run, result.state)
        self.progress.run_done(row)

    def _keep(self, run: Run, state: Any) -> None:
        """Keep a run's last state in place of those of the shorter runs that led to it."""
        try:
            save_state(state_folder(self.store, run.run_id), state)
        except OSError as error:
            self.progress.message(
                f"{run.label}: its last state cannot be kept: {error.strerror}; the run is safe, "
                "but more steps would train it from step 0"
            )
            return
        for old in self.store.finished().values():
            shorter = old["steps"] <= run.steps and old["run_id"] != run.run_id
            if old["lineage"] == run.lineage and shorter:
                shutil.rmtree(state_folder(self.store, old["run_id"]), ignore_errors=True)


def _count(plan: Plan, run: Run, store: Store, progress: Progress) -> None:
    """Run a host family's member and commit it."""
    family, task = plan.family, run.dataset.task
    assert not isinstance(family, DeviceFamily)
    coder = family.coder(run.size, task)
    batch = plan.sweep.training.batch_size
    accounting = Accounting(
        batch, task.label_tokens, task.total_tokens, coder.cost, run.dataset.layout, passes=1
    )

    def report(steps: int, losses: Sequence[float]) -> None:
        progress.advance(steps, steps * batch * task.total_tokens, {run.label: losses[0]})

    began = time.monotonic()
    stream = run.dataset.stream(run.seed, batch)
    heldout = heldout_of(run.dataset)
    recorder = run_coder(coder, stream, heldout, accounting, run.steps, report, run.exact)
    wall = time.monotonic() - began
    row = stored_row(plan, run, recorder.outcome(run.steps), wall)
    store.commit(row, recorder.history())
    progress.run_done(row)
