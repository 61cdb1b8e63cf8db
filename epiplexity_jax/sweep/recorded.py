"""Progress that is written into the store too, for whoever watches from another process."""

import contextlib
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from epiplexity_jax.base.errors import EpiplexityError
from epiplexity_jax.store.sweep_state import SweepState, SweepStatus, process_started, write_state
from epiplexity_jax.sweep.progress import Progress

_EVERY = 1.0  # seconds between two writes
_LOSSES, _MESSAGES = 12, 8


class Recorded(Progress):
    """Progress that a display shows and a store keeps (see `Progress`).

    Args:
        shown: the display.
        folder: the store's folder.
    """

    def __init__(self, shown: Progress, folder: Path):
        self._shown, self._folder = shown, folder
        self._messages: deque[str] = deque(maxlen=_MESSAGES)
        self._first: tuple[float, int] | None = None  # when steps were first counted, and how many
        self._written = -_EVERY
        now = time.time()
        self._state = SweepState(
            status=SweepStatus.TRAINING,
            process=os.getpid(),
            host=socket.gethostname(),
            process_started=process_started(os.getpid()),
            started=now,
            updated=now,
            command=tuple(sys.argv[1:]),
        )
        self._write()

    def start(self, runs: int, finished: int, member_steps: int) -> None:
        """See `Progress`."""
        self._first = None
        self._change(
            runs=runs, done=finished, member_steps=member_steps, steps_done=0, seconds_left=None
        )
        self._write()
        self._shown.start(runs, finished, member_steps)

    def advance(self, member_steps: int, tokens: int, losses: Mapping[str, float]) -> None:
        """See `Progress`."""
        steps = self._state.steps_done + member_steps
        self._first = self._first or (time.monotonic(), steps)
        self._change(
            steps_done=steps,
            tokens=self._state.tokens + tokens,
            seconds_left=self._left(steps),
            losses=dict(list(losses.items())[:_LOSSES]),
        )
        if time.monotonic() - self._written > _EVERY:
            self._write()
        self._shown.advance(member_steps, tokens, losses)

    def run_done(self, row: Mapping[str, Any]) -> None:
        """See `Progress`."""
        self._change(done=self._state.done + 1)
        self._write()
        self._shown.run_done(row)

    def message(self, text: str) -> None:
        """See `Progress`."""
        self._messages.append(text)
        self._change(messages=tuple(self._messages))
        self._write()
        self._shown.message(text)

    def close(self) -> None:
        """See `Progress`; how the sweep ended is written by `recorded`."""
        self._shown.close()

    def end(self, status: SweepStatus, message: str = "") -> None:
        """Write how the sweep ended.

        Args:
            status: how.
            message: why it failed.
        """
        self._change(status=status, message=message, seconds_left=None)
        self._write()

    def _left(self, steps: int) -> float | None:
        since, counted = self._first or (0.0, steps)
        if steps == counted:
            return None
        each = (time.monotonic() - since) / (steps - counted)
        return max(self._state.member_steps - steps, 0) * each

    def _change(self, **values: Any) -> None:
        self._state = replace(self._state, **values)

    def _write(self) -> None:
        self._written = time.monotonic()
        write_state(self._folder, replace(self._state, updated=time.time()))


@contextlib.contextmanager
def recorded(shown: Progress, folder: Path, writes: bool) -> Iterator[Progress]:
    """Record a sweep's progress in its store, and how it ended.

    Args:
        shown: the display.
        folder: the store's folder, which exists.
        writes: False in a process that does not write into the store.
    """
    if not writes:
        yield shown
        return
    progress = Recorded(shown, folder)
    try:
        yield progress
    except EpiplexityError as error:
        progress.end(SweepStatus.FAILED, str(error))
        raise
    except KeyboardInterrupt:
        progress.end(SweepStatus.STOPPED)
        raise
    except BaseException as error:
        progress.end(SweepStatus.FAILED, f"{type(error).__name__}: {error}")
        raise
    progress.end(SweepStatus.FINISHED)
