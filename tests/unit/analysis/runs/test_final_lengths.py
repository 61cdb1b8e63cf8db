"""Lengths of a run's final model; tests/unit/test_results.py compares them with its row's."""

from epiplexity_jax.analysis.runs.final_lengths import final_lengths, run_row
from epiplexity_jax.store import StoredRun
from tests.unit.store.stored import make_history, make_row


def test_a_diverged_run_has_no_lengths():
    run = StoredRun(make_row(status="diverged", steps_done=5), make_history())
    row = run_row(run, 1e6)
    assert (row["model_bits"], row["data_bits"], row["mdl_bits"]) == (None, None, None)
    assert row["train_tokens"] == 5 * 132
    assert final_lengths(run.row, run.history, None) == {"model_bits": None}
