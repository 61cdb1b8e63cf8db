"""Progress that is written into the store too, for whoever watches from another process."""

import contextlib
import math
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
from epiplexity_jax.sweep.progress import Counted, Progress

_EVERY = 1.0  # seconds between two writes
_LOSSES, _MESSAGES = 12, 8


class Recorded(Counted):
    """Progress that a display shows and a store keeps (see `Progress`).

    Args:
        shown: the display.
        folder: the store's folder.
    """

    def __init__(self, shown: Progress, folder: Path):
        super().__init__()
        self._shown, self._folder = shown, folder
        self._messages: deque[str] = deque(maxlen=_MESSAGES)
        self._written, self._earlier = -_EVERY, 0  # tokens of earlier rounds
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
        self._written, self._earlier = -_EVERY, self._earlier + self.tokens
        super().start(runs, finished, member_steps)
        self._shown.start(runs, finished, member_steps)

    def advance(self, member_steps: int, tokens: int, losses: Mapping[str, float]) -> None:
        """See `Progress`."""
        super().advance(member_steps, tokens, losses)
        self._shown.advance(member_steps, tokens, losses)

    def run_done(self, row: Mapping[str, Any]) -> None:
        """See `Progress`."""
        super().run_done(row)
        self._write()
        self._shown.run_done(row)

    def message(self, text: str) -> None:
        """See `Progress`."""
        self._messages.append(text)
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
        self._state = replace(self._state, status=status, message=message)
        self._write()

    def show(self) -> None:
        """Write what was counted last, where the last state is old."""
        if time.monotonic() - self._written > _EVERY:
            self._write()

    def _write(self) -> None:
        self._written, left = time.monotonic(), self.left
        is_known = self._state.status == SweepStatus.TRAINING and math.isfinite(left)
        state = replace(
            self._state,
            updated=time.time(),
            runs=self.runs,
            done=self.done,
            member_steps=self.member_steps,
            steps_done=self.steps_done,
            tokens=self._earlier + self.tokens,
            seconds_left=max(left, 0.0) if is_known else None,
            losses=dict(list(self.losses.items())[:_LOSSES]),
            messages=tuple(self._messages),
        )
        write_state(self._folder, state)


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
