"""Runs of a plan, as later stages see them."""

import pytest

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
    assert run.device_program is run.program


def test_counts_have_no_program_of_devices():
    run = plan_of(family={"kind": "ngram", "orders": [1]}).runs[0]
    with pytest.raises(AssertionError):
        _ = run.device_program
