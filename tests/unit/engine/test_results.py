"""Results on their way from the devices: fetched with a lag, reported and tracked in order."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.engine.results import CohortResults
from epiplexity_jax.engine.state import StepInfo, StepStatus
from tests.unit.engine.jobs import BATCH, job_of
from tests.unit.engine.toys import cycle

JOB = job_of(cycle(), [0, 1], steps=4)
GRID = np.array([0, 1, 2, 4])
NO_ENDS, ENDS = np.zeros(2, bool), np.ones(2, bool)
S = JOB.layout.eval_batch_size


def info_of(loss, status=StepStatus.OK):
    """A chunk [C, T] of which one step ran; the second member's outcome is given."""
    statuses = jnp.array([[StepStatus.OK, 2], [status, 2]], jnp.int32)
    losses = jnp.full((2, 2, BATCH), loss / BATCH)
    return StepInfo(jnp.full((2, 2), loss), jnp.zeros((2, 2)), statuses, losses)


def scored(count=1):
    return [jnp.full((2, 2, S), 1.0 + i) for i in range(count)]


def test_record_points_wait_until_enough_are_behind_them():
    tracked = []
    results = CohortResults(JOB, GRID, None, lambda i, row: tracked.append((i, row["step"])))
    for step in (0, 1, 2):
        results.add_record(step, scored(), True, NO_ENDS)
    assert results.fetch(lag=2)
    assert tracked == [(0, 0), (1, 0)]
    results.fetch(lag=0)
    assert tracked == [(i, step) for step in (0, 1, 2) for i in (0, 1)]


def test_steps_that_the_throttle_waited_for_are_fetched_whatever_the_lag():
    reported = []
    results = CohortResults(JOB, GRID, lambda *report: reported.append(report), None)
    for loss in (8.0, 16.0, 32.0):
        results.add_steps(1, info_of(loss))
    results.fetch(lag=2)
    labels = BATCH * 16
    assert reported == [(2, [8.0 / labels] * 2)]  # two more are on the devices
    results.fetch(lag=0)
    assert [losses[0] * labels for _, losses in reported] == [8.0, 16.0, 32.0]


def test_a_member_that_is_not_finite_is_reported_so_and_the_rest_goes_on():
    reported = []
    results = CohortResults(JOB, GRID, lambda *report: reported.append(report), None)
    results.add_record(0, scored(), True, NO_ENDS)
    results.add_steps(1, info_of(8.0, StepStatus.NOT_FINITE))
    assert results.fetch(lag=0)
    assert not math.isnan(reported[0][1][0])
    assert math.isnan(reported[0][1][1])
    results.add_record(1, scored(2), True, ENDS)
    assert not results.fetch(lag=0)
    assert results.any_finished
    one, other = results.finish(jax.tree.map(np.asarray, {"w": np.arange(2)}))
    assert (str(one.outcome.status), str(other.outcome.status)) == ("finished", "diverged")
    assert (one.state["w"], other.state["w"]) == (0, 1)
    assert one.history["heldout_loss_nats"][-1] == pytest.approx(1.5 / 16)  # of both eval batches
