"""Jobs of the engine, made of runs and their wave."""

import numpy as np

from epiplexity_jax.checkpoints.keeper import Restored
from epiplexity_jax.sweep.cohort_job import cohort_job
from epiplexity_jax.sweep.fit_memory import MemoryFit
from epiplexity_jax.sweep.hardware import DeviceLayout
from epiplexity_jax.sweep.wave import Wave
from tests.unit.sweep.plans import plan_of


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
    assert plain.model is runs[0].device_program.model


def test_flops_are_those_that_the_config_asks_for():
    for flops in ("declared", "compiled"):
        training = {"steps": 8, "batch_size": 4, "flops": flops}
        run = plan_of(training=training).runs[0]
        job = cohort_job([run], Wave((run.run_id,), 8, fit=MemoryFit(4, False, None, None)))
        assert job.accounting.cost == run.cost
        assert (run.cost == job.model.cost) == (flops == "declared")
