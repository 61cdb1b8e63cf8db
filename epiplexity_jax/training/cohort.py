"""Train a cohort: members of equal shapes, side by side, from one record point to the next."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.coding import record_points
from epiplexity_jax.families.spec import Model, Task
from epiplexity_jax.sources.spec import Batch
from epiplexity_jax.training.data import Stream
from epiplexity_jax.training.heldout import HeldoutLayout
from epiplexity_jax.training.loop import (
    Programs,
    compile_programs,
    init_key,
    member_sharding,
)
from epiplexity_jax.training.record import Accounting, History, Recorder
from epiplexity_jax.training.state import Hyperparameters, MemberState

Report = Callable[[int, Sequence[float]], None]
_BLOCK_BYTES = 2**25
_BLOCK_STEPS = 64
_LAG = 2  # record points whose results may still be on their way while the devices go on


@dataclass(frozen=True)
class MemberJob:
    """What is a member's own: its data and the values in which members of a cohort may differ.

    Attributes:
        root: root seed of the sweep.
        seed: the member's seed.
        stream: its training data.
        heldout: its source's held-out set, [tiles, S, L] small integers or `Vectors`.
        learning_rate: base learning rate.
        warmup_steps: steps of linear warm-up.
        ema_steps: window of the EMA, steps.
        resume: state (host arrays) and history at `CohortJob.start`; None for a new member.
    """

    root: int
    seed: int
    stream: Stream
    heldout: Batch
    learning_rate: float
    warmup_steps: int
    ema_steps: int
    resume: tuple[MemberState, History] | None = None


@dataclass(frozen=True)
class CohortJob:
    """What a cohort's members share: everything that fixes shapes.

    Attributes:
        model: the model.
        task: what it was built for.
        batch_size: B sequences.
        steps: steps of every member.
        layout: of the held-out sets.
        members: C of them.
        start: steps that every member has behind it already.
        microbatch: see `step.train_step`.
        exact: the final models score the whole training stream again.
    """

    model: Model
    task: Task
    batch_size: int
    steps: int
    layout: HeldoutLayout
    members: tuple[MemberJob, ...]
    start: int = 0
    microbatch: int | None = None
    exact: bool = False

    @property
    def block_steps(self) -> int:
        """T, steps of a data block: one for all numbers of steps, unless batches are large."""
        batch = self.members[0].stream.batch_bytes
        return max(1, min(_BLOCK_STEPS, _BLOCK_BYTES // batch))

    @property
    def accounting(self) -> Accounting:
        """What a step of a member counts."""
        return Accounting(
            batch_size=self.batch_size,
            label_tokens=self.task.label_tokens,
            total_tokens=self.task.total_tokens,
            cost=self.model.cost,
            layout=self.layout,
        )


@dataclass(frozen=True)
class MemberResult:
    """How a member ended: status, message, history, and its last state (host arrays)."""

    status: RunStatus
    message: str
    steps_done: int
    history: History
    state: MemberState


def train_cohort(job: CohortJob, mesh: Mesh, report: Report | None = None) -> list[MemberResult]:
    """Train every member to `job.steps`, recording on the absolute grid of record points.

    The devices are never waited for between record points: data of the next block is drawn in a
    thread, results are fetched while later steps run. A member whose loss is not finite rests while
    the others go on, and its result says so.

    Args:
        job: the cohort.
        mesh: one axis `member`; the cohort is padded with resting members to a multiple of it.
        report: called with member-steps newly finished and each member's last loss (nats per
            label token).

    Returns:
        One result a member, in order.
    """
    padding = -len(job.members) % mesh.size
    members = job.members + (job.members[-1],) * padding
    programs = compile_programs(job.model, job.task, mesh, job.microbatch, job.layout.group)
    place = _Placer(mesh)
    hyper = place(_hyperparameters(members))
    tiles = [place(_tile(members, t)) for t in range(job.layout.tiles)]
    states = _initial_states(programs.init, members, len(job.members), place)
    grid = record_points(job.steps)
    results = _Results(job, grid, report)

    with ThreadPoolExecutor(1, "blocks") as pool:
        blocks = _Blocks(job, members, place, pool)
        if job.start == 0:
            results.add_record(0, [programs.evaluate(states, tiles[0])])
        for start, stop, record in _intervals(job.start, job.steps, job.block_steps, grid):
            block, offset = blocks.at(start)
            states, info = programs.advance(
                states, hyper, block, np.int32(offset), np.int32(offset + stop - start)
            )
            results.add_steps(start, stop, offset, info)
            if record:
                wanted = tiles if stop == job.steps else tiles[:1]
                results.add_record(stop, [programs.evaluate(states, tile) for tile in wanted])
                if not results.fetch(lag=_LAG):
                    break
        results.fetch(lag=0)
        if job.exact:
            _rescore(job, _Blocks(job, members, place, pool), programs, states, results)
    return results.finish(jax.device_get(states))


def _rescore(
    job: CohortJob, blocks: "_Blocks", programs: Programs, states: MemberState, results: "_Results"
) -> None:
    """Let the final models score their training stream again, block by block."""
    for start in range(0, job.steps, job.block_steps):
        count = min(job.block_steps, job.steps - start)
        block, _ = blocks.at(start)
        info = programs.rescore(states, block, np.int32(0), np.int32(count))
        results.add_exact(*(np.asarray(a)[:, :, :count] for a in info))


def _tile(members: Sequence[MemberJob], number: int) -> Batch:
    """One held-out tile of every member: [C, S, ...]."""
    heldouts = [member.heldout for member in members]
    return jax.tree.map(lambda *sets: np.stack([tiles[number] for tiles in sets]), *heldouts)


def _hyperparameters(members: Sequence[MemberJob]) -> Hyperparameters:
    return Hyperparameters(
        learning_rate=np.array([m.learning_rate for m in members], np.float32),
        warmup_steps=np.array([m.warmup_steps for m in members], np.int32),
        ema_steps=np.array([m.ema_steps for m in members], np.int32),
    )


class _Placer:
    """Puts arrays with a leading member axis on the mesh, so that no program compiles twice."""

    def __init__(self, mesh: Mesh):
        self.sharding = member_sharding(mesh)

    def __call__(self, tree: Any) -> Any:
        return jax.device_put(tree, self.sharding)


def _initial_states(
    init: Callable[..., MemberState], members: Sequence[MemberJob], real: int, place: _Placer
) -> MemberState:
    resumed = [m.resume[0] for m in members if m.resume is not None]
    if resumed:
        states = jax.tree.map(lambda *leaves: np.stack(leaves), *resumed)
    else:
        keys = jnp.stack([init_key(m.root, m.seed) for m in members])
        states = jax.device_get(init(place(keys)))
    alive = np.arange(len(members)) < real  # padding rests from the start
    return place(states.replace(alive=alive))


class _Blocks:
    """Training data of the cohort in blocks of T steps, the next one drawn while one trains."""

    def __init__(
        self, job: CohortJob, members: Sequence[MemberJob], place: _Placer, pool: ThreadPoolExecutor
    ):
        self.job, self.members, self.place, self.pool = job, members, place, pool
        self.number = -1
        self.block: Any = None
        self.coming: Any = None

    def at(self, step: int) -> tuple[Batch, int]:
        """The block [C, T, B, ...] that holds a step, and the step's place in it."""
        number, offset = divmod(step, self.job.block_steps)
        if number != self.number:
            self.block = None
            drawn = self.coming.result() if self.coming else self._draw(number)
            self.number, self.block = number, drawn
            more = (number + 1) * self.job.block_steps < self.job.steps
            self.coming = self.pool.submit(self._draw, number + 1) if more else None
        return self.block, offset

    def _draw(self, number: int) -> Batch:
        job, length = self.job, self.job.block_steps
        first = number * length
        count = min(length, job.steps - first)
        parts = [m.stream.block(first, count, length) for m in self.members]
        on_host = all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(parts))
        stack = np.stack if on_host else jnp.stack
        return self.place(jax.tree.map(lambda *leaves: stack(leaves), *parts))


class _Results:
    """Turns what the devices report into histories, a few record points behind them."""

    def __init__(self, job: CohortJob, grid: np.ndarray, report: Report | None):
        self.report = report
        self.recorders = [
            Recorder.resume(job.accounting, m.resume[1], grid)
            if m.resume
            else Recorder(job.accounting)
            for m in job.members
        ]
        self.pending: deque[tuple[bool, int, Any]] = deque()
        self.unfetched_records = 0

    def add_steps(self, start: int, stop: int, offset: int, info: Any) -> None:
        self.pending.append((False, start, (info, offset, offset + stop - start)))

    def add_record(self, step: int, losses: Any) -> None:
        self.pending.append((True, step, losses))
        self.unfetched_records += 1

    def add_exact(self, sums: np.ndarray, variances: np.ndarray) -> None:
        """Of all members: [C, 2, n] nats and nats^2."""
        for recorder, s, v in zip(self.recorders, sums, variances, strict=False):
            recorder.add_exact(s, v)

    def fetch(self, lag: int) -> bool:
        """Fetch all but the last `lag` record points; whether any member is still alive."""
        while self.pending and (self.unfetched_records > lag or lag == 0):
            is_record, step, what = self.pending.popleft()
            if is_record:
                self._record(step, np.stack([np.asarray(tile) for tile in what], axis=2))
            else:
                self._steps(step, what)
        return any(r.status is RunStatus.FINISHED for r in self.recorders)

    def _record(self, step: int, losses: np.ndarray) -> None:
        self.unfetched_records -= 1
        for recorder, own in zip(self.recorders, losses, strict=False):
            recorder.add_record(step, own)

    def _steps(self, start: int, what: Any) -> None:
        info, first, last = what
        sums, variances = (np.asarray(a)[:, first:last] for a in info)
        for recorder, s, v in zip(self.recorders, sums, variances, strict=False):
            recorder.add_steps(start, s, v)
        if self.report:
            living = [r.status is RunStatus.FINISHED for r in self.recorders]
            losses = [
                r.last_loss if ok else math.nan
                for r, ok in zip(self.recorders, living, strict=True)
            ]
            self.report((last - first) * len(self.recorders), losses)

    def finish(self, states: MemberState) -> list[MemberResult]:
        return [
            MemberResult(
                r.status,
                r.message,
                r.steps_done,
                r.history(),
                jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), states),
            )
            for i, r in enumerate(self.recorders)
        ]


def _intervals(
    start: int, steps: int, block: int, grid: np.ndarray
) -> Iterator[tuple[int, int, bool]]:
    """Cut start..steps at record points and block ends: (from, to, whether a record is there)."""
    records = set(grid.tolist())
    ends = sorted(records | set(range(block, steps, block)))
    for stop in ends:
        if stop > start:
            yield start, stop, stop in records
            start = stop
