"""Runs that train at once, and what they leave."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from epiplexity_jax.checkpoints.keeper import Checkpoints, Restored
from epiplexity_jax.sweep.fit_memory import MemoryFit
from epiplexity_jax.sweep.hardware import DeviceLayout
from epiplexity_jax.sweep.progress import Progress
from epiplexity_jax.sweep.tracking import Tracking


@dataclass(frozen=True)
class Wave:
    """Runs of one cohort that train at once; it can be sent to another process.

    Attributes:
        run_ids: ids of its members.
        iterations: the most that a member takes.
        slots: members that the devices hold, >= those there are.
        layout: what devices share.
        fit: how its members are cut to fit; None of those that count on the host.
        start: iterations that every member has behind it.
        restored: states and records at `start`, by run id; of members that begin, nothing.
    """

    run_ids: tuple[str, ...]
    iterations: int
    slots: int = 1
    layout: DeviceLayout = DeviceLayout()
    fit: MemoryFit | None = None
    start: int = 0
    restored: Mapping[str, Restored] = field(default_factory=dict)

    @property
    def steps_left(self) -> int:
        """The most member-steps that are still to be trained."""
        return len(self.run_ids) * (self.iterations - self.start)


class FinishedRun(NamedTuple):
    """A run that waits to be committed."""

    row: dict[str, Any]  # the columns of `store.schema.RUNS`
    history: Mapping[str, Any]  # the columns of `store.schema.HISTORIES`
    state: Any  # the last one (host arrays) where it is to be kept, else None
    stream: Mapping[str, Any] | None = None  # the columns of `store.schema.STREAMS`, if there are


@dataclass(frozen=True)
class WaveContext:
    """Devices, progress and checkpoints of a wave in training; a cluster's node has no trackers."""

    devices: Sequence[Any]
    progress: Progress
    stop: Callable[[], bool]  # returns True once an end was asked for
    checkpoints: Checkpoints
    tracking: Tracking = field(default_factory=Tracking)
