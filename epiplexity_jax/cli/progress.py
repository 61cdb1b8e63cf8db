"""Progress on standard error: bars on a terminal, a plain line now and then elsewhere."""

import math
import sys
import time
from collections.abc import Mapping
from typing import Any

from rich import progress as rich_progress
from rich.console import Console
from rich.table import Column

from epiplexity_jax.base.human import duration
from epiplexity_jax.sweep.progress import Silent

_EVERY = 15.0


class Counted(Silent):
    """Counts a sweep's progress without a display (see `sweep.progress.Progress`).

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

    @property
    def latest(self) -> str:
        """A few latest losses."""
        shown = [f"{name}: {loss:.3f}" for name, loss in list(self.losses.items())[:2]]
        return "; ".join(shown) + (" nats/token" if shown else "")


class Lines(Counted):
    """A plain line every quarter of a minute, and always the first and the last."""

    printed = -math.inf

    def show(self) -> None:
        """Print a line, the first one or where the last one is old."""
        if time.monotonic() - self.printed > _EVERY:
            self._print()

    def message(self, text: str) -> None:
        """Print a sentence."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    def close(self) -> None:
        """Print the last line, if there was a first."""
        if math.isfinite(self.printed):
            self._print()

    def _print(self) -> None:
        self.printed = time.monotonic()
        line = f"runs {self.done}/{self.runs}"
        if self.steps_done:
            line += f", {self.rate:,.0f} tokens/s"
        if math.isfinite(self.left):
            line += f", {duration(self.left)} left"
        self.message(", ".join(part for part in (line, self.latest) if part))


class Bars(Counted):
    """A bar over member-steps with runs done, rate, time left and the latest losses."""

    def __init__(self) -> None:
        super().__init__()
        self.task: rich_progress.TaskID | None = None
        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self.bars = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(bar_width=16),
            rich_progress.TextColumn("{task.percentage:>3.0f} %"),
            rich_progress.TimeRemainingColumn(),
            rich_progress.TextColumn("{task.fields[latest]}", table_column=rest),
            console=Console(stderr=True),
            transient=True,
            expand=True,
        )

    def start(self, runs: int, finished: int, member_steps: int) -> None:
        """Show the bar."""
        if self.task is not None:
            self.bars.remove_task(self.task)
        self.task = self.bars.add_task("", total=member_steps, latest="")
        self.bars.start()
        super().start(runs, finished, member_steps)

    def run_done(self, row: Mapping[str, Any]) -> None:
        """Count a committed run."""
        super().run_done(row)
        self.show()

    def message(self, text: str) -> None:
        """Print a sentence above the bar."""
        self.bars.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Take the bar away."""
        self.bars.stop()

    def show(self) -> None:
        """Move the bar."""
        assert self.task is not None
        self.bars.update(
            self.task,
            completed=self.steps_done,
            description=f"runs {self.done}/{self.runs}, {self.rate:,.0f} tokens/s"
            + (f", {duration(self.left)} in all" if self.ends is not None else ""),
            latest=self.latest,
        )


def watch() -> Counted:
    """Bars where standard error is a terminal, else lines."""
    return Bars() if sys.stderr.isatty() else Lines()
