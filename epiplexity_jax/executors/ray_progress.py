"""The actor through which tasks of a Ray cluster report to the process that started them."""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from epiplexity_jax.sweep.config import ExecutorOptions

LOCAL = "local"
REPORTER = "progress"  # the thread of a task that reports until it is asked to stop


def address_of(options: ExecutorOptions) -> str:
    """Return the address of the Ray cluster; LOCAL for one that this machine starts for itself."""
    return options.address or os.environ.get("RAY_ADDRESS") or LOCAL


Reported = tuple[int, int, Mapping[str, float]]
"""Member-steps and tokens of a wave so far, and its latest losses by run."""


class Update(NamedTuple):
    """Everything that was reported since the last update."""

    done: Mapping[int, Reported]  # by wave
    messages: Sequence[str]  # for the user


class ProgressActor:
    """An actor on the node of the starting process, with which it ends."""

    def __init__(self) -> None:
        self._attempts: dict[int, int] = {}
        self._training: set[int] = set()
        self._done: dict[int, Reported] = {}
        self._messages: list[str] = []
        self._stopping = False

    def begin(self, wave: int) -> int:
        """Count a task's attempt at a wave: its number, 0 when it should not begin."""
        if self._stopping:
            return 0
        self._training.add(wave)
        self._attempts[wave] = self._attempts.get(wave, 0) + 1
        return self._attempts[wave]

    def report(self, wave: int, steps: int, tokens: int, losses: Mapping[str, float]) -> bool:
        """Note how far a task is; return True when it should stop.

        Args:
            wave: its number.
            steps: member-steps since the first attempt's start.
            tokens: the same in tokens.
            losses: latest, by run.
        """
        self._done[wave] = (steps, tokens, losses)
        return self._stopping

    def message(self, text: str) -> None:
        """Add a sentence for the user."""
        self._messages.append(text)

    def stop(self) -> set[int]:
        """Ask all tasks to stop; return the waves that had begun."""
        self._stopping = True
        return self._training

    def update(self) -> Update:
        """Return what is new, and forget it."""
        new = Update(self._done, self._messages)
        self._done, self._messages = {}, []
        return new
