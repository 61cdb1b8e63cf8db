"""Train device families: cohorts side by side, checkpointed, restored and continued."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.checkpoints.keeper import Checkpoints, Restored, WaveCheckpointHook
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.programs import member_shapes
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.resources.compiled_flops import lowered_ratio
from epiplexity_jax.store import Store
from epiplexity_jax.sweep import final_states
from epiplexity_jax.sweep.config import Training
from epiplexity_jax.sweep.dry_run_timing import time_cohort
from epiplexity_jax.sweep.fit_memory import MemoryPlanner
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.pack_waves import pack
from epiplexity_jax.sweep.run_row import finished_row
from epiplexity_jax.sweep.run_spec import DeviceRun, Resize
from epiplexity_jax.sweep.trainer import WaveTiming
from epiplexity_jax.sweep.wave import FinishedRun, Wave, WaveContext


@dataclass(frozen=True)
class DeviceTrainer:
    """The trainer of device families (see `trainer.Trainer` and `fit_memory.MemoryPlanner`)."""

    runs: Mapping[str, DeviceRun]
    options: Training
    resize: Resize
    on_device: bool = True

    def restore(
        self, todo: Sequence[DeviceRun], checkpoints: Checkpoints, store: Store
    ) -> tuple[dict[str, Restored], list[str]]:
        """See `Trainer`: the latest checkpoint, or the final state of a shorter run."""
        finished = store.finished()
        restored, damaged = checkpoints.find({run.run_id for run in todo}, self._state_like)
        checkpoints.forget(finished)  # after the damaged ones were reported
        for run in todo:
            start = restored[run.run_id].iteration if run.run_id in restored else 0
            row = final_states.longest_shorter(run, list(finished.values()), store.path)
            if row is None or row["steps"] < start:
                continue
            found = final_states.restore(store, row, self._state_like(run.run_id))
            if found is None:
                damaged.append(
                    f"{run.label}: the state kept at step {row['steps']} is damaged; "
                    f"training from step {start}"
                )
            else:
                restored[run.run_id] = found
        return restored, damaged

    def restore_wave(self, wave: Wave, checkpoints: Checkpoints) -> tuple[Wave, list[str]]:
        """See `Trainer`."""
        restored, damaged = checkpoints.find_wave(wave.run_ids, self._state_like)
        start = restored[wave.run_ids[0]].iteration if restored else 0
        if start <= wave.start:
            return wave, damaged
        return dataclasses.replace(wave, start=start, restored=restored), damaged

    def waves(
        self, todo: Sequence[DeviceRun], restored: Mapping[str, Restored], hardware: Hardware
    ) -> list[Wave]:
        """See `Trainer`: members of a wave begin at one iteration."""
        planner = MemoryPlanner(hardware, self.options, self.runs, self.resize)
        starts = {run.run_id: 0 for run in todo} | {i: r.iteration for i, r in restored.items()}
        waves = []
        for start in sorted(set(starts.values()), reverse=True):
            for wave in pack(planner, [run for run in todo if starts[run.run_id] == start]):
                own = {i: restored[i] for i in wave.run_ids if i in restored}
                waves.append(dataclasses.replace(wave, start=start, restored=own))
        return waves

    def train(self, wave: Wave, context: WaveContext) -> list[FinishedRun]:
        """See `Trainer`."""
        runs, progress = [self.runs[i] for i in wave.run_ids], context.progress
        labels, left = [run.label for run in runs], wave.steps_left

        def report(steps: int, losses: Sequence[float]) -> None:
            nonlocal left
            left -= steps
            tokens = steps * runs[0].tokens_per_step
            progress.advance(steps, tokens, dict(zip(labels, losses, strict=True)))
            context.tracking.advance(steps, tokens)

        def track(member: int, row: Mapping[str, Any]) -> None:
            context.tracking.record(runs[member], row)

        before = sum(found.seconds for found in wave.restored.values())
        hook = WaveCheckpointHook(
            context.checkpoints, wave.run_ids, before, context.stop, progress.message
        )
        with contextlib.closing(hook):
            mesh = member_mesh(context.devices, wave.layout.data)
            results = train_cohort(cohort_job(runs, wave), mesh, report, hook, track)
            seconds = hook.seconds / len(results)
        if left:  # every member stopped early: what they left is not waited for
            progress.advance(left, 0, {})
        return [
            FinishedRun(
                finished_row(run, wave, r.outcome, seconds)
                | {"flops_ratio": lowered_ratio(run.program.model)},
                r.history,
                r.state if run.resumable and r.outcome.status is RunStatus.FINISHED else None,
                r.blocks,
            )
            for run, r in zip(runs, results, strict=True)
        ]

    def time(self, wave: Wave, devices: Sequence[Any]) -> WaveTiming:
        """See `Trainer`."""
        job = cohort_job([self.runs[i] for i in wave.run_ids], wave)
        return time_cohort(job, member_mesh(devices, wave.layout.data))

    def _state_like(self, run_id: str) -> Any:
        """Shapes and types of a run's state."""
        return member_shapes(self.runs[run_id].program)


def cohort_job(runs: Sequence[DeviceRun], wave: Wave) -> CohortJob:
    """Make the job of `engine.train_cohort` for the runs of a wave, in its order."""
    first, fit = runs[0], wave.fit
    assert fit is not None
    program = first.program
    model: Any = program.model
    restored = {i: (found.state, found.record) for i, found in wave.restored.items()}
    blocks = {i: found.blocks for i, found in wave.restored.items()}
    return CohortJob(
        program=program._replace(
            model=model.rematerialised() if fit.remat else model,
            microbatch=fit.microbatch,
            shard_state=wave.layout.shard_state,
            scored=fit.scored,
        ),
        batch_size=first.batch_size,
        steps=first.steps,
        layout=first.dataset.layout,
        start=wave.start,
        exact=first.exact,
        max_iterations=first.iterations,
        cost=first.cost,
        members=tuple(
            MemberJob(
                root=run.dataset.root,
                seed=run.seed,
                stream=run.dataset.stream(run.seed, run.batch_size),
                heldout=run.dataset.heldout,
                hyper=run.hyper,
                resume=restored.get(run.run_id),
                blocks=blocks.get(run.run_id),
            )
            for run in runs
        ),
    )
