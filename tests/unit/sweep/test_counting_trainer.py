"""Counts: one run at a time on the host, never restored."""

import jax
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.checkpoints.keeper import Checkpoints
from epiplexity_jax.checkpoints.options import CheckpointOptions
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.store import Store
from epiplexity_jax.sweep import counting_trainer
from epiplexity_jax.sweep.hardware import Hardware
from tests.unit.sweep.contexts import Counter, wave_context
from tests.unit.sweep.plans import plan_of


@pytest.fixture
def plan():
    return plan_of(family={"kind": "ngram", "orders": [1], "seeds": 2})


def test_every_run_is_a_wave_and_begins_anew(plan, tmp_path):
    waves = plan.trainer.waves(plan.runs, {}, Hardware(2, "cpu"))
    assert [wave.run_ids for wave in waves] == [(run.run_id,) for run in plan.runs]
    checkpoints = Checkpoints(tmp_path, CheckpointOptions())
    assert plan.trainer.restore(plan.runs, checkpoints, Store(tmp_path)) == ({}, [])
    assert plan.trainer.restore_wave(waves[0], checkpoints) == (waves[0], [])


def test_a_run_is_coded_to_its_end(plan):
    progress = Counter()
    (wave, *_) = plan.trainer.waves(plan.runs, {}, Hardware(1, "cpu"))
    (ended,) = plan.trainer.train(wave, wave_context(progress))
    assert (progress.steps, progress.tokens) == (8, 8 * plan.runs[0].tokens_per_step)
    assert (ended.row["status"], ended.row["steps_done"], ended.state) == ("finished", 8, None)


def test_a_run_that_is_stopped_ends(plan):
    (wave, *_) = plan.trainer.waves(plan.runs, {}, Hardware(1, "cpu"))
    with pytest.raises(Interrupted):
        plan.trainer.train(wave, wave_context(Counter(), stop=lambda: True))


def test_a_wave_is_timed(plan):
    (wave, *_) = plan.trainer.waves(plan.runs, {}, Hardware(1, "cpu"))
    timing = plan.trainer.time(wave, jax.devices()[:1])
    assert (timing.compile_seconds, timing.rescore_seconds, timing.memory_bytes) == (0, 0, None)
    assert min(timing.step_seconds, timing.record_seconds) > 0


def test_a_batch_beyond_the_hosts_memory_is_refused(plan, monkeypatch):
    tokens = plan.runs[0].batch_size * plan.runs[0].dataset.task.total_tokens
    for there, refused in ((tokens * 100, False), (tokens * 10, True)):
        monkeypatch.setattr(counting_trainer, "host_memory", lambda there=there: there)
        caught = None
        try:
            plan.trainer.waves(plan.runs, {}, Hardware(1, "cpu"))
        except ConfigError as error:
            caught = str(error)
        assert bool(caught) == refused
        assert not refused or "take a shorter length" in caught
