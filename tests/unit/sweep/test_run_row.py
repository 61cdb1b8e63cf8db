"""Rows of runs: all that the store asks for, from the plan and from the end."""

import json

import numpy as np

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.engine.recorder import Outcome
from epiplexity_jax.store.schema import RUNS
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.run_row import finished_row, planned_row
from tests.unit.sweep.plans import plan_of


def test_an_ended_run_has_every_column_of_the_store():
    plan = plan_of()
    (wave, *_) = plan.trainer.waves(plan.runs, {}, Hardware(1, "cpu"))
    run = plan.trainer.runs[wave.run_ids[0]]
    row = finished_row(run, wave, Outcome(RunStatus.DIVERGED, "step 3", 2), 1.5)
    columns = {column.name: column for column in RUNS}
    del columns["config"]  # which the store names
    assert set(row) == set(columns)
    assert not [name for name in columns if row[name] is None and not columns[name].null]
    assert (row["status"], row["message"], row["steps_done"]) == ("diverged", "step 3", 2)
    layout = json.loads(row["layout"])
    assert (layout["members"], layout["data_devices"], layout["platform"]) == (1, 1, "cpu")
    assert layout["microbatch"] == wave.fit.microbatch


def test_a_planned_row_counts_tokens_of_a_step_and_of_the_held_out_set():
    plan = plan_of()
    run = plan.runs[0]
    row = planned_row(plan.sweep, run.dataset, run.size, run.cost, plan.recipes.given)
    assert row.items() <= run.row.items()
    assert (row["label_tokens_per_step"], row["train_tokens_per_step"]) == (4 * 16, 4 * 17)
    assert (row["width"], row["depth"], row["order"]) == (16, 1, None)
    assert row["heldout_tokens"] == run.dataset.layout.sequences * 16
    assert (row["heldout_split"], row["heldout_verbatim_share"]) == (None, None)
    assert row["heldout_exchangeable"]


def test_a_row_has_the_share_of_held_out_windows_that_training_reads(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("It was the best of times. " * 400, encoding="ascii")
    book = {"kind": "text", "path": str(path), "length": 16}
    row = plan_of(sources={"book": book}).runs[0].row
    assert (row["heldout_split"], row["heldout_verbatim_share"]) == ("windows", 1.0)
    assert row["heldout_exchangeable"]
    path.write_bytes(np.random.default_rng(0).bytes(16 * 400))
    row = (
        plan_of(sources={"book": book | {"alphabet": "bytes"}}, heldout={"split": "documents"})
        .runs[0]
        .row
    )
    assert (row["heldout_split"], row["heldout_verbatim_share"]) == ("documents", 0.0)
    assert not row["heldout_exchangeable"]
