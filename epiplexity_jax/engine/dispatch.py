"""A limit on how far the host runs ahead of the devices, so that it can stop within seconds."""

import time
from collections import deque
from typing import Any

import jax

from epiplexity_jax.runtime.processes import all_gather_ints

_SECONDS = 2.0  # of one span of the loop
AHEAD = 2  # spans on the devices: one that runs and one that waits
_GROWTH = 4


class DispatchThrottle:
    """Cuts the loop into spans of about two seconds and keeps two of them on the devices.

    The cuts decide no number: a span goes on exactly where the one before ended. Several processes
    cut the loop alike, by the clock of the main process, which an all-gather distributes.
    """

    def __init__(self) -> None:
        self._given: deque[tuple[Any, int]] = deque()
        self._last = 0.0
        self.steps = 1
        """Steps that the next span may have."""

    def give(self, results: Any, steps: int) -> None:
        """Note a dispatched span of so many steps; waits while there are more than two."""
        self._given.append((results, steps))
        if len(self._given) < AHEAD:
            return
        waited, count = self._given.popleft()
        jax.block_until_ready(waited)
        now = time.monotonic()
        if self._last:
            fitting = _SECONDS * count / max(now - self._last, 1e-9)
            steps = max(1, min(int(fitting), _GROWTH * self.steps))
            self.steps = int(all_gather_ints([steps])[0, 0])
        self._last = now
