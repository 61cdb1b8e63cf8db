"""A run's record: sums of float64, cut, saved and taken up again anywhere."""

import dataclasses
import json
import math

import numpy as np
import pytest

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.coding import record_points
from epiplexity_jax.engine.accounting import Accounting
from epiplexity_jax.engine.heldout import HeldoutLayout
from epiplexity_jax.engine.recorder import EXACT, Recorder, RecorderState, added
from epiplexity_jax.engine.state import StepStatus
from epiplexity_jax.families.spec import Cost, Task

TASK = Task(4, 8, (True,) * 8)
ACCOUNTING = Accounting(2, TASK, Cost(10, 60.0, 20.0), HeldoutLayout(3, 2, 4))
GRID = np.array([0, 1, 4, 6])


def steps_of(count, first=0, bad=None):
    """Sums, variances, statuses and losses of steps."""
    numbers = np.arange(first, first + count)
    status = np.full(count, StepStatus.OK, np.int32)
    if bad is not None:
        status[bad - first :] = StepStatus.NOT_RUN
        status[bad - first] = StepStatus.NOT_FINITE
    sums = (1 / (3.0 + numbers)).astype(np.float32)
    return sums, np.float32(numbers) / 7, status, np.float32([0.25, 0.75]) * sums[:, None]


def losses_of(step, eval_batches=1):
    values = np.random.default_rng(step).random((2, 4, 6)).astype(np.float32)
    return values[:, :eval_batches]


def run(recorder, first=0, stop=6):
    """Steps first to stop with their record points on the grid."""
    for start, end in zip(GRID, GRID[1:], strict=False):
        if first <= start and end <= stop:
            recorder.add_steps(*steps_of(end - start, start))
            last = end == stop
            recorder.add_record(int(end), losses_of(end, 4 if last else 1), bool(last))
    return recorder


def begun():
    recorder = Recorder(ACCOUNTING)
    recorder.add_record(0, losses_of(0))
    return recorder


def assert_same(one, other, *but):
    assert one.keys() == other.keys()
    for name in one.keys() - set(but):
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_sum_is_the_same_however_it_is_cut():
    values = np.random.default_rng(0).random(100).astype(np.float32)
    assert added(added(0.5, values[:33]), values[33:]) == added(0.5, values)


def test_rows_hold_sums_tokens_and_flops():
    history = run(begun()).history()
    sums, variances, *_ = steps_of(6)
    assert history["step"].tolist() == GRID.tolist()
    assert history["online_loss_sum_nats"][2] == added(0.0, sums[:4])
    assert history["online_loss_sum_var"][-1] == added(0.0, variances)
    assert history["train_tokens"].tolist() == (GRID * 2 * 9).tolist()
    assert history["label_tokens"].tolist() == (GRID * 2 * 8).tolist()
    assert not history["teacher_tokens"].any()
    scored = losses_of(6, 4).astype(np.float64)
    assert history["heldout_loss_nats"][-1] == pytest.approx(scored[0].mean() / 8)
    assert history["heldout_raw_loss_nats"][-1] == pytest.approx(scored[1].mean() / 8)
    blocks = scored[1, 0].reshape(3, 2).mean(axis=1) / 8
    np.testing.assert_allclose(history["heldout_raw_block_losses_nats"][-1], blocks)
    evaluated = np.array([1, 2, 3, 7]) * 2 * 6 * 9 * 20.0
    np.testing.assert_allclose(history["spent_flops"], GRID * 18 * 60.0 + evaluated)


def test_a_recorder_goes_on_to_the_last_bit_from_its_saved_values():
    recorder = run(begun(), stop=4)
    recorder.ended = False  # stopped in the middle
    saved = recorder.saved()
    plain = RecorderState(json.loads(json.dumps(saved.values)), saved.rows)
    again = Recorder.restored(ACCOUNTING, plain)
    assert_same(run(again, 4).history(), run(recorder, 4).history())
    assert again.outcome(6) == recorder.outcome(6)
    assert again.status is RunStatus.FINISHED


def test_saved_values_stay_what_they_are_when_recorders_go_on():
    saved = run(begun(), stop=4).saved()
    saved = RecorderState({**saved.values, "ended": False}, saved.rows)
    first = run(Recorder.restored(ACCOUNTING, saved), 4).history()
    assert_same(run(Recorder.restored(ACCOUNTING, saved), 4).history(), first)
    recorder = begun()
    before = recorder.saved()
    run(recorder)
    assert before.values["sums"] == Recorder(ACCOUNTING).sums


def test_a_longer_run_goes_on_from_a_shorter_one():
    """The last row of the shorter one scored all eval batches and is off the longer one's grid."""
    short = begun()
    short.add_steps(*steps_of(1))
    short.add_record(1, losses_of(1))
    short.add_steps(*steps_of(3, 1))
    short.add_record(4, losses_of(4, 4), True)
    resumed = Recorder.resume(ACCOUNTING, short.history(), GRID)
    assert resumed.steps_done == 4
    history, whole = run(resumed, 4).history(), run(begun()).history()
    assert history.keys() == whole.keys()
    for name, column in whole.items():
        np.testing.assert_allclose(history[name], column, rtol=1e-12, err_msg=name)


def in_turns(stop, recorder=None, first=0, sets=2, labels=None):
    """A run whose points from step 2 on score one of 16 eval batches in turns; losses are drawn."""
    layout = HeldoutLayout(3, 2, 16, record_share=2.0)
    accounting = dataclasses.replace(ACCOUNTING, layout=layout, heldout_labels=labels)
    losses = np.random.default_rng(1).random((12, sets, 16, 6)).astype(np.float32)
    recorder = recorder or Recorder(accounting)
    grid = record_points(stop)
    for start, end in zip(np.append(0, grid), grid, strict=False):
        if end < first or (end == first and first):
            continue
        if end:
            recorder.add_steps(*steps_of(end - start, start))
        last, turn = bool(end == stop), list(layout.turn(int(end), 2).batches)
        recorder.add_record(int(end), losses[end] if last else losses[end][:, turn], last)
    return accounting, recorder, losses


def test_record_points_that_take_turns_keep_what_the_final_model_loses_on_the_same_sequences():
    accounting, recorder, losses = in_turns(9)
    history = recorder.history()
    assert history["heldout_turn"].tolist() == [0, 0, *range(1, len(history["step"]) - 1)]
    for row, step in enumerate(history["step"]):
        turn = list(accounting.layout.turn(int(step), 2).batches)
        for which, name in enumerate(("heldout", "heldout_raw")):
            own = losses[step, which, turn].astype(np.float64)
            blocks = own.reshape(-1, 3, 2).mean(axis=(0, 2)) / 8
            np.testing.assert_allclose(history[f"{name}_block_losses_nats"][row], blocks)
            last = step == 9
            scored = losses[9, which, slice(None) if last else turn].astype(np.float64)
            final = scored.reshape(-1, 3, 2).mean(axis=(0, 2)) / 8
            np.testing.assert_allclose(history[f"{name}_final_block_losses_nats"][row], final)
    whole = losses[9].astype(np.float64).mean(axis=(1, 2)) / 8
    assert history["heldout_loss_nats"][-1] == pytest.approx(whole[0])
    batches = [len(accounting.layout.turn(int(step), 2).batches) for step in history["step"][:-1]]
    spent = (sum(batches) + 16) * 2 * 6 * 9 * 20.0
    assert history["spent_flops"][-1] == pytest.approx(9 * 18 * 60.0 + spent)


def test_counts_have_one_set_of_losses_that_stands_for_both():
    history = in_turns(9, sets=1)[1].history()
    for name in ("block_losses_nats", "final_block_losses_nats"):
        np.testing.assert_array_equal(history[f"heldout_{name}"], history[f"heldout_raw_{name}"])


def test_turns_of_sequences_of_unequal_length_pair_by_their_own_labels():
    labels = np.random.default_rng(2).integers(1, 9, (16, 6)).astype(np.int64)
    accounting, recorder, losses = in_turns(9, labels=labels)
    history = recorder.history()
    for row, step in enumerate(history["step"][:-1]):
        turn = list(accounting.layout.turn(int(step), 2).batches)
        for name, scored in (("block", losses[step, 0]), ("final_block", losses[9, 0])):
            mean = scored[turn].astype(np.float64).sum() / labels[turn].sum()
            blocks = history[f"heldout_{name}_losses_nats"][row]
            assert blocks.mean() == pytest.approx(mean)
    whole = losses[9, 0].astype(np.float64).sum() / labels.sum()
    assert history["heldout_loss_nats"][-1] == pytest.approx(whole)


def test_a_run_that_diverges_in_its_turns_keeps_those_before_and_no_final_losses():
    accounting, recorder, losses = in_turns(6)
    plain = RecorderState({**recorder.saved().values, "ended": False}, in_turns(6)[1].history())
    rows = {name: column for name, column in plain.rows.items() if "final" not in name}
    taken_up = Recorder.restored(accounting, RecorderState(plain.values, rows))
    taken_up.add_steps(*steps_of(3, 6, bad=7))
    taken_up.add_record(9, losses[9], last=True)
    assert taken_up.outcome(9).message == "loss or gradient is not finite at step 8"
    history = taken_up.history()
    assert history["step"].tolist() == recorder.history()["step"].tolist()
    assert not any("final" in name for name in history)


def test_a_longer_run_takes_the_turns_that_a_shorter_one_took():
    accounting, short, _ = in_turns(6)
    grid = record_points(9)
    resumed = Recorder.resume(accounting, short.history(), grid)
    assert not any("final" in name for row in resumed.rows for name in row)
    _, longer, _ = in_turns(9, resumed, first=6)
    _, whole, _ = in_turns(9)
    assert longer.history().keys() == whole.history().keys()
    for name, column in whole.history().items():
        np.testing.assert_allclose(longer.history()[name], column, rtol=1e-12, err_msg=name)


def test_a_run_that_ends_before_its_first_turn_is_compared_on_the_first_batch_and_the_whole_set():
    """As longer runs of its source are, so that what they share is one error."""
    _, recorder, losses = in_turns(1)
    history = recorder.history()
    assert history["heldout_turn"].tolist() == [0, 0]
    first, whole = (losses[1, 0, part].astype(np.float64) / 8 for part in (slice(1), slice(None)))
    for row, scored in enumerate((first, whole)):
        final = scored.reshape(-1, 3, 2).mean(axis=(0, 2))
        np.testing.assert_allclose(history["heldout_final_block_losses_nats"][row], final)


def test_a_set_without_turns_keeps_no_losses_of_the_final_model():
    history = run(begun()).history()
    assert not any("final" in name or "turn" in name for name in history)


def test_a_finished_run_that_is_taken_up_keeps_what_its_final_model_loses():
    accounting, whole, _ = in_turns(9)
    again = Recorder.resume(accounting, whole.history(), record_points(9))
    assert_same(again.history(), whole.history(), "spent_flops")


def test_a_recorder_in_the_middle_of_its_turns_goes_on():
    accounting, recorder, _ = in_turns(6)
    saved = recorder.saved()
    rows = {name: column for name, column in saved.rows.items() if "final" not in name}
    plain = RecorderState({**json.loads(json.dumps(saved.values)), "ended": False}, rows)
    _, longer, _ = in_turns(9, Recorder.restored(accounting, plain), first=6)
    _, whole, _ = in_turns(9)
    for name in ("heldout_turn", "heldout_final_block_losses_nats"):
        np.testing.assert_array_equal(longer.history()[name], whole.history()[name])


def test_what_is_not_finite_ends_a_run_at_its_step():
    recorder = begun()
    recorder.add_steps(*steps_of(4, bad=2))
    assert recorder.status is RunStatus.DIVERGED
    assert recorder.message == "loss or gradient is not finite at step 3"
    assert recorder.steps_done == 2
    before = recorder.saved()
    recorder.add_steps(*steps_of(2, 4))
    recorder.add_record(6, losses_of(6))
    recorder.add_exact(np.ones((2, 3)), np.ones((2, 3)))
    assert recorder.saved().values == before.values
    assert_same(recorder.history(), before.rows)


@pytest.mark.parametrize(("step", "rows"), [(0, 1), (4, 1)])
def test_held_out_losses_that_are_not_finite_end_a_run(step, rows):
    recorder = begun() if step else Recorder(ACCOUNTING)
    recorder.add_record(step, np.full((2, 1, 6), np.nan, np.float32))
    assert recorder.outcome(6).message == f"held-out loss is not finite after step {step}"
    assert len(recorder.rows) == rows  # a history has at least one


def test_batches_scored_again_are_summed_in_the_last_row():
    recorder = run(begun())
    spent = recorder.rows[-1]["spent_flops"]
    for first in (0, 3):
        sums = np.arange(first, first + 3, dtype=np.float32)
        recorder.add_exact(np.stack([sums, 2 * sums]), np.stack([sums / 2, sums]))
    history = recorder.history()
    assert [history[name][-1] for name in EXACT] == [15.0, 30.0, 7.5]
    assert all(math.isnan(value) for name in EXACT for value in history[name][:-1])
    assert history["spent_flops"][-1] == spent + 6 * 2 * 18 * 20.0
    recorder.add_exact(np.full((2, 1), np.inf), np.ones((2, 1)))
    assert "training data is not finite" in recorder.outcome(6).message
