"""Oracles train for long: the engine's programs are compiled with more care than elsewhere."""

import functools
import os

import jax
import pytest

from epiplexity_jax.engine import programs


class Careful:
    """JAX, whose programs LLVM makes at level 1: that takes longer, and they run twice as fast."""

    jit = staticmethod(
        functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 1})
    )

    def __getattr__(self, name):
        return getattr(jax, name)


@pytest.fixture(scope="module", autouse=True)
def _compiled_for_long_runs():
    if os.environ.get("COMPILE_AS") == "users":
        yield
        return
    programs.compile_programs.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "jax", Careful())
        yield
    programs.compile_programs.cache_clear()  # other tests compare bits with other processes'
