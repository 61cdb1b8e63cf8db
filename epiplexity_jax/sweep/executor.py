"""The executor protocol: where waves train, chosen by the config."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from epiplexity_jax.store import Store
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import Plan
from epiplexity_jax.sweep.progress import Progress
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.tracking import Tracking
from epiplexity_jax.sweep.wave import FinishedRun, Wave


@dataclass(frozen=True)
class SweepContext:
    """A sweep in training; this process holds the store's lock.

    Attributes:
        earlier: finished runs that the config asks for as well, those of tuning.
    """

    plan: Plan
    store: Store
    progress: Progress
    stop: Callable[[], bool]  # returns True once an end was asked for
    tracking: Tracking = field(default_factory=Tracking)
    earlier: Sequence[RunSpec] = ()


@runtime_checkable
class Executor(Protocol):
    """Trains waves, and hands over their runs to be committed."""

    @property
    def hardware(self) -> Hardware:
        """The devices of one wave."""
        ...

    @property
    def devices(self) -> str:
        """All devices, in words."""
        ...

    def train(self, context: SweepContext, waves: Sequence[Wave]) -> Iterator[list[FinishedRun]]:
        """Train waves and yield the runs of each as soon as it is done.

        Raises:
            RunsFailed: at the end, when some could not be trained.
            Interrupted: when an end was asked for; checkpoints were written.
        """
        ...
