"""Devices of this process, the limits of its host, and JAX's compilation cache."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

from epiplexity_jax.runtime.compat import needed_settings

_CONFIG: Any = jax.config  # type checkers do not know its settings
_CGROUP = Path("/sys/fs/cgroup")
_MAPPINGS, _MOST_MAPPINGS = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
_FORCED = "xla_force_host_platform_device_count"
_CACHE_BYTES = 2 << 30  # the programs used least recently go first


def cpu_cores() -> int:
    """Count the CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def host_memory() -> int:
    """Bytes that this process may use of its host: all of it, or the limit of its control group."""
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
    """Return whether this process holds half of the memory mappings that Linux allows it.

    On CPUs XLA maps a compiled program in hundreds of places, and cannot compile without.
    """
    try:
        most = int(_MOST_MAPPINGS.read_text())
        with _MAPPINGS.open("rb") as lines:
            return 2 * sum(1 for _ in lines) > most
    except (OSError, ValueError):  # no Linux
        return False


def configure_process() -> None:
    """Configure JAX for a process that is ours: the command line's, or a worker's.

    Settings and the environment of somebody else's program stay as they are: `open_devices`.
    """
    one_device_per_core()
    cache_compilations()


def one_device_per_core() -> None:
    """Make one host device per CPU core, so that members train side by side.

    Does nothing once JAX has started a backend, or where the number was chosen already.
    """
    if not _is_count_chosen():
        _make_devices(cpu_cores())


def cache_compilations() -> None:
    """Keep compiled programs in the user's cache folder, up to 2 GiB.

    A folder that was chosen otherwise, as by JAX_COMPILATION_CACHE_DIR, stays, with its own limit.
    Several processes on CPUs keep none, see `compat.needed_settings`.
    """
    if jax.distributed.is_initialized():
        _update(needed_settings(jax.local_devices()[0].platform))
    if _CONFIG.jax_compilation_cache_dir is not None:
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "epiplexity_jax" / "programs"
    # JAX orders entries by a second file. One that a killed process left without would keep JAX
    # from storing anything more.
    for entry in folder.glob("*-cache"):
        if not entry.with_name(entry.name.removesuffix("-cache") + "-atime").exists():
            entry.unlink(missing_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", _CACHE_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@contextlib.contextmanager
def open_devices(shares: bool) -> Iterator[list[Any]]:
    """Start JAX where it has not started, and set for a while what training on its devices needs.

    What it needs depends on whether the devices will share batches.

    Yields:
        The devices that the program has, of all processes.
    """
    devices = _start(shares)
    with jax_settings(needed_settings(devices[0].platform, shares)):
        yield devices


def start_task_devices(cores: int | None, shares: bool) -> list[Any]:
    """Configure and start the devices of a worker, which has a part of its machine.

    They are cores of the CPU, or (None) the accelerators that the process sees.
    """
    if cores is not None:
        jax.config.update("jax_platforms", "cpu")
        if _FORCED not in os.environ.get("XLA_FLAGS", ""):
            _make_devices(cores)
    configure_process()
    devices = _start(shares)
    _update(needed_settings(devices[0].platform, shares))
    return devices[:cores]


def only_cpu() -> bool:
    """Return whether JAX is restricted to the CPU."""
    return _CONFIG.jax_platforms == "cpu"


def describe_devices(devices: Sequence[Any]) -> str:
    """Describe devices by number and kind, as "2 x cpu"."""
    return f"{len(devices)} x {devices[0].device_kind}"


def idle_cores_warning(devices: Sequence[Any]) -> str | None:
    """Return a warning where one CPU device leaves cores idle and nobody chose it."""
    if len(devices) != 1 or devices[0].platform != "cpu" or cpu_cores() == 1 or _is_count_chosen():
        return None
    return (
        f"JAX has 1 CPU device on {cpu_cores()} cores; call epx.training.one_device_per_core() "
        "before the first JAX computation to train members side by side"
    )


@contextlib.contextmanager
def jax_settings(values: dict[str, Any]) -> Iterator[None]:
    """Change settings of JAX, and restore them at the end."""
    before = {name: getattr(jax.config, name) for name in values}
    _update(values)
    try:
        yield
    finally:
        _update(before)


@contextlib.contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment that are not set, and remove them at the end."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def spare_threads() -> contextlib.AbstractContextManager[None]:
    """Give XLA threads to spare, where it starts in here.

    A CPU device that waits for another inside of a program holds a thread; with as many threads as
    cores none may be left for the one that is waited for. XLA reads the number as it starts.
    """
    return environment({"NPROC": str(max(64, 8 * cpu_cores()))})


def _start(shares: bool) -> list[Any]:
    with spare_threads() if shares else contextlib.nullcontext():
        return jax.devices()


def _is_count_chosen() -> bool:
    forced = _FORCED in os.environ.get("XLA_FLAGS", "") or "JAX_NUM_CPU_DEVICES" in os.environ
    return forced or _CONFIG.jax_num_cpu_devices > 0


def _make_devices(count: int) -> None:
    with contextlib.suppress(RuntimeError):  # a backend is running: its devices are what there is
        jax.config.update("jax_num_cpu_devices", count)


def _update(values: dict[str, Any]) -> None:
    for name, value in values.items():
        jax.config.update(name, value)
    if "jax_enable_compilation_cache" in values:
        compilation_cache.reset_cache()  # else the first program that was compiled has decided
