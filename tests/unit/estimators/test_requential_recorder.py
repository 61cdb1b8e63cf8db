"""The record of a requential run: sums of KL, certified bits, steps of a teacher that waits."""

import numpy as np
import pytest

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.coding import certified_length
from epiplexity_jax.engine.accounting import Accounting
from epiplexity_jax.engine.heldout import HeldoutLayout
from epiplexity_jax.engine.recorder import added
from epiplexity_jax.engine.state import StepStatus
from epiplexity_jax.estimators.requential_recorder import RequentialInfo, RequentialRecorder
from epiplexity_jax.families.spec import Cost, Task

TASK = Task(4, 8, (True,) * 8)
ACCOUNTING = Accounting(
    2, TASK, Cost(10, 60.0, 20.0), HeldoutLayout(3, 2, 1), num_weight_sets=4, sampling_passes=2
)
OK, WAITED, NOT_FINITE = StepStatus.OK, StepStatus.WAITED, StepStatus.NOT_FINITE
NOT_RUN = StepStatus.NOT_RUN


def info_of(*status):
    """Iterations with these outcomes; a teacher that waits has no loss."""
    values = np.random.default_rng(3).random((9, len(status))).astype(np.float32)
    status, losses = np.array(status, np.int32), np.zeros((len(status), 2), np.float32)
    info = RequentialInfo(*values, status, losses, losses, losses)
    waits = info.status == WAITED
    info.teacher_loss[waits] = 0.0
    info.teacher_loss_var[waits] = 0.0
    return info


def losses(value=1.0):
    return np.full((4, 1, 6), value, np.float32)


def recorded(*status, last=False):
    recorder = RequentialRecorder(ACCOUNTING)
    recorder.add_record(0, losses())
    info = info_of(*status)
    recorder.add_steps(*info)
    recorder.add_record(len(status), losses(), last)
    return recorder, info


def test_sums_tokens_and_flops_count_iterations_and_the_teacher_s_steps():
    recorder, info = recorded(OK, WAITED, OK, OK)
    row = recorder.rows[-1]
    for column, values in (
        ("kl_sum_nats", info.kl), ("kl_raw_sum_var", info.kl_raw_var),
        ("log_ratio_sum_nats", info.log_ratio), ("student_loss_sum_nats", info.student_loss),
        ("online_loss_sum_nats", info.teacher_loss[[0, 2, 3]]),
    ):  # fmt: skip
        assert row[column] == added(0.0, values)
    assert row["certified_sum_bits"] == pytest.approx(certified_length(info.kl)[-1], rel=1e-12)
    assert (row["train_tokens"], row["teacher_tokens"]) == (4 * 18, 3 * 18)
    scored = 2 * 4 * 6 * 9 * 20.0  # two record points, four sets of weights
    assert row["spent_flops"] == 72 * (60.0 + 3 * 20.0) + 54 * 60.0 + scored
    assert recorder.last_loss == pytest.approx(float(info.student_loss[-1]) / 16)


def test_a_member_ends_where_its_teacher_is_done_and_adds_nothing_more():
    recorder, _ = recorded(OK, OK, NOT_RUN, NOT_RUN, last=True)
    assert recorder.ended
    assert recorder.rows[-1]["step"] == recorder.steps_done == 2
    before = recorder.saved()
    recorder.add_steps(*info_of(OK, OK))
    recorder.add_record(6, losses(), True)
    assert recorder.saved().values == before.values
    assert recorder.outcome(2).message == ""
    assert recorder.outcome(2).teacher_steps == 2


def test_a_teacher_that_did_not_get_to_its_end_is_named():
    recorder, _ = recorded(OK, WAITED, WAITED, OK, last=True)
    outcome = recorder.outcome(5)
    assert outcome.status is RunStatus.FINISHED
    assert outcome.message.startswith("the teacher took 2 of 5 steps in 4 iterations")
    assert "(50%)" in outcome.message


def test_what_is_not_finite_ends_a_run_at_its_iteration():
    recorder, info = recorded(OK, WAITED, NOT_FINITE, NOT_RUN)
    assert recorder.message == "loss, KL or gradient is not finite in iteration 3"
    assert (recorder.steps_done, recorder.teacher_steps) == (2, 1)
    assert recorder.sums["kl_sum_nats"] == added(0.0, info.kl[:2])
    assert len(recorder.rows) == 1


def test_a_longer_run_takes_up_sums_and_teacher_s_steps():
    recorder, _ = recorded(OK, WAITED, OK, last=True)
    again = RequentialRecorder.resume(ACCOUNTING, recorder.history(), np.array([0, 3, 6]))
    assert again.sums == recorder.sums
    assert (again.steps_done, again.teacher_steps) == (3, 2)
    assert RequentialRecorder.restored(ACCOUNTING, recorder.saved()).sums == recorder.sums
