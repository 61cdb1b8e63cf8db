"""What processes agree on, asked of one that is alone or is told what others say."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.sweep.fitting import Machine
from epiplexity_jax.training import pace, processes
from epiplexity_jax.training.devices import cache_compilations


def test_one_process_is_told_what_it_says():
    assert processes.numbers_told(2**40 + 1).tolist() == [2**40 + 1]
    assert processes.told([True, False]).tolist() == [[True, False]]


def test_numbers_are_told_whole(monkeypatch):
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: True)
    said = [2**40 + 1, -1, 7]

    def gathered(own):
        assert (own.dtype, own.shape) == (np.uint8, (8,))  # JAX would make 64 bits 32
        others = [np.frombuffer(np.int64(n).tobytes(), np.uint8) for n in said[1:]]
        return np.stack([own, *others])

    monkeypatch.setattr("jax.experimental.multihost_utils.process_allgather", gathered)
    assert processes.numbers_told(said[0]).tolist() == said


def test_the_loop_is_cut_by_the_clock_of_the_leader(monkeypatch):
    """Else one process would ask the others something while they still train."""
    asked = []

    def told(number):
        asked.append(number)
        return np.array([3, number])

    monkeypatch.setattr(pace, "numbers_told", told)
    own = pace.Pace()
    for _ in range(4):
        own.give(jnp.zeros(()), 1)
    assert own.steps == 3
    assert asked == [4, 12]  # it would go four times as far, as nothing takes no time


def test_a_machine_has_the_memory_of_its_smallest_device(monkeypatch):
    monkeypatch.setattr("epiplexity_jax.sweep.fitting.numbers_told", lambda n: np.array([n, 1000]))
    assert Machine.of(jax.devices()).memory_bytes == 1000


def test_what_the_runtime_says_of_a_loss_is_said_in_a_line(monkeypatch):
    error = jax.errors.JaxRuntimeError("UNKNOWN: Gloo failed: Read timeout\nat some place")
    assert processes.loss(error) is None  # of one process there is no other
    monkeypatch.setattr(processes, "several", lambda: True)
    assert processes.loss(error) == "UNKNOWN: Gloo failed: Read timeout"
    assert processes.loss(ValueError("no loss")) is None


@pytest.mark.parametrize(("platform", "keeps"), [("cpu", False), ("gpu", True)])
def test_processes_keep_compiled_programs_where_they_come_back_as_they_were(
    monkeypatch, platform, keeps
):
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(jax, "local_devices", lambda: [SimpleNamespace(platform=platform)])
    kept = jax.config.jax_enable_compilation_cache
    try:
        cache_compilations()
        assert jax.config.jax_enable_compilation_cache is (kept and keeps)
    finally:
        jax.config.update("jax_enable_compilation_cache", kept)
