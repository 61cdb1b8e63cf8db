"""Protocol of a sweep's progress, which a display receives."""

import math
import time
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Receives a sweep's progress; calls come from one thread, a few a second."""

    def start(self, runs: int, finished: int, member_steps: int) -> None:
        """Begin a sweep, or a round of tuning before it: what was counted before is done.

        Args:
            runs: number of runs of the sweep or the round.
            finished: runs that an earlier start finished.
            member_steps: number of member-steps to train.
        """

    def advance(self, member_steps: int, tokens: int, losses: Mapping[str, float]) -> None:
        """Add what was newly trained.

        Args:
            member_steps: newly trained.
            tokens: newly trained.
            losses: the latest of each run, nats per label token.
        """

    def run_done(self, row: Mapping[str, Any]) -> None:
        """Note a run that was committed to the store."""

    def message(self, text: str) -> None:
        """Show a message to the user: a run ended early, an old state was damaged."""

    def close(self) -> None:
        """End; nothing more is called."""


class Silent(Progress):
    """Progress that shows nothing."""


class Counted(Silent):
    """Counts a sweep's progress without a display (see `Progress`).

    Processes other than the main one show nothing; the displays build on it.
    """

    ends: float | None = None
    """Value of `time.monotonic` when all has to end; None: when the steps are done."""

    def __init__(self) -> None:
        self._count_from(0, 0, 0)

    def start(self, runs: int, finished: int, member_steps: int) -> None:
        """See `Progress`; what was counted before is forgotten."""
        self._count_from(runs, finished, member_steps)
        self.show()

    def _count_from(self, runs: int, finished: int, member_steps: int) -> None:
        self.runs, self.done, self.member_steps = runs, finished, member_steps
        self.steps_done = self.tokens = 0
        self.losses: dict[str, float] = {}
        self.started = time.monotonic()
        self.first: tuple[float, int] | None = None  # when steps were first counted, and how many

    def advance(self, member_steps: int, tokens: int, losses: Mapping[str, float]) -> None:
        """See `Progress`; losses that are not finite are left out."""
        self.steps_done += member_steps
        self.first = self.first or (time.monotonic(), self.steps_done)
        self.tokens += tokens
        self.losses = {name: loss for name, loss in losses.items() if math.isfinite(loss)}
        self.show()

    def run_done(self, row: Mapping[str, Any]) -> None:
        """Count a committed run."""
        self.done += 1

    def show(self) -> None:
        """Show what was counted last, where there is a display."""

    @property
    def rate(self) -> float:
        """Tokens a second since the start."""
        return self.tokens / max(time.monotonic() - self.started, 1e-9)

    @property
    def left(self) -> float:
        """Seconds, at the rate since the first steps, which compiling came before; else NaN."""
        if self.ends is not None:
            return max(self.ends - time.monotonic(), 0.0)
        since, steps = self.first or (0.0, 0)
        if self.steps_done == steps:
            return math.nan
        each = (time.monotonic() - since) / (self.steps_done - steps)
        return (self.member_steps - self.steps_done) * each
