"""Several processes that train one sweep: how they join, and what they exchange.

All run the same program on the same data. The main process, number 0, alone writes and logs.
"""

import contextlib
import functools
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Int64

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.runtime.devices import cache_compilations, one_device_per_core, spare_threads
from epiplexity_jax.runtime.rendezvous import rendezvous

LOST = 3  # exit status of a process that lost another
RESUMES = "; the same command resumes"  # the end of its message
LAUNCHER = "EPIPLEXITY_JAX_LAUNCHER"  # in the environment: the launcher's process id
_BEAT = 60.0  # seconds between two signs of work
_LOOK = 1.0  # seconds between two looks whether the launcher is there
_SECONDS = 120  # that a process waits for the others
_PLACE = re.compile(r"(?P<process>\d+)/(?P<processes>\d+)@(?P<host>[^\s:]+):(?P<port>\d+)")
_MPI = "OMPI_COMM_WORLD_SIZE"


def exit_with_parent() -> None:
    """End as on SIGTERM once the launcher that started this process, if any, is gone."""
    launcher = int(os.environ.get(LAUNCHER, "0"))

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(_LOOK)
        os.kill(os.getpid(), signal.SIGTERM)

    if launcher:
        threading.Thread(target=watch, name="launcher", daemon=True).start()


def join(place: str | None) -> None:
    """Join the other processes, if there are any; before any device is used.

    Args:
        place: "I/N@HOST:PORT": this is process I, from 0, of N, and process 0 listens at HOST:PORT.
            None: as the cluster's environment says, see `is_one_of_several`.

    Raises:
        ConfigError: when the place is malformed or the others do not connect in time. Where those
            of a cluster do not, JAX's runtime ends the process itself.
    """
    if place is None:
        if is_one_of_several(os.environ):
            _initialise()
        return
    found = _PLACE.fullmatch(place)
    if found is None or not int(found["process"]) < int(found["processes"]):
        raise ConfigError(f"--join: expected I/N@HOST:PORT with I from 0 to N-1, got {place!r}")
    process, processes, port = (int(found[name]) for name in ("process", "processes", "port"))
    rendezvous(found["host"], port, process, processes, _SECONDS)
    _initialise(f"{found['host']}:{port}", processes, process)


def is_one_of_several(environment: Mapping[str, str]) -> bool:
    """Return whether SLURM, Open MPI, an indexed Kubernetes job or a TPU pod started this process.

    >>> is_one_of_several({"SLURM_STEP_NUM_TASKS": "8"}), is_one_of_several({})
    (True, False)
    """
    counts = (environment.get(name, "1") for name in ("SLURM_STEP_NUM_TASKS", _MPI))
    hosts = environment.get("TPU_WORKER_HOSTNAMES", "").split(",")
    return (
        any(count.isdecimal() and int(count) > 1 for count in counts)
        or ("JOB_COMPLETION_INDEX" in environment and "KUBERNETES_SERVICE_HOST" in environment)
        or len(hosts) > 1
    )


def _initialise(*place: Any) -> None:
    one_device_per_core()  # too late once the processes are connected
    # Else SIGTERM never reaches Python, and nothing could be kept.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        with spare_threads():
            jax.distributed.initialize(*place, initialization_timeout=_SECONDS)
            cache_compilations()  # before anything compiles
        with redirect_stdout_to_stderr():
            barrier()  # while none is far behind, see `warm_up_collectives`
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"the processes do not find each other: {error}") from None


@functools.cache
def warm_up_collectives(mesh: Mesh) -> None:
    """Run a collective over each axis of a mesh and over all; before its devices are at work.

    On CPUs the first collective of a group of devices times out after half a minute, later ones
    after half an hour. Processes that compile, each for itself, can be half a minute apart.
    """
    if not is_multiprocess():
        return
    axes = mesh.axis_names

    def sums() -> list[jax.Array]:
        here = jax.lax.axis_index(axes)
        return [jax.lax.psum(here, over) for over in (*axes, axes)]

    everywhere = PartitionSpec()
    sharded = jax.shard_map(sums, mesh=mesh, in_specs=(), out_specs=everywhere, check_vma=False)
    compiled = jax.jit(sharded).lower().compile()
    barrier()
    jax.block_until_ready(compiled())


def is_multiprocess() -> bool:
    """Return whether this process has joined others."""
    return jax.distributed.is_initialized()


def is_main_process() -> bool:
    """Return whether this process writes and logs."""
    return not is_multiprocess() or jax.process_index() == 0


@contextlib.contextmanager
def redirect_stdout_to_stderr() -> Iterator[None]:
    """Redirect output that libraries print to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def peer_failure(error: Exception) -> str | None:
    """First line of an error that the loss of another process may have caused, else None."""
    if not (is_multiprocess() and isinstance(error, jax.errors.JaxRuntimeError)):
        return None
    return str(error).partition("\n")[0]


def fetch_global(tree: Any) -> Any:
    """Fetch a pytree of device arrays to the host, whole in every process."""
    if all(leaf.is_fully_addressable for leaf in jax.tree.leaves(tree)):
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)


def all_gather_ints(values: Sequence[int]) -> Int64[np.ndarray, "processes values"]:
    """Gather integers of every process, on all of them. All must call it, in the same order."""
    own = np.array(values, np.int64)
    if not is_multiprocess():
        return own[None]
    gathered = multihost_utils.process_allgather(own.view(np.uint8))  # JAX's integers have 32 bits
    return np.asarray(gathered).view(np.int64)


def barrier() -> None:
    """Wait until every process has called this."""
    all_gather_ints([True])


class MainProcessWork:
    """Work of the main process alone, for which the others wait.

    A collective gives up after half an hour, so the main process calls `beat` meanwhile.
    """

    def __init__(self) -> None:
        self._last = time.monotonic()

    def beat(self) -> None:
        """Let the others wait on; a collective once a minute, nothing in between."""
        if is_multiprocess() and time.monotonic() - self._last > _BEAT:
            all_gather_ints([False])
            self._last = time.monotonic()

    def beating(self, stop: Callable[[], bool]) -> Callable[[], bool]:
        """Make of a function that is called between steps one that beats each time."""

        def asked() -> bool:
            self.beat()
            return stop()

        return asked

    def done(self) -> None:
        """End the work in the main process; in the others wait for that end."""
        while not all_gather_ints([is_main_process()]).any():
            pass
