"""Results of a cohort: fetched from the devices, summed into histories, reported."""

import functools
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Float32

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.engine.blocks import BlockColumns
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.components import StreamComponents
from epiplexity_jax.engine.dispatch import AHEAD
from epiplexity_jax.engine.recorder import History, Outcome, Recorder, RecorderState, Records

MemberColumns = Float[np.ndarray, "members sets steps"]
Report = Callable[[int, Sequence[float]], None]
Track = Callable[[int, Mapping[str, Any]], None]


@dataclass(frozen=True)
class MemberResult:
    """Outcome of a member, its history, its last state (host arrays), and its sums by block."""

    outcome: Outcome
    history: History
    state: Any
    blocks: BlockColumns | None = None


def _recorder(
    job: CohortJob, member: MemberJob, grid: Records, components: StreamComponents
) -> Recorder:
    """Make a new recorder, or one that continues an interrupted run or a shorter finished one."""
    kind = job.program.method.recorder
    accounting = job.accounting.for_heldout(member.heldout)
    if member.resume is None:
        return kind(accounting, components=components)
    record = member.resume[1]
    if isinstance(record, RecorderState):
        return kind.restored(accounting, record, components)
    return kind.resume(accounting, record, grid, member.blocks, components)


def _components(members: Sequence[MemberJob]) -> list[StreamComponents]:
    """Those of each member's source; members that read alike share one."""
    shared: dict[str, StreamComponents] = {}
    for member in members:
        shared.setdefault(member.stream.order, StreamComponents(member.stream))
    return [shared[member.stream.order] for member in members]


class CohortResults:
    """Turns what the devices return into histories, a few record points behind them.

    Args:
        job: the cohort.
        grid: record points.
        report: see `train_cohort`.
        track: see `train_cohort`.
    """

    def __init__(self, job: CohortJob, grid: Records, report: Report | None, track: Track | None):
        self.job, self.report, self.track = job, report, track
        components = _components(job.members)
        self.recorders = [
            _recorder(job, member, grid, own)
            for member, own in zip(job.members, components, strict=True)
        ]
        self.given = job.start  # iterations
        # True for a record point, and what fetches it.
        self.pending: deque[tuple[bool, Callable[[], None]]] = deque()
        self.tracked = [0] * len(self.recorders)
        self._track()

    def add_steps(self, count: int, info: Any) -> None:
        """Add so many iterations: the method's infos [C, T] or [C, T, B], on the devices."""
        for recorder in () if self.job.gated else self.recorders:
            recorder.components.ask(self.given, count)
        self.given += count
        self.pending.append((False, functools.partial(self._steps, count, info)))

    def add_record(
        self,
        step: int,
        losses: Sequence[Float32[Array, "members sets sequences"]],
        record: bool,
        ends: Bool[np.ndarray, " members"],
    ) -> None:
        """Add losses on eval batches.

        Args:
            step: iterations before it.
            losses: [C, W, S] losses on each eval batch, on the devices: those of the record point's
                turn, or all where a member ends.
            record: whether this is a record point of all members.
            ends: [C] bool, True for members whose last record point this is.
        """
        self.pending.append((True, functools.partial(self._record, step, losses, record, ends)))

    def add_exact(self, sums: MemberColumns, variances: MemberColumns) -> None:
        """Add sums and variances [C, W, n] of batches that the final models scored again."""
        for recorder, s, v in zip(self.recorders, sums, variances, strict=False):
            recorder.add_exact(s, v)

    def saved(self) -> list[RecorderState]:
        """The recorders as they are; everything must have been fetched."""
        return [recorder.saved() for recorder in self.recorders]

    def fetch(self, lag: int) -> bool:
        """Fetch all but the last `lag` record points; returns True while any member goes on."""
        while self.pending:
            is_record, fetch = self.pending[0]
            waited_for = not is_record and len(self.pending) > AHEAD  # by the throttle
            if 0 < lag >= sum(each for each, _ in self.pending) and not waited_for:
                break
            self.pending.popleft()
            fetch()
        return any(r.status is RunStatus.FINISHED and not r.ended for r in self.recorders)

    @property
    def any_finished(self) -> bool:
        """True unless every member diverged."""
        return any(r.status is RunStatus.FINISHED for r in self.recorders)

    def _record(
        self, step: int, batches: Any, record: bool, ends: Bool[np.ndarray, " members"]
    ) -> None:
        losses = np.stack([np.asarray(batch) for batch in batches], axis=2)  # [C, W, batches, S]
        turn = losses
        if ends.any():
            turn = losses[:, :, list(self.job.layout.turn(step, self.job.batch_size).batches)]
        for recorder, own, scored, last in zip(self.recorders, losses, turn, ends, strict=False):
            if last or record:
                recorder.add_record(step, own if last else scored, bool(last))
        self._track()

    def _track(self) -> None:
        """Report record points that were not reported yet."""
        if self.track is None:
            return
        for i, recorder in enumerate(self.recorders):
            for row in recorder.rows[self.tracked[i] :]:
                self.track(i, row)
            self.tracked[i] = len(recorder.rows)

    def _steps(self, count: int, info: Any) -> None:
        columns = jax.tree.map(lambda a: np.asarray(a)[:, :count], info)
        for i, recorder in enumerate(self.recorders):
            recorder.add_steps(*jax.tree.map(lambda column, i=i: column[i], columns))
        if self.report:
            losses = [
                r.last_loss if r.status is RunStatus.FINISHED else math.nan for r in self.recorders
            ]
            self.report(count * len(self.recorders), losses)

    def finish(self, states: Any) -> list[MemberResult]:
        """Make the results of members whose states (host arrays) are given."""
        return [
            MemberResult(
                r.outcome(self.job.steps),
                r.history(),
                jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), states),
                r.block_columns(),
            )
            for i, r in enumerate(self.recorders)
        ]
