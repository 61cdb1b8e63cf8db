"""Results of a cohort: fetched from the devices, summed into histories, reported."""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.dispatch import AHEAD
from epiplexity_jax.engine.recorder import Accounting, History, Outcome, Recorder, RecorderState

Report = Callable[[int, Sequence[float]], None]
Track = Callable[[int, Mapping[str, Any]], None]


@dataclass(frozen=True)
class MemberResult:
    """Outcome of a member, its history, and its last state (host arrays)."""

    outcome: Outcome
    history: History
    state: Any

    @property
    def status(self) -> RunStatus:
        """Finished or diverged."""
        return self.outcome.status

    @property
    def message(self) -> str:
        """A sentence on its end; empty where there is nothing to say."""
        return self.outcome.message

    @property
    def steps_done(self) -> int:
        """Steps with finite losses."""
        return self.outcome.steps_done


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


class CohortResults:
    """Turns what the devices return into histories, a few record points behind them.

    Args:
        job: the cohort.
        grid: record points.
        report: see `train_cohort`.
        track: see `train_cohort`.
    """

    def __init__(
        self, job: CohortJob, grid: np.ndarray, report: Report | None, track: Track | None
    ):
        self.report, self.track = report, track
        kind, self.steps = job.program.method.recorder, job.steps
        self.recorders = [_recorder(kind, job.accounting, m, grid) for m in job.members]
        self.pending: deque[tuple[Any, int, Any]] = deque()
        self.unfetched_records = 0
        self.tracked = [0] * len(self.recorders)
        self._track()

    def add_steps(self, start: int, stop: int, info: Any) -> None:
        """Add iterations.

        Args:
            start: the first.
            stop: behind the last.
            info: the method's infos [C, T], on the devices.
        """
        self.pending.append((None, start, (info, stop - start)))

    def add_record(
        self, step: int, losses: Any, record: bool, ends: np.ndarray | None = None
    ) -> None:
        """Add losses on eval batches.

        Args:
            step: iterations before it.
            losses: of each eval batch [C, W, S], on the devices.
            record: whether this is a record point of all members.
            ends: [C] bool, True for members whose last record point this is.
        """
        ends = np.zeros(len(self.recorders), bool) if ends is None else ends
        self.pending.append(((record, ends), step, losses))
        self.unfetched_records += 1

    def add_exact(self, sums: np.ndarray, variances: np.ndarray) -> None:
        """Add sums and variances [C, W, n] of batches that the final models scored again."""
        for recorder, s, v in zip(self.recorders, sums, variances, strict=False):
            recorder.add_exact(s, v)

    def saved(self) -> list[RecorderState]:
        """The recorders as they are; everything must have been fetched."""
        return [recorder.saved() for recorder in self.recorders]

    def fetch(self, lag: int) -> bool:
        """Fetch all but the last `lag` record points; returns True while any member goes on."""
        while self.pending and (self.unfetched_records > lag or lag == 0 or self._waited_for()):
            whose, step, what = self.pending.popleft()
            if whose is None:
                self._steps(step, what)
            else:
                self._record(step, np.stack([np.asarray(batch) for batch in what], axis=2), *whose)
        return any(r.status is RunStatus.FINISHED and not r.ended for r in self.recorders)

    @property
    def any_finished(self) -> bool:
        """True unless every member diverged."""
        return any(r.status is RunStatus.FINISHED for r in self.recorders)

    def _waited_for(self) -> bool:
        """True if the next to be fetched are steps that the throttle has waited for."""
        return self.pending[0][0] is None and len(self.pending) > AHEAD

    def _record(self, step: int, losses: np.ndarray, record: bool, ends: np.ndarray) -> None:
        self.unfetched_records -= 1
        for recorder, own, last in zip(self.recorders, losses, ends, strict=False):
            if last or record:
                recorder.add_record(step, own if last else own[:, :1], bool(last))
        self._track()

    def _track(self) -> None:
        """Report record points that were not reported yet."""
        if self.track is None:
            return
        for i, recorder in enumerate(self.recorders):
            for row in recorder.rows[self.tracked[i] :]:
                self.track(i, row)
            self.tracked[i] = len(recorder.rows)

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
        """Make the results of members whose states (host arrays) are given."""
        return [
            MemberResult(
                r.outcome(self.steps),
                r.history(),
                jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), states),
            )
            for i, r in enumerate(self.recorders)
        ]
