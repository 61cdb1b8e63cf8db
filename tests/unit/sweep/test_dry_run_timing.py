"""Times of a cohort from a few of its own steps."""

import jax

from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.sweep.device_trainer import cohort_job
from epiplexity_jax.sweep.dry_run_timing import time_cohort
from epiplexity_jax.sweep.hardware import Hardware
from tests.unit.sweep.plans import plan_of


def test_every_part_takes_time_and_scoring_again_only_where_it_is_asked():
    found = {}
    for variant in ("paired", "exact"):
        plan = plan_of(estimator={"kind": "prequential", "variant": variant})
        (wave, *_) = plan.trainer.waves(plan.runs, {}, Hardware(1, "cpu"))
        job = cohort_job([plan.trainer.runs[i] for i in wave.run_ids], wave)
        found[variant] = time_cohort(job, member_mesh(jax.devices()[:1]))
        timing = found[variant]
        assert min(timing.step_seconds, timing.data_seconds, timing.record_seconds) > 0
        assert timing.step_seconds > timing.data_seconds
        assert timing.heldout_seconds == timing.record_seconds * job.layout.eval_batches
    assert found["paired"].rescore_seconds == 0 < found["exact"].rescore_seconds
