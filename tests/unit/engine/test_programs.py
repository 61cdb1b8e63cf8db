"""Compiled loops against the plain loop, and how often they compile."""

import functools
import sys
from pathlib import Path

import jax
import jax.monitoring
import numpy as np
import pytest

from epiplexity_jax.engine import programs
from epiplexity_jax.engine.programs import (
    compile_programs,
)
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.runtime import devices
from tests.unit.engine.jobs import STEPS, advance_all, job_of, mesh_of, twin
from tests.unit.engine.toys import cycle


@pytest.mark.parametrize(
    ("labels", "members", "devices"),
    [
        ("all", 1, 1),
        ("all", 4, 2),
        ("second half", 4, 2),
    ],
)
@pytest.mark.as_users
def test_engine_equals_the_plain_loop(labels, members, devices):
    source, _, runs = twin(labels)
    job = job_of(source, range(members))
    sums, variances, states = advance_all(job, mesh_of(devices), [(0, 1), (1, 20), (20, STEPS)])
    for seed in range(members):
        expected, expected_var, ema, params = runs[seed]
        np.testing.assert_allclose(sums[seed, :5], expected[:5], rtol=1e-6)
        np.testing.assert_allclose(sums[seed], expected, rtol=1e-4)
        # The first batch's losses are all ln V: their variance is 0 up to rounding.
        np.testing.assert_allclose(variances[seed, :5], expected_var[:5], rtol=1e-3, atol=1e-8)
        own = jax.tree.map(lambda leaf, seed=seed: leaf[seed], (states.ema, states.params))
        for got, want in zip(jax.tree.leaves(own), jax.tree.leaves((ema, params)), strict=True):
            np.testing.assert_allclose(got, want, atol=2e-3)


def test_microbatches_change_rounding_only():
    source, _, runs = twin("all")
    job = job_of(source, range(2), microbatch=2)
    sums, variances, _ = advance_all(job, mesh_of(2), [(0, STEPS)])
    for seed in range(2):
        np.testing.assert_allclose(sums[seed, :5], runs[seed][0][:5], rtol=1e-6)
        np.testing.assert_allclose(sums[seed], runs[seed][0], rtol=1e-4)
        np.testing.assert_allclose(variances[seed, :5], runs[seed][1][:5], rtol=1e-3)


def test_a_second_chunk_of_another_length_compiles_nothing():
    compiled = []

    def listen(event, duration, **_):
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    job = job_of(cycle(), range(2), steps=40)
    mesh = mesh_of(2)
    train_cohort(job, mesh)
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        train_cohort(job_of(cycle((2, 3)), range(2), steps=47), mesh)
        assert compiled == []
        jax.jit(lambda x: x * 3.25 + 1.125)(np.float32(1.0))
        assert len(compiled) == 1, "the listener must see compilations"
    finally:
        jax.monitoring.clear_event_listeners()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="counted by Linux")
def test_programs_are_let_go_before_memory_mappings_run_out(monkeypatch, tmp_path):
    most = tmp_path / "max_map_count"
    monkeypatch.setattr(devices, "_MOST_MAPPINGS", most)
    fresh = functools.lru_cache(compile_programs.__wrapped__)  # other tests keep theirs
    for module in (programs, sys.modules[train_cohort.__module__]):
        monkeypatch.setattr(module, "compile_programs", fresh)

    def mappings_behind(microbatch):
        train_cohort(job_of(cycle(), range(1), steps=2, microbatch=microbatch), mesh_of(1))
        return len(Path("/proc/self/maps").read_text().splitlines())

    most.write_text("1000000\n")
    assert not devices.near_map_count_limit()
    mappings_behind(2)
    two = mappings_behind(4)
    assert fresh.cache_info().currsize == 2
    most.write_text("10\n")
    assert devices.near_map_count_limit()
    assert mappings_behind(1) < two - 100
    assert fresh.cache_info().currsize == 1
