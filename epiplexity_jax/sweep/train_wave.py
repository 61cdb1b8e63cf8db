"""Train a wave on the devices of this process: what every executor comes down to."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.checkpoints.keeper import Checkpoints, Restored
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.engine.recorder import Accounting
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.train_cohort import MemberResult, train_cohort
from epiplexity_jax.estimators.counting import run_coder
from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.sweep.jobs import heldout_of, wave_job
from epiplexity_jax.sweep.pack_waves import Wave
from epiplexity_jax.sweep.plan import Plan, Run, max_iterations
from epiplexity_jax.sweep.progress import Progress
from epiplexity_jax.sweep.run_row import stored_row
from epiplexity_jax.sweep.tracking import Tracking


class Work(NamedTuple):
    """A wave that is to be trained.

    Attributes:
        wave: runs that train at once; of a family that counts on the host, one.
        start: iterations that every run has behind it.
        kept: where they were then, by run id; of runs that begin, nothing.
    """

    wave: Wave
    start: int
    kept: Mapping[str, Restored]


class FinishedRun(NamedTuple):
    """A run that waits to be committed.

    Attributes:
        row: the columns of `store.schema.RUNS`.
        history: the columns of `store.schema.HISTORIES`.
        state: the last one (host arrays) where it is to be kept, else None.
    """

    row: dict[str, Any]
    history: Mapping[str, Any]
    state: Any


@dataclass(frozen=True)
class WaveContext:
    """What a wave trains in.

    Attributes:
        devices: to train on.
        progress: who is told.
        stop: whether somebody asked for an end.
        checkpoints: where waves in training are kept.
        tracking: tells the trackers, of which a node of a cluster has none.
    """

    devices: Sequence[Any]
    progress: Progress
    stop: Callable[[], bool]
    checkpoints: Checkpoints
    tracking: Tracking = field(default_factory=Tracking)


def train_wave(plan: Plan, work: Work, around: WaveContext) -> list[FinishedRun]:
    """Train the runs of a wave to their end.

    Raises:
        Interrupted: when an end was asked for; what was trained is kept, what was counted is not.
    """
    if isinstance(plan.family, DeviceFamily):
        return _fit(plan, work, around)
    (run,) = work.wave.runs
    return [_count(plan, run, around)]


def member_steps(plan: Plan, work: Work) -> int:
    """The most that are still to be trained."""
    return len(work.wave.runs) * (max_iterations(plan.sweep) - work.start)


def tokens_per_step(plan: Plan, wave: Wave) -> int:
    """Input and label tokens that a member reads in a step."""
    return plan.sweep.training.batch_size * wave.runs[0].dataset.task.total_tokens


def _fit(plan: Plan, work: Work, around: WaveContext) -> list[FinishedRun]:
    """Train members of a device family side by side."""
    wave, kept, progress = work.wave, work.kept, around.progress
    job = wave_job(plan, wave, work.start, {i: (f.state, f.record) for i, f in kept.items()})
    labels = [run.label for run in wave.runs]
    left, per_step = member_steps(plan, work), tokens_per_step(plan, wave)

    def report(steps: int, losses: Sequence[float]) -> None:
        nonlocal left
        left -= steps
        progress.advance(steps, steps * per_step, dict(zip(labels, losses, strict=True)))
        around.tracking.advance(steps, steps * per_step)

    def track(member: int, row: Mapping[str, Any]) -> None:
        around.tracking.record(wave.runs[member], row)

    ids = [run.run_id for run in wave.runs]
    before = sum(found.seconds for found in kept.values())
    with around.checkpoints.keeping(ids, before, around.stop, progress.message) as keeper:
        mesh = member_mesh(around.devices, wave.data)
        results = train_cohort(job, mesh, report, keeper, track)
        wall = keeper.seconds / len(results)
    if left:  # every member stopped early: what they left is not waited for
        progress.advance(left, 0, {})
    return [_trained(plan, *pair, wall) for pair in zip(wave.runs, results, strict=True)]


def _trained(plan: Plan, run: Run, result: MemberResult, wall: float) -> FinishedRun:
    # A state is kept for more steps, and those of members that waited differ.
    gated = getattr(plan.sweep.estimator, "max_kl", None) is not None
    wanted = plan.sweep.training.keep_final_state and not gated
    kept = wanted and result.status is RunStatus.FINISHED
    row = stored_row(plan, run, result.outcome, wall)
    return FinishedRun(row, result.history, result.state if kept else None)


def _count(plan: Plan, run: Run, around: WaveContext) -> FinishedRun:
    """Run a host family's member."""
    family, task = plan.family, run.dataset.task
    assert not isinstance(family, DeviceFamily)
    coder = family.coder(run.size, task)
    batch = plan.sweep.training.batch_size
    accounting = Accounting(
        batch,
        task.label_tokens,
        task.total_tokens,
        coder.cost,
        run.dataset.layout,
        num_weight_sets=1,
    )

    def report(steps: int, losses: Sequence[float]) -> None:
        tokens = steps * batch * task.total_tokens
        around.progress.advance(steps, tokens, {run.label: losses[0]})
        around.tracking.advance(steps, tokens)
        if around.stop():
            raise Interrupted

    began = time.monotonic()
    stream = run.dataset.stream(run.seed, batch)
    heldout = heldout_of(run.dataset)
    recorder = run_coder(coder, stream, heldout, accounting, run.steps, report, run.exact)
    wall = time.monotonic() - began
    return FinishedRun(
        stored_row(plan, run, recorder.outcome(run.steps), wall), recorder.history(), None
    )
