"""Train a wave on a node of a Ray cluster, as everywhere else."""

import contextlib
import dataclasses
import os
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import ConfigError, DataError, EpiplexityError
from epiplexity_jax.checkpoints.keeper import CHECKPOINTS, Checkpoints
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.executors.ray_progress import REPORTER
from epiplexity_jax.runtime.devices import describe_devices, start_task_devices
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import Plan, Trials, make_plan
from epiplexity_jax.sweep.progress import Silent
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.wave import FinishedRun, Wave, WaveContext

_EVERY = 0.5  # seconds between two reports
_HERE = socket.gethostname()


class TaskResources(NamedTuple):
    """The part of a node that a task takes."""

    devices: int
    on_cpu: bool  # the devices are cores
    together: bool  # the config has them share batches
    version: str = __version__  # of the package where the sweep was started

    def __str__(self) -> str:
        return f"{self.devices} {'CPU cores' if self.on_cpu else 'GPUs'}"


@dataclass(frozen=True)
class SweepPayload:
    """Payload that all tasks of a sweep share."""

    sweep: Sweep  # with sources and models that were given in Python
    trials: Trials | None  # recipes that are tried in place of its members
    resources: TaskResources
    folder: Path  # that paths of the config begin in
    store: Path  # a folder that a node may see or not
    holder: bytes  # content of the store's lock while the starting process has it


def look(resources: TaskResources) -> tuple[Hardware, str]:
    """Describe the devices of a task, for planning and in words.

    Raises:
        ConfigError: when the node has another version of this package, or no devices.
    """
    devices = _devices(resources)
    hardware = Hardware.of(devices, alone=False)
    return dataclasses.replace(hardware, devices=()), describe_devices(devices)  # none can be sent


def train(
    number: int, wave: Wave, payload: list[ray.ObjectRef], actor: Any
) -> list[FinishedRun] | None:
    """Train a wave from its last checkpoint, on whichever node this is.

    Args:
        number: the wave's number, for reports.
        wave: the wave to train.
        payload: a reference to `SweepPayload`, in a list so that a worker fetches it once.
        actor: a `ProgressActor`.

    Returns:
        Its runs, or None when the sweep was stopped.

    Raises:
        EpiplexityError: when the workers of this wave were lost too often.
    """
    attempt = _fetched(actor.begin.remote(number))
    if not attempt:
        return None
    agreed, plan, devices = _opened(payload[0])
    retries = agreed.sweep.executor.most_retries
    if attempt > retries + 1:  # Ray itself would never give up on one that lacks memory
        raise EpiplexityError(f"its worker was lost {attempt - 1} times")
    runs = _runs(plan, wave)
    store = Store(agreed.store)
    seen = store.is_held_by(agreed.holder)
    checkpoints = Checkpoints(
        agreed.store / CHECKPOINTS if seen else None,
        agreed.sweep.checkpoints,
        lambda: store.is_held_by(agreed.holder),
    )
    with _Watch(actor, number) as watch, contextlib.suppress(Interrupted):
        later, messages = plan.trainer.restore_wave(wave, checkpoints)
        if not seen:
            unseen = f"{agreed.store}: cannot be seen on {_HERE}: "
            messages = [f"{unseen}waves that train there are not kept before their end", *messages]
        for text in messages:
            watch.message(text)
        steps = wave.steps_left - later.steps_left
        watch.advance(steps, steps * runs[0].tokens_per_step, {})
        if attempt > 1:
            watch.message(
                f"{runs[0].label}: its worker was lost; going on from step {later.start} "
                f"on {_HERE}, attempt {attempt} of {retries + 1}"
            )
        return plan.trainer.train(later, WaveContext(devices, watch, watch.stops, checkpoints))
    return None


def _runs(plan: Plan, wave: Wave) -> list[RunSpec]:
    """Find the wave's runs in a plan that this node has made itself."""
    if not set(wave.run_ids) <= set(plan.trainer.runs):
        raise DataError(
            f"{_HERE}: a source or a model is not what it is where the sweep was "
            "started; have the same files and packages everywhere"
        )
    return [plan.trainer.runs[i] for i in wave.run_ids]


def _fetched(reference: ray.ObjectRef) -> Any:
    """Fetch a reference's value in a thread: a main thread that waits would lend its cores."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ray.get, reference).result()


def _devices(resources: TaskResources) -> list[Any]:
    if resources.version != __version__:
        raise ConfigError(
            f"{_HERE}: has epiplexity-jax {__version__}, and the sweep was started by "
            f"{resources.version}; install one version everywhere"
        )
    cores = resources.devices if resources.on_cpu else None
    devices = start_task_devices(cores, resources.together)
    if not resources.on_cpu and devices[0].platform == "cpu":
        raise ConfigError(
            f"{_HERE}: has GPUs, but JAX finds none; install epiplexity-jax[cuda] there, or start "
            "the sweep with JAX_PLATFORMS=cpu"
        )
    return devices


@lru_cache(maxsize=1)
def _opened(payload: ray.ObjectRef) -> tuple[SweepPayload, Plan, list[Any]]:
    agreed = _fetched(payload)
    with contextlib.suppress(OSError):  # where the folder is missing, its files are said to be
        os.chdir(agreed.folder)
    devices = _devices(agreed.resources)
    return agreed, make_plan(agreed.sweep, devices[0].platform, agreed.trials), devices


class _Watch(Silent):
    """Progress of a wave, reported to the actor by a thread; its answer is whether to stop.

    The process that started the sweep counts and commits the runs.
    """

    def __init__(self, actor: Any, wave: int):
        self._actor, self._wave = actor, wave
        self._steps = self._tokens = 0
        self._losses: Mapping[str, float] = {}
        self._stopping, self._over = False, threading.Event()
        self._thread = threading.Thread(target=self._report, name=REPORTER, daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def advance(self, member_steps: int, tokens: int, losses: Mapping[str, float]) -> None:
        """Add to what is reported next."""
        self._steps += member_steps
        self._tokens += tokens
        self._losses = losses

    def message(self, text: str) -> None:
        """Send at once."""
        self._actor.message.remote(text)

    def stops(self) -> bool:
        """Return True once the sweep was stopped, or the process that could stop it is gone."""
        return self._stopping

    def _report(self) -> None:
        over = False
        while not over and not self._stopping:
            over = self._over.wait(_EVERY)  # the last numbers are reported, too
            answer = self._actor.report.remote(self._wave, self._steps, self._tokens, self._losses)
            try:
                self._stopping = bool(ray.get(answer))
            except RayError:
                self._stopping = True
