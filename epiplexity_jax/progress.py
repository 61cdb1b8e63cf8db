"""Progress: a bar in a notebook or on a terminal, elsewhere a plain line now and then."""

import math
import sys
import time
from collections.abc import Mapping
from html import escape
from typing import Any

from rich import progress as rich_progress
from rich.console import Console
from rich.table import Column

from epiplexity_jax.base.human import duration
from epiplexity_jax.sweep.progress import Counted

_EVERY = 15.0


class Worded(Counted):
    """Counts, and puts what it counted into words."""

    @property
    def line(self) -> str:
        """Runs, rate and time left."""
        line = f"runs {self.done}/{self.runs}"
        if self.steps_done:
            line += f", {self.rate:,.0f} tokens/s"
        if math.isfinite(self.left):
            line += f", {duration(self.left)} left"
        return line

    @property
    def latest(self) -> str:
        """A few latest losses."""
        shown = [f"{name}: {loss:.3f}" for name, loss in list(self.losses.items())[:2]]
        return "; ".join(shown) + (" nats/token" if shown else "")


class Lines(Worded):
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
        self.message(", ".join(part for part in (self.line, self.latest) if part))


class Bars(Worded):
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


class NotebookBar(Worded):
    """A bar in one output of a notebook's cell, which keeps the last state and all messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        self.ended = False
        self.handle: Any = None
        self.begun: float | None = None  # when the first round started

    def start(self, runs: int, finished: int, member_steps: int) -> None:
        """Show the bar."""
        if self.ended:  # a bar that is used again has an output of its own
            self.messages, self.handle, self.begun, self.ended = [], None, None, False
        if self.begun is None:
            self.begun = time.monotonic()
        super().start(runs, finished, member_steps)

    def run_done(self, row: Mapping[str, Any]) -> None:
        """Count a committed run."""
        super().run_done(row)
        self.show()

    def message(self, text: str) -> None:
        """Add a sentence below the bar."""
        self.messages.append(text)
        self.show()

    def close(self) -> None:
        """Leave the last state: runs, time and messages."""
        if self.handle is not None:
            self.ended = True
            self.show()

    def show(self) -> None:
        """Draw the bar, the first time in an output of its own."""
        from IPython.display import display

        lines = [self._summary(), *([] if self.ended else [self.latest]), *self.messages]
        lines = [line for line in lines if line]
        share = self.steps_done / self.member_steps if self.member_steps else float(self.ended)
        html = "<br>".join(map(escape, lines))
        bar = f'<progress value="{share:.3f}" max="1" style="width: 16em"></progress>'
        data = {
            "text/plain": "\n".join(lines),
            "text/html": f'<div class="epiplexity">{bar if self.runs else ""} {html}</div>',
        }
        if self.handle is None:
            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)

    def _summary(self) -> str:
        """Counts while it trains, and in the end the time that it took."""
        if not self.ended or self.begun is None:
            return self.line if self.runs else ""
        return f"runs {self.done}/{self.runs}, {duration(time.monotonic() - self.begun)} in all"


def progress_bar(minutes: float | None = None) -> Counted:
    """A display of progress, which `run` and `measure` take.

    A bar in a notebook, bars where standard error is a terminal, else plain lines.

    Args:
        minutes: the time that `measure` may take, so that the time left is known; default: the
            time left follows from the steps that are left.
    """
    bar = NotebookBar() if _in_notebook() else Bars() if sys.stderr.isatty() else Lines()
    bar.ends = None if minutes is None else time.monotonic() + 60.0 * minutes
    return bar


def _in_notebook() -> bool:
    """Return whether this is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
