"""Train a cohort: members of equal shapes, side by side, from one record point to the next."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.coding import record_points
from epiplexity_jax.engine.checkpoint_hook import CheckpointHook
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.dispatch import AHEAD, DispatchThrottle
from epiplexity_jax.engine.feed import DataFeed, WaitingDataFeed
from epiplexity_jax.engine.programs import (
    Programs,
    blocking,
    compile_programs,
    forget_programs,
    init_key,
    samples_key,
    use_lax_map,
)
from epiplexity_jax.engine.recorder import Accounting, History, Outcome, Recorder, RecorderState
from epiplexity_jax.engine.sharding import DATA, MEMBER, CohortSharding
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.runtime.devices import near_map_count_limit
from epiplexity_jax.runtime.processes import fetch_global, warm_up_collectives
from epiplexity_jax.sources.spec import Batch

Report = Callable[[int, Sequence[float]], None]
Track = Callable[[int, Mapping[str, Any]], None]
_LAG = 2  # record points whose results may still be on their way while the devices go on


@dataclass(frozen=True)
class MemberResult:
    """How a member ended, its history, and its last state (host arrays)."""

    outcome: Outcome
    history: History
    state: Any

    @property
    def status(self) -> RunStatus:
        """Finished or diverged."""
        return self.outcome.status

    @property
    def message(self) -> str:
        """What is to be said of its end."""
        return self.outcome.message

    @property
    def steps_done(self) -> int:
        """Steps with finite losses."""
        return self.outcome.steps_done


class PlacedCohort(NamedTuple):
    """A cohort on its devices, before it trains.

    Attributes:
        members: C of them, padded to a multiple of the devices.
        programs: compiled at their first call.
        place: puts arrays where these want them.
        hyper: hyperparameters, [C].
        tiles: held-out tiles, [C, S, ...] each.
        states: of all members, padding at rest.
    """

    members: Sequence[MemberJob]
    programs: Programs
    place: CohortSharding
    hyper: Hyperparameters
    tiles: list[Batch]
    states: Any


def set_up(job: CohortJob, mesh: Mesh) -> PlacedCohort:
    """Put a cohort on its devices; padding members rest from the start."""
    warm_up_collectives(mesh)
    padding = -len(job.members) % mesh.shape[MEMBER]
    members = job.members + (job.members[-1],) * padding
    if near_map_count_limit():
        forget_programs()
    programs = compile_programs(job.setup, mesh)
    if use_lax_map(mesh) and (mesh.shape[DATA] > 1 or jax.process_count() > 1):
        programs = blocking(programs)
    place = CohortSharding(mesh, job.spreads)
    return PlacedCohort(
        members=members,
        programs=programs,
        place=place,
        hyper=place(_hyperparameters(members)),
        tiles=[place.sequences(_tile(members, t), 1) for t in range(job.layout.tiles)],
        states=_initial_states(job, programs.init, members, place),
    )


def train_cohort(
    job: CohortJob,
    mesh: Mesh,
    report: Report | None = None,
    keeper: CheckpointHook | None = None,
    track: Track | None = None,
) -> list[MemberResult]:
    """Train every member to `job.steps`, recording on the absolute grid of record points.

    The devices always have their next piece of the loop: data of the next block is drawn in a
    thread, results are fetched while later steps run. A member whose loss is not finite rests while
    the others go on, and its result says so.

    Args:
        job: the cohort.
        mesh: see `sharding.member_mesh`; the cohort is padded with resting members to a multiple
            of its `member` axis.
        report: called with member-steps newly finished and each member's last loss (nats per
            label token).
        keeper: asked between pieces of the loop whether the cohort is to be kept as it is.
        track: called with a member's number and each of its record points, columns of its
            history; with those from before a resumed run was kept, too.

    Returns:
        One result a member, in order.

    Raises:
        Interrupted: when the keeper says so.
    """
    members, programs, place, hyper, tiles, states = set_up(job, mesh)
    grid = record_points(job.iterations)
    results = _Results(job, grid, report, track)
    steps, pace = np.int32(job.steps), DispatchThrottle()

    with ThreadPoolExecutor(1, "blocks") as pool:
        source = WaitingDataFeed if job.gated else DataFeed
        blocks = source(job, members, place, pool)
        if job.start == 0:
            results.add_record(0, [programs.evaluate(states, tiles[0])], True)
        for start, stop, record in _pieces(job, grid, pace):
            block, first = blocks.at(start, stop - start)
            states, info = programs.advance(
                states, hyper, block, first, np.int32(stop - start), steps
            )
            results.add_steps(start, stop, info)
            pace.give(info, stop - start)
            ends = blocks.ends(states, stop)
            if record or ends.any():
                wanted = tiles if ends.any() else tiles[:1]
                losses = [programs.evaluate(states, tile) for tile in wanted]
                results.add_record(stop, losses, record, ends)
            if not results.fetch(lag=0 if job.gated else _LAG):
                break
            if keeper is not None and keeper.due():
                results.fetch(lag=0)
                keeper.keep(stop, states, results.saved())
        results.fetch(lag=0)
        if job.exact:
            _rescore(job, DataFeed(job, members, place, pool), programs, states, results, keeper)
    return results.finish(fetch_global(states))


def _rescore(
    job: CohortJob,
    blocks: "DataFeed",
    programs: Programs,
    states: Any,
    results: "_Results",
    keeper: CheckpointHook | None,
) -> None:
    """Let the final models score their training stream again, block by block.

    What is kept meanwhile is the end of training, from where all of it is scored anew.
    """
    trained = results.saved()
    for start in range(0, job.steps, job.block_steps):
        count = min(job.block_steps, job.steps - start)
        block, _ = blocks.at(start, count)
        info = programs.rescore(states, block, np.int32(0), np.int32(count))
        results.add_exact(*(np.asarray(a)[:, :, :count] for a in info))
        if keeper is not None and keeper.due():
            keeper.keep(job.iterations, states, trained)


def _tile(members: Sequence[MemberJob], number: int) -> Batch:
    """One held-out tile of every member: [C, S, ...]."""
    heldouts = [member.heldout for member in members]
    return jax.tree.map(lambda *sets: np.stack([tiles[number] for tiles in sets]), *heldouts)


def _hyperparameters(members: Sequence[MemberJob]) -> Hyperparameters:
    return Hyperparameters(
        learning_rate=np.array([m.learning_rate for m in members], np.float32),
        warmup_steps=np.array([m.warmup_steps for m in members], np.int32),
        ema_steps=np.array([m.ema_steps for m in members], np.int32),
        ema_growth=np.array([m.ema_growth for m in members], np.float32),
        max_kl=np.array([m.max_kl for m in members], np.float32),
    )


def _initial_states(
    job: CohortJob, init: Callable[..., Any], members: Sequence[MemberJob], place: CohortSharding
) -> Any:
    padding = np.arange(len(members)) >= len(job.members)  # rests from the start
    resumed = [m.resume[0] for m in members if m.resume is not None]
    if resumed:
        states = jax.tree.map(lambda *leaves: np.stack(leaves), *resumed)
        return place.states(jax.device_get(job.method.deactivate(states, padding)))
    keys = (
        np.stack([np.asarray(jax.random.key_data(key_of(m.root, m.seed))) for m in members])
        for key_of in (init_key, samples_key)
    )
    return init(*map(place, (*keys, padding)))


def _recorder(
    kind: type[Recorder], accounting: Accounting, member: MemberJob, grid: np.ndarray
) -> Recorder:
    """A new one, or one that goes on: in the middle of a run, or behind the end of a shorter."""
    if member.resume is None:
        return kind(accounting)
    record = member.resume[1]
    if isinstance(record, RecorderState):
        return kind.restored(accounting, record)
    return kind.resume(accounting, record, grid)


class _Results:
    """Turns what the devices report into histories, a few record points behind them."""

    def __init__(
        self, job: CohortJob, grid: np.ndarray, report: Report | None, track: Track | None
    ):
        self.report, self.track = report, track
        kind, self.steps = job.method.recorder, job.steps
        self.recorders = [_recorder(kind, job.accounting, m, grid) for m in job.members]
        self.pending: deque[tuple[Any, int, Any]] = deque()
        self.unfetched_records = 0
        self.told = [0] * len(self.recorders)
        self._tell()

    def add_steps(self, start: int, stop: int, info: Any) -> None:
        self.pending.append((None, start, (info, stop - start)))

    def add_record(
        self, step: int, losses: Any, record: bool, ends: np.ndarray | None = None
    ) -> None:
        """Losses of tiles: the last of members that end, and of the others if it is a `record`."""
        ends = np.zeros(len(self.recorders), bool) if ends is None else ends
        self.pending.append(((record, ends), step, losses))
        self.unfetched_records += 1

    def add_exact(self, sums: np.ndarray, variances: np.ndarray) -> None:
        """Of all members: [C, 2, n] nats and nats^2."""
        for recorder, s, v in zip(self.recorders, sums, variances, strict=False):
            recorder.add_exact(s, v)

    def saved(self) -> list[RecorderState]:
        """The recorders as they are; everything must have been fetched."""
        return [recorder.saved() for recorder in self.recorders]

    def fetch(self, lag: int) -> bool:
        """Fetch all but the last `lag` record points; whether any member goes on."""
        while self.pending and (self.unfetched_records > lag or lag == 0 or self._waited_for()):
            whose, step, what = self.pending.popleft()
            if whose is None:
                self._steps(step, what)
            else:
                self._record(step, np.stack([np.asarray(tile) for tile in what], axis=2), *whose)
        return any(r.status is RunStatus.FINISHED and not r.ended for r in self.recorders)

    def _waited_for(self) -> bool:
        """Whether the next to be fetched are steps that the pace has waited for."""
        return self.pending[0][0] is None and len(self.pending) > AHEAD

    def _record(self, step: int, losses: np.ndarray, record: bool, ends: np.ndarray) -> None:
        self.unfetched_records -= 1
        for recorder, own, last in zip(self.recorders, losses, ends, strict=False):
            if last or record:
                recorder.add_record(step, own if last else own[:, :1], bool(last))
        self._tell()

    def _tell(self) -> None:
        """Tell of record points that nobody was told of."""
        if self.track is None:
            return
        for i, recorder in enumerate(self.recorders):
            for row in recorder.rows[self.told[i] :]:
                self.track(i, row)
            self.told[i] = len(recorder.rows)

    def _steps(self, start: int, what: Any) -> None:
        info, count = what
        columns = [np.asarray(a)[:, :count] for a in info]
        for i, recorder in enumerate(self.recorders):
            recorder.add_steps(start, *(column[i] for column in columns))
        if self.report:
            living = [r.status is RunStatus.FINISHED for r in self.recorders]
            losses = [
                r.last_loss if ok else math.nan
                for r, ok in zip(self.recorders, living, strict=True)
            ]
            self.report(count * len(self.recorders), losses)

    def finish(self, states: Any) -> list[MemberResult]:
        return [
            MemberResult(
                r.outcome(self.steps),
                r.history(),
                jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), states),
            )
            for i, r in enumerate(self.recorders)
        ]


def _pieces(
    job: CohortJob, grid: np.ndarray, pace: DispatchThrottle
) -> Iterator[tuple[int, int, bool]]:
    """Cut the iterations at record points, block ends and where the pace says.

    Yields:
        From, to, and whether a record point is there.
    """
    records = set(grid.tolist())
    start = job.start
    for end in sorted(records | set(range(job.block_steps, job.iterations, job.block_steps))):
        while start < end:
            stop = min(end, start + pace.steps)
            yield start, stop, stop in records
            start = stop
