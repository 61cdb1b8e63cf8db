"""Devices: one host device per CPU core, and the persistent compilation cache."""

import contextlib
import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

_CGROUP = Path("/sys/fs/cgroup")
_MAPPINGS, _MOST_MAPPINGS = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
_FORCED = "xla_force_host_platform_device_count"
# For some reductions and products XLA calls library kernels, which wait for threads that other
# devices hold and are slower at small widths than what it compiles by itself.
_OWN_CODE = {"xla_cpu_experimental_ynn_fusion_type": ""}


def cpu_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def host_memory() -> int:
    """Bytes that this process may use of its host: all of it, or what its control group has."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([whole, *_limits()])


def _limits(groups: Path = Path("/proc/self/cgroup"), root: Path = _CGROUP) -> Iterator[int]:
    """Memory limits of the control groups that this process is in, of either version."""
    lines = groups.read_text().splitlines() if groups.exists() else []
    for number, kinds, name in (line.split(":", 2) for line in lines):
        if kinds and "memory" not in kinds.split(","):
            continue
        place, file = root / kinds, "memory.limit_in_bytes"
        if number == "0":
            place, file = root, "memory.max"
        own = place / name.lstrip("/")
        for folder in (own, *own.parents):  # a container sees its group as the root
            with contextlib.suppress(OSError, ValueError):  # no such folder, or no limit
                yield int((folder / file).read_text())


def near_map_count_limit() -> bool:
    """Whether this process holds half of the memory mappings that Linux lets it have.

    On CPUs XLA maps a compiled program in hundreds of places, and cannot compile without.
    """
    try:
        most = int(_MOST_MAPPINGS.read_text())
        with _MAPPINGS.open("rb") as lines:
            return 2 * sum(1 for _ in lines) > most
    except (OSError, ValueError):  # no Linux
        return False


def one_device_per_core() -> None:
    """Make one host device per CPU core, so that members train side by side.

    Does nothing once JAX has started a backend, or where the number was chosen already.
    """
    chosen = _FORCED in os.environ.get("XLA_FLAGS", "")
    chosen |= "JAX_NUM_CPU_DEVICES" in os.environ
    if chosen or _setting("jax_num_cpu_devices") > 1:
        return
    _make_devices(cpu_cores())


def start_devices(shares: bool) -> list[Any]:
    """All devices, started: every core of a CPU, with the persistent compilation cache.

    Args:
        shares: whether devices will share batches.
    """
    if shares:
        raise_xla_thread_count()
    one_device_per_core()
    cache_compilations()
    devices = jax.devices()
    # XLA of this release dies compiling requential training for several cores. Where devices share
    # nothing the older partitioner, which it still has, comes to the same program.
    if jax.__version__.startswith("0.11.") and devices[0].platform == "cpu" and not shares:
        jax.config.update("jax_use_shardy_partitioner", False)
    return devices


def start_share(cores: int | None, shares: bool) -> list[Any]:
    """The devices of a process that was given a part of its machine.

    Args:
        cores: of the CPU; None: the accelerators that the process sees.
        shares: whether devices will share batches.
    """
    if cores is not None:
        use_cpu()
        if _FORCED not in os.environ.get("XLA_FLAGS", ""):
            _make_devices(cores)
    return start_devices(shares)[:cores]


def only_cpu() -> bool:
    """Whether JAX was told to use the CPU alone."""
    return _setting("jax_platforms") == "cpu"


def use_cpu() -> None:
    """Let JAX use the CPU alone, unless it has started on other devices."""
    jax.config.update("jax_platforms", "cpu")


def described(devices: Sequence[Any]) -> str:
    """Number and kind of devices, as "2 x cpu"."""
    return f"{len(devices)} x {devices[0].device_kind}"


def raise_xla_thread_count() -> None:
    """Give XLA threads to spare, for cores that wait for each other inside of a program.

    A device of the CPU that waits for another holds a thread; with as many threads as cores none
    may be left for the one that is waited for. Does nothing once JAX has started a backend.
    """
    os.environ.setdefault("NPROC", str(max(64, 8 * cpu_cores())))


def cache_compilations() -> None:
    """Keep compiled programs in the user's cache folder, unless the user chose another place.

    Several processes on CPUs keep none. XLA of jax 0.10 puts what devices tell each other in order,
    but in a program for CPUs that comes from the cache the order of what is inside of a conditional
    or a loop and what is outside is lost, and processes that take different orders wait for each
    other for ever.
    """
    if jax.distributed.is_initialized() and jax.local_devices()[0].platform == "cpu":
        jax.config.update("jax_enable_compilation_cache", False)
        return
    if _setting("jax_compilation_cache_dir") is not None:
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(home / "epiplexity_jax" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@functools.cache
def compiler_options(platform: str) -> dict[str, str] | None:
    """What XLA is told when it compiles a cohort's programs for a platform; see `jax.jit`.

    Nothing where XLA_FLAGS say something of it already.
    """
    if platform != "cpu" or any(name in os.environ.get("XLA_FLAGS", "") for name in _OWN_CODE):
        return None
    try:
        jax.jit(lambda x: x, compiler_options=_OWN_CODE).lower(jnp.zeros(())).compile()
    except jax.errors.JaxRuntimeError:  # a release that does not know the option
        return None
    return _OWN_CODE


def _make_devices(count: int) -> None:
    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:  # a backend is running: its devices are what there is
        return


def _setting(name: str) -> Any:
    return getattr(jax.config, name)
