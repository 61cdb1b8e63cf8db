"""Train waves as tasks of a Ray cluster; this process alone writes the store."""

import contextlib
import logging
import re
import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import ray
from ray import cloudpickle
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from epiplexity_jax.base.errors import ConfigError, EpiplexityError, RunsFailed
from epiplexity_jax.base.files import reason
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.executors import ray_worker
from epiplexity_jax.executors.ray_progress import LOCAL, ProgressActor, Update, address_of
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.runtime.devices import cpu_cores, jax_settings, only_cpu
from epiplexity_jax.sweep.config import ExecutorOptions, Sweep
from epiplexity_jax.sweep.executor import SweepContext
from epiplexity_jax.sweep.resolve import resolver_of
from epiplexity_jax.sweep.wave import FinishedRun, Wave

_POLL = 0.25  # seconds between two updates of the actor
_PATIENCE = 10.0  # seconds for a cluster to answer
_BUSY = 30.0  # seconds until one counts as busy
_PLACE = re.compile(r"(ray://)?(?P<host>[^/\s]+):(?P<port>\d+)")
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def joined(sweep: Sweep) -> Iterator["Cluster"]:
    """Connect to a config's cluster, or start one here; a connection that there is stays.

    Raises:
        ConfigError: when it cannot be reached, has no devices, or cannot train.
    """
    counts = resolver_of(open_family(sweep.family)).counts
    on_cpu = counts or only_cpu()
    ours = not ray.is_initialized()
    with jax_settings({"jax_platforms": "cpu"}):  # accelerators are for the tasks
        try:
            if ours:
                _connect(sweep.executor)
            yield Cluster(sweep, _resources(sweep, counts, on_cpu))
        finally:
            if ours:
                ray.shutdown()


class Cluster:
    """The executor of a Ray cluster (see `sweep.executor.Executor`).

    Raises:
        ConfigError: on construction, when no task of the cluster can find its devices.
    """

    def __init__(self, sweep: Sweep, resources: ray_worker.TaskResources):
        self._resources = resources
        count = {"num_cpus" if self._resources.on_cpu else "num_gpus": self._resources.devices}
        retries = sweep.executor.most_retries
        self._needs = {**count, "max_retries": retries, "retry_exceptions": False}
        looking = ray.remote(ray_worker.look).options(**self._needs).remote(self._resources)
        try:
            done, _ = ray.wait([looking], timeout=_BUSY)
            if not done:
                _log.warning(
                    "the Ray cluster is busy; waiting for a node with %s free", self._resources
                )
            self.hardware, words = ray.get(looking)
        except RayError as error:
            raise ConfigError(f"executor: {_reason(error)}") from None
        nodes = sum(node["Alive"] for node in ray.nodes())
        self.devices = f"{words} a task, on {nodes} Ray nodes"

    def train(self, context: SweepContext, waves: Sequence[Wave]) -> Iterator[list[FinishedRun]]:
        """See `Executor`."""
        node = _Node()
        here = NodeAffinitySchedulingStrategy(node.id, soft=False)
        actor = ray.remote(ProgressActor).options(num_cpus=0, scheduling_strategy=here).remote()
        watched = _Watched(context, waves, actor)
        payload = [self._payload(context)]
        train = ray.remote(ray_worker.train).options(**self._needs)
        waiting = {
            train.remote(number, wave, payload, actor): number for number, wave in enumerate(waves)
        }
        stopped = False
        try:
            while waiting:
                done, _ = ray.wait(list(waiting), timeout=_POLL)
                node.check()
                watched.look()
                if context.stop() and not stopped:
                    stopped, begun = True, ray.get(actor.stop.remote())
                    waiting = {task: number for task, number in waiting.items() if number in begun}
                for task in done:
                    number = waiting.pop(task, None)
                    if number is not None and (finished := watched.result(task, number)):
                        yield finished
        finally:
            for task in waiting:
                ray.cancel(task, force=True)
            ray.kill(actor)  # pyright: ignore[reportArgumentType] - a handle by another name
        if stopped:
            raise Interrupted
        watched.raise_failed()

    def _payload(self, context: SweepContext) -> ray.ObjectRef:
        """Put what all tasks share into the cluster's object store."""
        sweep, trials, store = context.plan.sweep, context.plan.trials, context.store
        payload = ray_worker.SweepPayload(
            sweep, trials, self._resources, Path.cwd(), store.path.resolve(), store.holder
        )
        try:
            return ray.put(payload)
        except Exception as error:  # noqa: BLE001 - whatever a user's class raises
            _blame(sweep, error)


class _Node:
    """The node of this process; Ray kills the process without a message where the node is lost."""

    def __init__(self) -> None:
        self.id = ray.get_runtime_context().get_node_id()
        (node,) = (node for node in ray.nodes() if node["NodeID"] == self.id)
        self._place = node["NodeManagerAddress"], node["NodeManagerPort"]
        self._near = self._listens()

    def check(self) -> None:
        """Raise RunsFailed when it is lost, before Ray notices."""
        if self._near and not self._listens():
            raise RunsFailed(
                "Ray has ended on this machine; finished runs are in the store, and the same "
                "command goes on"
            )

    def _listens(self) -> bool:
        try:
            socket.create_connection(self._place, timeout=_PATIENCE).close()
        except OSError:
            return False
        return True


class _Watched:
    """Waves that train elsewhere; forwards their progress."""

    def __init__(self, context: SweepContext, waves: Sequence[Wave], actor: Any):
        self._runs = context.plan.trainer.runs
        self._progress, self._tracking = context.progress, context.tracking
        self._waves, self._actor = waves, actor
        self._seen: dict[int, tuple[int, int]] = dict.fromkeys(range(len(waves)), (0, 0))
        self._said: set[str] = set()
        self._failed: list[str] = []
        self._lost = 0

    def look(self) -> None:
        """Forward what the tasks have reported to the actor."""
        new: Update = ray.get(self._actor.update.remote())
        for text in new.messages:
            self._say(text)
        for number, (steps, tokens, losses) in new.done.items():
            self._advance(number, steps, tokens, losses)

    def result(self, task: ray.ObjectRef, number: int) -> list[FinishedRun] | None:
        """Runs of a task that has ended; None where it failed or was stopped."""
        wave = self._waves[number]
        try:
            finished = ray.get(task)
        except RayError as error:
            more = len(wave.run_ids) - 1
            runs = self._runs[wave.run_ids[0]].label + (f" and {more} more" if more else "")
            self._say(f"{runs}: could not be trained: {_reason(error)}; the others go on")
            self._failed.append(f"{runs}: {_reason(error)}")
            self._lost += more + 1
            return None
        if finished is not None:
            self.look()
            self._advance(number, wave.steps_left, self._seen[number][1], {})
        return finished

    def raise_failed(self) -> None:
        """Raise RunsFailed where something failed."""
        if self._failed:
            more = f" and {len(self._failed) - 1} waves more" if len(self._failed) > 1 else ""
            raise RunsFailed(
                f"{self._lost} runs could not be trained ({self._failed[0]}{more}); the others are "
                "in the store, and the same command tries again"
            )

    def _advance(self, number: int, steps: int, tokens: int, losses: Mapping[str, float]) -> None:
        """Count new steps of a task; those that a retried task repeats were counted before."""
        before = self._seen[number]
        self._seen[number] = (max(before[0], steps), max(before[1], tokens))
        now = self._seen[number]
        if now != before:
            self._progress.advance(now[0] - before[0], now[1] - before[1], losses)
        if now[1] > before[1]:  # else steps that nobody takes
            self._tracking.advance(now[0] - before[0], now[1] - before[1])

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._progress.message(text)


def _connect(options: ExecutorOptions) -> None:
    """Connect to a cluster, or start one; signals stay as they are."""
    address = address_of(options)
    _knock(address)
    local: dict[str, Any] = {"include_dashboard": False, "num_cpus": cpu_cores()}
    own = local if address == LOCAL else {}
    main = threading.current_thread() is threading.main_thread()
    obeyed = signal.getsignal(signal.SIGTERM) if main else None
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        raise ConfigError(f"executor.address: {address}: {_first_line(error)}") from None
    finally:
        if main:
            signal.signal(signal.SIGTERM, obeyed)  # Ray's own handler ends without a word


def _knock(address: str) -> None:
    """Raise a ConfigError where no server listens at an address; Ray would try for minutes."""
    place = _PLACE.fullmatch(address)
    if place is None:
        return
    try:
        socket.create_connection((place["host"], int(place["port"])), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        unknown = isinstance(error, socket.gaierror)  # whose numbers are its own
        why = reason(error) if isinstance(error, OSError) and not unknown else error.args[-1]
        raise ConfigError(
            f"executor.address: {address}: no Ray cluster answers there: {why}"
        ) from None


def _resources(sweep: Sweep, counts: bool, on_cpu: bool) -> ray_worker.TaskResources:
    """Choose the part of a node that a task takes; raise a ConfigError when no node has it."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = [int(node["GPU"]) for node in nodes if node.get("GPU", 0) >= 1]
    cores = [int(node["CPU"]) for node in nodes if node.get("CPU", 0) >= 1]
    on_cpu = on_cpu or not gpus
    held, kind = (cores, "CPU cores") if on_cpu else (gpus, "GPUs")
    if not held:
        raise ConfigError("executor: no node of the Ray cluster has CPU cores or GPUs")
    if not on_cpu and sweep.training.flops == "compiled":
        raise ConfigError(
            "training.flops: the process that starts a sweep on Ray has no GPU to compile for; "
            "use declared"
        )
    wanted = sweep.executor.devices or min(held)
    if counts:
        wanted = 1  # on the host, one run at a time
    if wanted > max(held):
        raise ConfigError(
            f"executor.devices: {wanted} are more than the {max(held)} {kind} of the largest node"
        )
    return ray_worker.TaskResources(wanted, on_cpu, sweep.training.shares)


def _blame(sweep: Sweep, error: Exception) -> NoReturn:
    """Raise a ConfigError that names what cannot be pickled, or else the error."""
    named = {f"sources.{name}": source for name, source in sweep.sources.items()}
    for key, value in (named | {"family": sweep.family}).items():
        try:
            cloudpickle.dumps(value)  # pyright: ignore[reportPrivateImportUsage]
        except Exception as why:  # noqa: BLE001 - whatever a user's class raises
            raise ConfigError(
                f"{key}: cannot be sent to other processes: {_first_line(why)}; what is given in "
                "Python must be picklable, or use executor.kind local"
            ) from None
    raise error


def _reason(error: RayError) -> str:
    """Describe in a line why a task failed."""
    cause = error.cause if isinstance(error, RayTaskError) else None
    if cause is None:
        return f"its worker was lost: {_first_line(error)}"
    if isinstance(cause, EpiplexityError):
        return str(cause)
    _log.info("a task failed", exc_info=error)
    return f"{type(cause).__name__}: {_first_line(cause)}"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
