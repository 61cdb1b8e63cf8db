"""Several processes that train one sweep: which of them leads, and what they agree on.

All run the same program on the same data. The leader, process 0, alone writes and speaks.
"""

import contextlib
import functools
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.runtime.devices import (
    cache_compilations,
    one_device_per_core,
    raise_xla_thread_count,
)
from epiplexity_jax.runtime.rendezvous import rendezvous

LOST = 3  # exit status of a process that lost another
RESUMES = "; the same command resumes"  # how it ends what it says of that
LAUNCHER = "EPIPLEXITY_JAX_LAUNCHER"  # in the environment: its process
_LOOK = 1.0  # seconds between two looks whether it is there
_SECONDS = 120  # that a process waits for the others to come
_PLACE = re.compile(r"(?P<process>\d+)/(?P<processes>\d+)@(?P<host>[^\s:]+):(?P<port>\d+)")
_MPI = "OMPI_COMM_WORLD_SIZE"


def exit_with_parent() -> None:
    """Where a launcher started this process, end as on SIGTERM when that is gone, however."""
    launcher = int(os.environ.get(LAUNCHER, "0"))

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(_LOOK)
        os.kill(os.getpid(), signal.SIGTERM)

    if launcher:
        threading.Thread(target=watch, name="launcher", daemon=True).start()


def join(place: str | None) -> None:
    """Join the others, where there are any; before any device is used.

    Args:
        place: "I/N@HOST:PORT": this is process I, from 0, of N, and process 0 listens at HOST:PORT.
            None: what the cluster's environment says, see `is_one_of_several`.

    Raises:
        ConfigError: when the place is malformed or the others do not come to it. Where a cluster's
            do not, JAX's runtime ends the process itself.
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
    _initialise(
        coordinator_address=f"{found['host']}:{port}",
        num_processes=processes,
        process_id=process,
    )


def is_one_of_several(environment: Mapping[str, str]) -> bool:
    """Whether SLURM (`srun`), Open MPI, an indexed Kubernetes job or a TPU pod started this one.

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


def _initialise(**options: Any) -> None:
    raise_xla_thread_count()
    one_device_per_core()  # which is too late once the processes have met
    # Else SIGTERM never reaches Python, and nothing could be kept.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(initialization_timeout=_SECONDS, **options)
        cache_compilations()  # before anything compiles
        with redirect_stdout_to_stderr():
            barrier()  # while none is far behind, see `warm_up_collectives`
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"the processes do not find each other: {error}") from None


@functools.cache
def warm_up_collectives(mesh: Mesh) -> None:
    """Let the devices of a mesh meet, over each axis and all together; before they are at work.

    On CPUs the first of a group of devices to talk waits half a minute for the others, and half an
    hour whenever they talk again. Processes that compile, each for itself, can be half a minute
    apart.
    """
    if not is_multiprocess():
        return
    axes = mesh.axis_names

    def sums() -> list[jax.Array]:
        here = jax.lax.axis_index(axes)
        return [jax.lax.psum(here, over) for over in (*axes, axes)]

    everywhere = PartitionSpec()
    met = jax.shard_map(sums, mesh=mesh, in_specs=(), out_specs=everywhere, check_vma=False)
    ready = jax.jit(met).lower().compile()
    barrier()
    jax.block_until_ready(ready())


def is_multiprocess() -> bool:
    """Whether this process has joined others."""
    return jax.distributed.is_initialized()


def is_main_process() -> bool:
    """Whether this process writes and speaks."""
    return not jax.distributed.is_initialized() or jax.process_index() == 0


@contextlib.contextmanager
def redirect_stdout_to_stderr() -> Iterator[None]:
    """Let what libraries print, between processes, go to standard error."""
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
    """What the runtime says, in a line, where an error may come of another process that is gone."""
    if not (is_multiprocess() and isinstance(error, jax.errors.JaxRuntimeError)):
        return None
    return str(error).partition("\n")[0]


def fetch_global(tree: Any) -> Any:
    """Host arrays of a pytree of device arrays, whole in every process."""
    if all(leaf.is_fully_addressable for leaf in jax.tree.leaves(tree)):
        return jax.device_get(tree)
    from jax.experimental.multihost_utils import process_allgather

    return process_allgather(tree, tiled=True)


def all_gather_ints(values: Sequence[int]) -> np.ndarray:
    """What every process says: [processes, values] int64. All must call it, and in one order."""
    own = np.array(values, np.int64)
    if not is_multiprocess():
        return own[None]
    from jax.experimental.multihost_utils import process_allgather

    return np.asarray(process_allgather(own.view(np.uint8))).view(np.int64)  # JAX's have 32 bits


def barrier() -> None:
    """Wait for all others to come here."""
    all_gather_ints([True])
