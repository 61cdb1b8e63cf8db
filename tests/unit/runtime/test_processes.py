"""What processes agree on, asked of one that is alone or is told what others say."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from epiplexity_jax.runtime import processes
from epiplexity_jax.runtime.devices import cache_compilations
from epiplexity_jax.sweep.hardware import Hardware


def test_one_process_is_told_what_it_says():
    assert processes.all_gather_ints([2**40 + 1, False]).tolist() == [[2**40 + 1, 0]]


def test_numbers_are_told_whole(monkeypatch):
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: True)
    said = [[2**40 + 1, True], [-1, False], [7, True]]

    def gathered(own):
        assert own.dtype == np.uint8  # JAX would make 64 bits 32
        return np.stack([own, *(np.array(other, np.int64).view(np.uint8) for other in said[1:])])

    monkeypatch.setattr("jax.experimental.multihost_utils.process_allgather", gathered)
    assert processes.all_gather_ints(said[0]).tolist() == said


def test_a_machine_has_the_memory_of_its_smallest_device(monkeypatch):
    def device(process, stats):
        return SimpleNamespace(platform="gpu", process_index=process, memory_stats=stats)

    def refuse():
        raise AssertionError("asked of another process's device")

    devices = [device(1, refuse), device(0, lambda: {"bytes_limit": 2000})]
    assert Hardware.of(devices).memory_bytes == 2000
    monkeypatch.setattr(
        "epiplexity_jax.sweep.hardware.all_gather_ints",
        lambda own: np.array([own, [1000]]),
    )
    assert Hardware.of(devices).memory_bytes == 1000


def test_what_the_runtime_says_of_a_loss_is_said_in_a_line(monkeypatch):
    error = jax.errors.JaxRuntimeError("UNKNOWN: Gloo failed: Read timeout\nat some place")
    assert processes.peer_failure(error) is None  # of one process there is no other
    monkeypatch.setattr(processes, "is_multiprocess", lambda: True)
    assert processes.peer_failure(error) == "UNKNOWN: Gloo failed: Read timeout"
    assert processes.peer_failure(ValueError("no loss")) is None


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


def test_processes_that_wait_are_given_a_sign_every_minute(monkeypatch):
    now, said = [0.0], []
    answers = iter([[[0], [0]], [[0], [0]], [[1], [0]]])
    monkeypatch.setattr(processes, "is_multiprocess", lambda: True)
    monkeypatch.setattr(processes, "is_main_process", lambda: False)
    monkeypatch.setattr(processes.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(
        processes, "all_gather_ints", lambda own: said.append(own) or np.array(next(answers))
    )
    work = processes.MainProcessWork()
    for now[0] in (1.0, 59.0, 61.0, 62.0):
        work.beat()
    assert said == [[False]]
    work.done()  # waits through one more sign for the end
    assert said == [[False]] * 3
