"""Devices: one host device per CPU core, and the persistent compilation cache."""

import os
from pathlib import Path
from typing import Any

import jax


def cpu_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def use_every_core() -> None:
    """Make one host device per CPU core, so that members train side by side.

    Does nothing once JAX has started a backend, or where the number was chosen already.
    """
    chosen = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    chosen |= "JAX_NUM_CPU_DEVICES" in os.environ
    if chosen or _setting("jax_num_cpu_devices") > 1:
        return
    try:
        jax.config.update("jax_num_cpu_devices", cpu_cores())
    except RuntimeError:  # a backend is running: its devices are what there is
        return


def let_devices_wait() -> None:
    """Give XLA threads to spare, for cores that wait for each other inside of a program.

    A device of the CPU that waits for another holds a thread; with as many threads as cores none
    may be left for the one that is waited for. Does nothing once JAX has started a backend.
    """
    os.environ.setdefault("NPROC", str(max(64, 8 * cpu_cores())))


def cache_compilations() -> None:
    """Keep compiled programs in the user's cache folder, unless the user chose another place."""
    if _setting("jax_compilation_cache_dir") is not None:
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(home / "epiplexity_jax" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _setting(name: str) -> Any:
    return getattr(jax.config, name)
