"""The live view of a sweep: its page, made anew as runs finish, and the state of its training."""

import shlex
import threading
import time
from pathlib import Path
from typing import Any

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import EpiplexityError, StoreError
from epiplexity_jax.base.files import names_in
from epiplexity_jax.base.human import duration
from epiplexity_jax.pages.build import page_of
from epiplexity_jax.pages.gather import gather
from epiplexity_jax.pages.settling import Settling
from epiplexity_jax.report.figures import encodings
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.page.chart_style import INK, unlegended
from epiplexity_jax.report.page.content import Answer, Page
from epiplexity_jax.report.page.render import render
from epiplexity_jax.report.page.run_charts import settling_chart
from epiplexity_jax.store import Store
from epiplexity_jax.store.sweep_state import SweepState, SweepStatus, read_state

_SHARE = 5.0  # a page is made anew after this many times the time that the last one took
_JUST_ENDED = 60.0  # seconds
_PAUSE = 2.0  # seconds that lie between two at the least


class LiveView:
    """A store's page while a sweep trains into it.

    Args:
        store: the folder.
        **options: as for `gather`.

    Attributes:
        html: the page as it is now; revision: name of its state, new with every change.
        command: command line that serves it again.
    """

    def __init__(self, store: Path, **options: Any) -> None:
        self.store, self._options = store, options
        self.html, self.revision = "", ""
        self.command = shlex.join(["epiplexity-jax", "watch", str(store)])
        self._begun, self._made = time.time_ns(), 0
        self._seen: list[str] | None = None  # runs of the page
        self._is_thorough = False
        self._next = 0.0
        self._settling = Settling()
        self._lock = threading.Lock()

    def refresh(self) -> bool:
        """Make the page anew where runs have finished since, not more often than it is worth.

        Returns:
            True where the page is that of all finished runs, with everything that a report has.
        """
        finished = names_in(self.store / "histories")
        state = read_state(self.store)
        ended = state is not None and state.status == SweepStatus.FINISHED
        if finished == self._seen and (self._is_thorough or not ended):
            return self._is_thorough
        if time.monotonic() < self._next and not ended:
            return False
        begun = time.monotonic()
        # An open page may have outlived another server: names of states are this one's alone.
        self._made += 1
        revision = f"{self._begun}-{self._made}"
        html = render(self._page(ended, revision))
        with self._lock:  # who hears of the end has the last page too
            self.html, self.revision, self._is_thorough = html, revision, ended
        self._seen = finished
        # The first one imports what the others have.
        took = time.monotonic() - begun if self._made > 1 else 0.0
        self._next = time.monotonic() + max(_PAUSE, _SHARE * took)
        return ended

    def _page(self, ended: bool, revision: str) -> Page:
        live = {"live": True, "watch": self.command, "revision": revision}
        try:
            report = gather([self.store], thorough=ended, **self._options)
        except EpiplexityError as error:
            return _waiting(self.store, error, live)
        count = sum(len(curves) for curves in report.curves.values())
        self._settling.add(count, report.frontiers)
        rows = self._settling.rows(report.largest)
        if len({row["runs"] for row in rows}) > 1:
            shared = unlegended(encodings(list(report.frontiers), INK))
            live["charts"] = {"settling": settling_chart(rows, shared)}
            live["settling"] = (
                f"S_T at {number(report.largest)} FLOPs with its interval, as runs finish."
            )
        return page_of(report, **live)

    def state(self) -> dict[str, Any]:
        """State of the sweep as the page's script reads it."""
        with self._lock:
            revision, is_last = self.revision, self._is_thorough
        try:
            found = read_state(self.store)
        except StoreError as error:
            return _shown(f"The sweep's state cannot be read: {error}", revision)
        if found is None:
            return _shown("Nothing trains into this store now.", revision)
        text = _words(found)
        share = found.steps_done / found.member_steps if found.member_steps else 0.0
        numbers = [f"{found.tokens:,} tokens trained"]
        if found.status == SweepStatus.TRAINING:
            numbers.append(f"last heard of {duration(max(time.time() - found.updated, 0.0))} ago")
        done = found.status == SweepStatus.FINISHED
        return _shown(
            text,
            revision,
            share=1.0 if done else min(share, 1.0),
            numbers="; ".join(numbers),
            losses=[f"{name}: {loss:.3f} nats/token" for name, loss in found.losses.items()],
            messages=list(found.messages),
            ended=done and is_last,
        )


def _shown(text: str, revision: str, **values: Any) -> dict[str, Any]:
    plain = {"share": 0.0, "numbers": "", "losses": [], "messages": [], "ended": False}
    return plain | {"text": text, "version": revision} | values


def _words(state: SweepState) -> str:
    """One sentence on what a sweep does, or how it ended and what goes on."""
    runs = f"{state.done} of {state.runs} runs are finished"
    again = f": {shlex.join(['epiplexity-jax', *state.command])}" if state.command else ""
    goes_on = f"The same command goes on{again}"
    if state.is_lost:
        return (
            f"The sweep has stopped without saying why: process {state.process} is gone. {runs}. "
            f"{goes_on}"
        )
    if state.status == SweepStatus.STOPPED:
        return f"The sweep was stopped. {runs}. {goes_on}"
    if state.status == SweepStatus.FAILED:
        return f"The sweep has failed: {state.message}"
    if state.status == SweepStatus.FINISHED:
        return "The sweep is finished."
    if not state.runs:
        return "The sweep is being prepared."
    left = "" if state.seconds_left is None else f"; about {duration(state.seconds_left)} left"
    return f"Training: {runs}{left}."


def _waiting(store: Path, error: EpiplexityError, live: dict[str, Any]) -> Page:
    """The page of a store that has nothing to show yet, and why."""
    early = isinstance(error, StoreError)
    why = "No run has finished yet." if early else f"The runs cannot be shown: {error}."
    return Page(
        title=f"A sweep in training: {store.resolve().name}",
        version=__version__,
        written=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        answer=Answer(why, (), (), ()),
        commands=[live["watch"]],
        **live,
    )


def is_trained_into(store: Path) -> bool:
    """Return whether a sweep trains into a store, was stopped and may go on, or has just ended.

    Raises:
        StoreError: when the folder is no store.
    """
    Store.open(store)
    state = read_state(store)
    if state is None:
        return False
    # A short sweep may end before its page is served.
    return state.status != SweepStatus.FINISHED or time.time() - state.updated < _JUST_ENDED
