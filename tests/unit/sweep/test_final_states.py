"""Final states of finished runs: the longest is continued, and takes the place of the shorter."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.store import Store
from epiplexity_jax.sweep import final_states
from tests.unit.store.stored import make_history, make_row
from tests.unit.sweep.plans import plan_of


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "store", create=True)


def run_of(steps):
    return plan_of(training={"steps": steps, "batch_size": 4}).runs[0]


def state_of(steps):
    return {"weights": np.full(3, float(steps), np.float32)}


LIKE = jax.eval_shape(lambda: state_of(0))


def commit(store, steps, **changes):
    """Commit a run of so many steps, with its state."""
    run = run_of(steps)
    row = make_row(run.run_id, lineage=run.lineage, steps=steps, steps_done=steps, **changes)
    store.commit(row, make_history())
    final_states.keep(store, run, state_of(steps))
    return run


def found(store, run):
    return final_states.longest_shorter(run, list(store.finished().values()), store.path)


def test_the_longest_run_whose_state_is_there_is_continued(store):
    assert found(store, run_of(30)) is None
    commit(store, 20)
    commit(store, 10)
    assert found(store, run_of(30))["steps"] == 20
    assert found(store, run_of(20))["steps"] == 20  # for what its end is asked for
    assert found(store, run_of(15))["steps"] == 10
    assert found(store, run_of(5)) is None
    other = dataclasses.replace(run_of(30), row=plan_of(seed=1).runs[0].row)
    assert found(store, other) is None


def test_steps_of_shorter_runs_are_behind_those_that_continue_them(store):
    commit(store, 20)
    long, short = run_of(30), run_of(5)
    assert final_states.begun([long, short], store) == {long.run_id: 20}


def test_a_diverged_run_is_not_continued(store):
    commit(store, 10, status="diverged")
    assert found(store, run_of(30)) is None


def test_a_state_is_restored_with_its_history_and_replaces_shorter_ones(store):
    short = commit(store, 10)
    long = commit(store, 20)
    assert not final_states.state_folder(store.path, short.run_id).exists()
    row = store.finished()[long.run_id]
    restored = final_states.restore(store, row, LIKE)
    assert (restored.iteration, restored.seconds) == (20, 0.0)
    np.testing.assert_array_equal(restored.state["weights"], np.full(3, 20.0))
    record: Any = restored.record
    np.testing.assert_array_equal(record["step"], make_history()["step"])


def test_a_damaged_state_is_none(store):
    run = commit(store, 10)
    for file in final_states.state_folder(store.path, run.run_id).rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    assert final_states.restore(store, store.finished()[run.run_id], LIKE) is None
