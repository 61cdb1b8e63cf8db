"""Seconds that runs take: from those that were trained, and the end of the time that is there."""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Pace:
    """Seconds per FLOP of training, by size, and the time when training has to end.

    Attributes:
        ends: value of `time.monotonic` when the time is over; infinite without a limit.
        seconds: by name of a size, seconds per FLOP of its runs, those of a calibration at first.
        compiling: seconds before a new size trains.
    """

    ends: float = math.inf
    seconds: dict[str, float] = field(default_factory=dict)
    compiling: float = 0.0

    @property
    def left(self) -> float:
        """Seconds that are left; at least 0."""
        return max(self.ends - time.monotonic(), 0.0)

    @property
    def is_over(self) -> bool:
        """True once the time is over."""
        return time.monotonic() > self.ends

    def learn(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take over the times of trained runs.

        Args:
            rows: rows of the store.
        """
        spent: dict[str, list[float]] = {}
        for row in rows:
            flops = row["steps_done"] * row["train_tokens_per_step"] * row["params"] * 6.0
            if flops and row["wall_seconds"]:
                spent.setdefault(row["size"], []).append(row["wall_seconds"] / flops)
        for size, found in spent.items():
            self.seconds[size] = sorted(found)[len(found) // 2]

    def of(self, size: str, flops: float) -> float:
        """Predict the seconds of a run.

        Args:
            size: name of its size.
            flops: FLOPs that it still takes.
        """
        known = self.seconds.get(size)
        if known is not None:
            return known * flops
        return self.compiling + max(self.seconds.values(), default=0.0) * flops
