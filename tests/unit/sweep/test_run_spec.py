"""Runs of a plan, as later stages see them."""

from epiplexity_jax.families.spec import Size
from tests.unit.sweep.plans import plan_of


def test_runs_of_one_shape_share_a_cohort():
    plan = plan_of(family={"kind": "transformer", "widths": [8, 16], "depths": [1], "seeds": 2})
    cohorts = {run.size: {r.cohort for r in plan.runs if r.size == run.size} for run in plan.runs}
    assert [len(found) for found in cohorts.values()] == [1, 1]
    assert len(set.union(*cohorts.values())) == 2


def test_a_step_counts_inputs_and_labels():
    run = plan_of().runs[0]
    assert run.tokens_per_step == 4 * 17  # a start token stands before the 16
    assert (run.run_id, run.lineage) == (run.row["run_id"], run.row["lineage"])


def test_a_run_can_be_resized_and_keeps_its_source_rate_and_seed():
    plan = plan_of()
    run, size = plan.runs[1], Size.of(width=32, depth=2)
    other = plan.trainer.resize(run, size)
    assert (other.size, other.dataset, other.seed) == (size, run.dataset, run.seed)
    assert other.learning_rate == run.learning_rate
    assert other.cost.params > run.cost.params
    assert other.run_id != run.run_id
