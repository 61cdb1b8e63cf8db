"""Settings that releases of JAX and XLA need for programs to be right or fast."""

import functools
import os
from typing import Any

import jax
import jax.numpy as jnp

# For some reductions and products XLA calls library kernels, which wait for threads that other
# devices hold and are slower at small widths than what it compiles by itself.
_NO_LIBRARY_KERNELS = {"xla_cpu_experimental_ynn_fusion_type": ""}

# Settings that decide which numbers a key draws, at JAX's own values: a run id names one stream.
_RANDOM = {
    "jax_default_prng_impl": "threefry2x32",
    "jax_enable_x64": False,
    "jax_random_seed_offset": 0,
    "jax_threefry_partitionable": True,
}


@functools.cache
def compiler_options(platform: str) -> dict[str, str] | None:
    """Options of XLA for a cohort's programs on a platform; see `jax.jit`.

    None where XLA_FLAGS set one of them already.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if platform != "cpu" or any(name in flags for name in _NO_LIBRARY_KERNELS):
        return None
    try:
        jax.jit(lambda x: x, compiler_options=_NO_LIBRARY_KERNELS).lower(jnp.zeros(())).compile()
    except jax.errors.JaxRuntimeError:  # a release that does not know the option
        return None
    return _NO_LIBRARY_KERNELS


def needed_settings(platform: str, shares: bool = True) -> dict[str, Any]:
    """Settings of JAX, by name, that training needs; some only where devices share batches."""
    settings = {name: value for name, value in _RANDOM.items() if hasattr(jax.config, name)}
    # XLA of jax 0.11 crashes compiling requential training for several cores. Where devices share
    # nothing, the older partitioner, which it still has, comes to the same program.
    if platform == "cpu" and not shares and jax.__version__.startswith("0.11."):
        settings["jax_use_shardy_partitioner"] = False
    # XLA of jax 0.10 orders collectives, but in a program for CPUs that comes from the cache their
    # order inside and outside of a conditional or a loop is lost, and processes that take different
    # orders deadlock.
    if platform == "cpu" and jax.distributed.is_initialized():
        settings["jax_enable_compilation_cache"] = False
    return settings
