"""What runs on a node of a Ray cluster: a wave, trained as everywhere else."""

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
from epiplexity_jax.checkpoints.keeper import CHECKPOINTS, Checkpoints, Restored
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.runtime.devices import described, start_share
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.sweep.fit_memory import Hardware, MemoryFit
from epiplexity_jax.sweep.pack_waves import Wave
from epiplexity_jax.sweep.plan import Plan, make_plan
from epiplexity_jax.sweep.run_model import state_like
from epiplexity_jax.sweep.train_wave import (
    FinishedRun,
    WaveContext,
    Work,
    member_steps,
    tokens_per_step,
    train_wave,
)

_EVERY = 0.5  # seconds between two reports
_HERE = socket.gethostname()


class Share(NamedTuple):
    """The part of a node that a task takes.

    Attributes:
        devices: how many.
        on_cpu: whether they are cores.
        together: whether they are told to share batches.
    """

    devices: int
    on_cpu: bool
    together: bool

    def __str__(self) -> str:
        return f"{self.devices} {'CPU cores' if self.on_cpu else 'GPUs'}"


@dataclass(frozen=True)
class SweepPayload:
    """What all tasks of a sweep have in common.

    Attributes:
        sweep: its config, with sources and models that were given in Python.
        share: of a node.
        folder: that paths of the config begin in.
        store: its folder, which a node may see or not.
        holder: what its lock says while the starting process has it.
    """

    sweep: Sweep
    share: Share
    folder: Path
    store: Path
    holder: bytes


class WavePayload(NamedTuple):
    """A wave for a task: its runs by id, the rest as in `Wave` and `Work`."""

    number: int
    run_ids: tuple[str, ...]
    slots: int
    data: int
    spreads: bool
    fit: MemoryFit | None
    start: int
    kept: Mapping[str, Restored]


def look(version: str, share: Share) -> tuple[Hardware, str]:
    """What a task has to train on, with a word for it.

    Raises:
        ConfigError: when the node has another version of this package, or no devices.
    """
    devices = _devices(version, share)
    machine = Hardware.of(devices, alone=False)
    return dataclasses.replace(machine, hardware=()), described(devices)  # no device can be sent


def train(
    order: WavePayload, version: str, terms: list[ray.ObjectRef], board: Any
) -> list[FinishedRun] | None:
    """Train a wave from its last checkpoint, on whichever node this is.

    Args:
        order: the wave.
        version: of the package that gave it.
        terms: a reference to `SweepPayload`, in a list so that a worker fetches it once.
        board: a `ProgressActor`.

    Returns:
        Its runs, or None when an end was asked for.
    """
    attempt = _fetched(board.begin.remote(order.number))
    if not attempt:
        return None
    agreed, plan, devices = _opened(version, terms[0])
    retries = agreed.sweep.executor.most_retries
    if attempt > retries + 1:  # Ray itself would never give up on one that lacks memory
        raise EpiplexityError(f"its worker was lost {attempt - 1} times")
    store = Store(agreed.store)
    seen = store.is_held_by(agreed.holder)
    checkpoints = Checkpoints(
        agreed.store / CHECKPOINTS if seen else None,
        agreed.sweep.checkpoints,
        lambda: store.is_held_by(agreed.holder),
    )
    first = _work(plan, order)
    with _Watch(board, order.number) as watch, contextlib.suppress(Interrupted):
        if not seen:
            watch.message(
                f"{agreed.store}: cannot be seen on {_HERE}: waves that train there are not kept "
                "before their end"
            )
        work = _later(plan, first, checkpoints, watch)
        steps = member_steps(plan, first) - member_steps(plan, work)
        watch.advance(steps, steps * tokens_per_step(plan, work.wave), {})
        if attempt > 1:
            watch.message(
                f"{work.wave.runs[0].label}: its worker was lost; going on from step {work.start} "
                f"on {_HERE}, attempt {attempt} of {retries + 1}"
            )
        return train_wave(plan, work, WaveContext(devices, watch, watch.stops, checkpoints))
    return None


def _fetched(reference: ray.ObjectRef) -> Any:
    """What a reference stands for; a main thread that waits would lend its cores to others."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ray.get, reference).result()


def _devices(version: str, share: Share) -> list[Any]:
    if version != __version__:
        raise ConfigError(
            f"{_HERE}: has epiplexity-jax {__version__}, and the sweep was started by {version}; "
            "install one version everywhere"
        )
    devices = start_share(share.devices if share.on_cpu else None, share.together)
    if not share.on_cpu and devices[0].platform == "cpu":
        raise ConfigError(
            f"{_HERE}: has GPUs, but JAX finds none; install epiplexity-jax[cuda] there, or start "
            "the sweep with JAX_PLATFORMS=cpu"
        )
    return devices


@lru_cache(maxsize=1)
def _opened(version: str, terms: ray.ObjectRef) -> tuple[SweepPayload, Plan, list[Any]]:
    agreed = _fetched(terms)
    with contextlib.suppress(OSError):  # where the folder is missing, its files are said to be
        os.chdir(agreed.folder)
    devices = _devices(version, agreed.share)
    return agreed, make_plan(agreed.sweep, agreed.share.on_cpu), devices


def _work(plan: Plan, order: WavePayload) -> Work:
    runs = {run.run_id: run for run in plan.runs}
    if not set(order.run_ids) <= set(runs):
        raise DataError(
            f"{_HERE}: a source or a model is not what it is where the sweep was "
            "started; have the same files and packages everywhere"
        )
    members = tuple(runs[i] for i in order.run_ids)
    wave = Wave(members, order.slots, order.data, order.spreads, order.fit)
    return Work(wave, order.start, order.kept)


def _later(plan: Plan, work: Work, checkpoints: Checkpoints, watch: "_Watch") -> Work:
    """The work that an earlier attempt has left."""
    if not isinstance(plan.family, DeviceFamily):
        return work
    ids = [run.run_id for run in work.wave.runs]
    kept, damaged = checkpoints.find_wave(ids, lambda _: state_like(plan, work.wave.runs[0]))
    for sentence in damaged:
        watch.message(sentence)
    if not kept or kept[ids[0]].iteration <= work.start:
        return work
    return Work(work.wave, kept[ids[0]].iteration, kept)


class _Watch:
    """A wave's progress and stop, told to the board every now and then by a thread."""

    def __init__(self, board: Any, wave: int):
        self._board, self._wave = board, wave
        self._steps = self._tokens = 0
        self._losses: Mapping[str, float] = {}
        self._stopping, self._over = False, threading.Event()
        self._thread = threading.Thread(target=self._tell, name="board", daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def advance(self, member_steps: int, tokens: int, losses: Mapping[str, float]) -> None:
        """See `Progress`."""
        self._steps += member_steps
        self._tokens += tokens
        self._losses = losses

    def message(self, text: str) -> None:
        """See `Progress`."""
        self._board.say.remote(text)

    def stops(self) -> bool:
        """Whether an end was asked for, or who could ask is gone."""
        return self._stopping

    def _tell(self) -> None:
        over = False
        while not over and not self._stopping:
            over = self._over.wait(_EVERY)  # what comes last is told, too
            told = self._board.tell.remote(self._wave, self._steps, self._tokens, self._losses)
            try:
                self._stopping = bool(ray.get(told))
            except RayError:
                self._stopping = True

    def start(self, runs: int, finished: int, member_steps: int) -> None:
        """Nothing: the starting process knows."""

    def run_done(self, row: Mapping[str, Any]) -> None:
        """Nothing: the starting process commits."""

    def close(self) -> None:
        """Nothing."""
