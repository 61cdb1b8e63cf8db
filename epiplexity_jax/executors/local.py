"""Where waves train: on the devices of this process, or on the nodes of a cluster."""

import contextlib
import importlib.util
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.checkpoints.keeper import CHECKPOINTS, Checkpoints
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.runtime.devices import described, start_devices
from epiplexity_jax.runtime.processes import all_gather_ints, is_multiprocess
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import ExecutorOptions, Sweep
from epiplexity_jax.sweep.fit_memory import Hardware
from epiplexity_jax.sweep.plan import Plan
from epiplexity_jax.sweep.progress import Progress
from epiplexity_jax.sweep.tracking import Tracking
from epiplexity_jax.sweep.train_wave import FinishedRun, WaveContext, Work, train_wave

LOCAL = "local"


@dataclass(frozen=True)
class SweepContext:
    """What is to be trained, where it is kept, and who is told.

    Attributes:
        plan: the validated sweep.
        store: where finished runs go; this process holds it.
        progress: who is told.
        stop: whether somebody asked for an end.
        tracking: tells the trackers.
    """

    plan: Plan
    store: Store
    progress: Progress
    stop: Callable[[], bool]
    tracking: Tracking = field(default_factory=Tracking)


class Executor(Protocol):
    """Trains waves, and hands over their runs to be committed."""

    @property
    def machine(self) -> Hardware:
        """What one wave trains on."""
        ...

    @property
    def devices(self) -> str:
        """All that it trains on, in words."""
        ...

    def train(self, assignment: SweepContext, works: Sequence[Work]) -> Iterator[list[FinishedRun]]:
        """Train waves: the runs of each as soon as it is done.

        Raises:
            RunsFailed: at the end, when some could not be trained.
            Interrupted: when an end was asked for; what was trained is kept.
        """
        ...


@contextlib.contextmanager
def executor_of(sweep: Sweep) -> Iterator[Executor]:
    """What a sweep's config chooses, ready to train.

    Raises:
        ConfigError: when the cluster is not there or cannot train, or `ray` is not installed.
    """
    if sweep.executor.kind == "local":
        yield Local(start_devices(sweep.training.shares))
        return
    if is_multiprocess():
        raise ConfigError(
            "executor.kind: ray starts its own processes; leave out --join and launch"
        )
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(
            "executor.kind: ray needs the package ray: pip install 'epiplexity-jax[ray]', "
            "or use local"
        )
    _set_up_ray(sweep.executor)
    from epiplexity_jax.executors.ray_driver import joined

    with joined(sweep) as cluster:
        yield cluster


def address_of(options: ExecutorOptions) -> str:
    """Of the Ray cluster; LOCAL for one of this machine's own."""
    return options.address or os.environ.get("RAY_ADDRESS") or LOCAL


def _set_up_ray(options: ExecutorOptions) -> None:
    """Set what Ray reads from the environment as it is imported, where the user has not."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address_of(options) == LOCAL and "ray" not in sys.modules:
        # Keeps other users of the machine out; Ray would write a token into the home directory.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", uuid.uuid4().hex)


@dataclass(frozen=True)
class Local:
    """One wave after the other, on devices that all processes of this sweep share."""

    own: Sequence[Any]

    @property
    def machine(self) -> Hardware:
        """What these devices are."""
        return Hardware.of(self.own, alone=not is_multiprocess())

    @property
    def devices(self) -> str:
        """Their number and kind."""
        return described(self.own)

    def train(self, assignment: SweepContext, works: Sequence[Work]) -> Iterator[list[FinishedRun]]:
        """See `Executor`."""
        plan, stop = assignment.plan, assignment.stop
        checkpoints = Checkpoints(assignment.store.path / CHECKPOINTS, plan.sweep.checkpoints)
        tracking = assignment.tracking
        around = WaveContext(self.own, assignment.progress, stop, checkpoints, tracking)
        together = isinstance(plan.family, DeviceFamily)  # else one process counts alone
        for work in works:
            yield train_wave(plan, work, around)
            if all_gather_ints([stop()]).any() if together else stop():
                raise Interrupted
