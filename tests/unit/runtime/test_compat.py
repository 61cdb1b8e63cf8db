"""Options of XLA and settings of JAX that releases need."""

import jax
import jax.numpy as jnp
import pytest

from epiplexity_jax.runtime import compat


@pytest.fixture
def _anew():
    compat.compiler_options.cache_clear()
    yield
    compat.compiler_options.cache_clear()


@pytest.mark.usefixtures("_anew")
@pytest.mark.skipif(not jax.__version__.startswith("0.10."), reason="other kernels elsewhere")
def test_programs_for_cpus_hold_no_library_kernels(monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)

    def compiled(options):
        def work(x):
            return jnp.square(x @ x).sum(-1)

        return jax.jit(work, compiler_options=options).lower(jnp.ones((64, 64))).compile()

    assert "ynn" in compiled(None).as_text()
    assert "ynn" not in compiled(compat.compiler_options("cpu")).as_text()


@pytest.mark.usefixtures("_anew")
def test_flags_of_the_user_are_left_alone(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_experimental_ynn_fusion_type=")
    assert compat.compiler_options("cpu") is None


@pytest.mark.usefixtures("_anew")
def test_a_release_that_does_not_know_an_option_does_without(monkeypatch):
    monkeypatch.setattr(compat, "_NO_LIBRARY_KERNELS", {"xla_cpu_no_such_option": ""})
    assert compat.compiler_options("cpu") is None


def test_accelerators_are_left_alone():
    assert compat.compiler_options("gpu") is None


@pytest.mark.parametrize(
    ("version", "platform", "shares", "turned_off"),
    [
        ("0.10.2", "cpu", False, False),
        ("0.11.0", "cpu", False, True),
        ("0.11.0", "cpu", True, False),
        ("0.11.0", "gpu", False, False),
    ],
)
def test_the_older_partitioner_is_for_one_release(
    monkeypatch, version, platform, shares, turned_off
):
    monkeypatch.setattr(jax, "__version__", version)
    found = compat.needed_settings(platform, shares).get("jax_use_shardy_partitioner")
    assert found == (False if turned_off else None)
