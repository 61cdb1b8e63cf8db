"""Rows of a transfer, and rank correlations over members."""

import math

import numpy as np
import pytest

from epiplexity_jax.probing.loop import Outcome
from epiplexity_jax.probing.score import correlations, member_row, outcome_row, scratch_row
from epiplexity_jax.probing.statistics import wilson, with_error

RUN = {
    **{"run_id": "a", "member": "m", "source": "ca", "size": "width 8", "seed": 0, "params": 9},
    **{"model_bits": 5.0, "data_bits": 7.0, "steps_done": 300, "heldout_loss_nats": 0.1},
}


def outcome(nats, right, steps=20, finite=True, labels=None):
    count = len(nats)
    return Outcome(
        params={},
        finite=finite,
        train_nats=np.arange(steps, 0, -1, dtype=np.float64),
        train_labels=np.full(steps, 2),
        nats=np.array(nats, np.float64),
        labels=np.ones(count, np.int64) if labels is None else np.array(labels),
        right=np.array(right, np.int64),
    )


def test_a_row_has_losses_of_the_end_and_the_share_of_right_sequences():
    row = outcome_row(outcome([0.5, 0.1, 0.3, 0.1], [0, 1, 1, 1]))
    assert row["train_loss_nats"] == pytest.approx((2 + 1) / 4)  # of the last 2 of 20 steps
    assert row["online_bits"] == pytest.approx(210 / math.log(2))
    assert row["loss_nats"] == pytest.approx(0.25)
    assert row["loss_stderr_nats"] == pytest.approx(np.std([0.5, 0.1, 0.3, 0.1], ddof=1) / 2)
    assert (row["accuracy"], row["label_accuracy"]) == (0.75, 0.75)
    assert row["accuracy_interval"] == wilson(3, 4)


def test_a_sequence_is_right_where_all_of_its_labels_are():
    row = outcome_row(outcome([1.0, 1.0, 0.0], [1, 2, 0], labels=[2, 2, 0]))
    assert (row["accuracy"], row["label_accuracy"]) == (0.5, 0.75)
    assert row["accuracy_interval"] == wilson(1, 2)


def test_a_member_that_diverged_has_a_status_and_no_score():
    row = outcome_row(outcome([math.nan] * 2, [0, 0], steps=3, finite=False))
    assert (row["status"], row["steps_done"]) == ("diverged", 3)
    assert row["loss_nats"] is row["accuracy"] is row["online_bits"] is None


def test_the_gain_is_paired_over_the_held_out_sequences():
    own, base = outcome([0.1, 0.6], [1, 1]), outcome([0.3, 0.9], [0, 1])
    row = member_row(RUN, "runs/x", 0.03, own, base)
    stderr = np.std([0.2, 0.3], ddof=1) / math.sqrt(2)
    assert row["gain_nats"] == pytest.approx(0.25)
    assert row["gain_nats_interval"] == pytest.approx(with_error(0.25, stderr))
    assert (row["scratch_accuracy"], row["scratch_loss_nats"]) == (0.5, pytest.approx(0.6))
    assert (row["kind"], row["step"], row["model_bits"], row["store"]) == (
        *("member", 300, 5.0, "runs/x"),
    )
    lost = member_row(RUN, "runs/x", 0.03, own, outcome([math.nan], [0], finite=False))
    assert lost["gain_nats"] is lost["scratch_accuracy"] is None


def test_a_row_from_scratch_names_no_run():
    base = outcome([0.3, 0.9], [0, 1])
    row = scratch_row(RUN, "runs/x", 0.03, base)
    assert (row["kind"], row["step"], row["seed"], row["params"]) == ("scratch", 0, 0, 9)
    assert row["run_id"] is row["source"] is row["model_bits"] is None
    assert row["gain_nats"] == 0.0
    assert set(row) == set(member_row(RUN, "runs/x", 0.03, base, base))


def rows_of(bits, accuracies, seeds=1):
    made = []
    for i, (one, right) in enumerate(zip(bits, accuracies, strict=True)):
        for seed in range(seeds):
            row = {
                "kind": "member",
                "member": f"m{i}",
                "run_id": f"{i}.{seed}",
                "step": 9,
                "params": 7,
            }
            row |= {"model_bits": one, "accuracy": right + 0.01 * seed, "loss_nats": 1 - right}
            made.append(row)
    return made


def test_rank_correlations_are_over_members_and_not_over_seeds():
    rows = rows_of([1.0, 2.0, 3.0, 4.0, 5.0], [0.1, 0.3, 0.2, 0.5, 0.6], seeds=3)
    found = {(one["value"], one["against"]): one for one in correlations(rows)}
    assert found["accuracy", "model_bits"]["members"] == 5
    assert found["accuracy", "model_bits"]["rank_correlation"] == pytest.approx(0.9)
    assert found["loss_nats", "model_bits"]["rank_correlation"] == pytest.approx(-0.9)
    low, high = found["accuracy", "model_bits"]["rank_correlation_interval"]
    assert low < 0.9 <= high
    assert found["accuracy", "params"]["rank_correlation"] is None  # all are as large


def test_lengths_of_training_are_members_of_their_own():
    """Their rows share the hash of a member, which leaves out seed and steps."""
    rows = rows_of([1.0, 2.0, 3.0, 4.0, 5.0], [0.1, 0.3, 0.2, 0.5, 0.6])
    checkpoints = [row | {"member": "one", "step": i} for i, row in enumerate(rows)]
    assert correlations(checkpoints) == correlations(rows)


def test_fewer_than_five_members_have_no_rank_correlation():
    assert correlations(rows_of([1.0] * 4, [0.1, 0.2, 0.3, 0.4], seeds=3)) == []
    unknown = rows_of([None] * 5, [0.1, 0.2, 0.3, 0.4, 0.5])
    assert {one["against"] for one in correlations(unknown)} == {"params"}
    rows = rows_of([1.0, 2.0, 3.0, 4.0, 5.0], [0.1, 0.2, 0.3, 0.4, 0.5])
    rows[0]["accuracy"] = None  # diverged
    assert correlations(rows) == []
