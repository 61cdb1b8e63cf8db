"""Training of waves on devices: progress, rows, checkpoints that are gone on from."""

import jax
import numpy as np
import pytest

from epiplexity_jax.checkpoints.keeper import Checkpoints, Restored
from epiplexity_jax.checkpoints.options import CheckpointOptions
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.device_trainer import cohort_job
from epiplexity_jax.sweep.fit_memory import MemoryFit
from epiplexity_jax.sweep.hardware import DeviceLayout, Hardware
from epiplexity_jax.sweep.wave import Wave
from tests.unit.sweep.contexts import Counter, wave_context
from tests.unit.sweep.plans import plan_of


@pytest.fixture(scope="module")
def plan():
    noise = {"noise": {"kind": "noise", "vocab_size": 4, "length": 16}}
    family = {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 2}
    return plan_of(sources=noise, family=family, training={"steps": 6, "batch_size": 4})


def test_a_wave_trains_to_its_end_and_reports_every_step(plan):
    progress = Counter()
    (wave, *_) = plan.trainer.waves(plan.runs, {}, Hardware(1, "cpu"))
    (ended,) = plan.trainer.train(wave, wave_context(progress))
    run = plan.trainer.runs[wave.run_ids[0]]
    assert (progress.steps, progress.tokens) == (6, 6 * run.tokens_per_step)
    assert set(progress.losses) == {run.label}
    assert (ended.row["status"], ended.row["steps_done"]) == ("finished", 6)
    assert ended.history["step"][-1] == 6
    assert ended.state is not None


def test_a_stopped_wave_goes_on_from_its_checkpoint(plan, tmp_path):
    (wave, *_) = plan.trainer.waves(plan.runs, {}, Hardware(1, "cpu"))
    with pytest.raises(Interrupted):
        plan.trainer.train(wave, wave_context(Counter(), tmp_path, stop=lambda: True))
    checkpoints = Checkpoints(tmp_path, CheckpointOptions())
    later, damaged = plan.trainer.restore_wave(wave, checkpoints)
    assert damaged == []
    assert 0 < later.start < 6
    assert set(later.restored) == set(wave.run_ids)
    store = Store.open(tmp_path / "store", create=True)
    restored, damaged = plan.trainer.restore(plan.runs, checkpoints, store)
    assert (set(restored), damaged) == (set(wave.run_ids), [])
    starts = [found.start for found in plan.trainer.waves(plan.runs, restored, Hardware(1, "cpu"))]
    assert starts == [later.start, 0]  # those that have least to do first


def test_a_wave_is_timed(plan):
    (wave, *_) = plan.trainer.waves(plan.runs, {}, Hardware(1, "cpu"))
    timing = plan.trainer.time(wave, jax.devices()[:1])
    assert timing.step_seconds > timing.data_seconds > 0
    assert timing.rescore_seconds == 0


def test_members_follow_the_wave_and_go_on_where_they_were_kept():
    runs = plan_of(platform="gpu").runs[:2]
    ids = tuple(run.run_id for run in runs)
    history = {"step": np.arange(3)}
    restored = {ids[1]: Restored(3, {"w": 1}, history, 5.0)}
    fit = MemoryFit(2, True, 2, None)
    layout = DeviceLayout(data=2, shard_state=True)
    wave = Wave(ids, 8, 2, layout, fit, start=3, restored=restored)
    job = cohort_job(runs, wave)
    program = job.program
    assert (program.microbatch, program.scored, program.shard_state) == (2, 2, True)
    assert job.start == 3
    assert (job.batch_size, job.steps, job.max_iterations) == (4, 8, 8)
    assert job.model.remat
    assert [member.seed for member in job.members] == [run.seed for run in runs]
    assert [member.resume for member in job.members] == [None, ({"w": 1}, history)]
    plain = cohort_job(runs, Wave(ids, 8, fit=fit._replace(remat=False)))
    assert plain.model is runs[0].program.model

    assert plain.model is runs[0].program.model


def test_flops_are_those_that_the_config_asks_for():
    for flops in ("declared", "compiled"):
        training = {"steps": 8, "batch_size": 4, "flops": flops}
        run = plan_of(training=training).runs[0]
        job = cohort_job([run], Wave((run.run_id,), 8, fit=MemoryFit(4, False, None, None)))
        assert job.accounting.cost == run.cost
        assert (run.cost == job.model.cost) == (flops == "declared")
