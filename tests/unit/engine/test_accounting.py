"""Tokens, FLOPs and losses of blocks, counted by hand."""

import dataclasses

import numpy as np
import pytest

from epiplexity_jax.engine.accounting import Accounting
from epiplexity_jax.engine.heldout import HeldoutLayout
from epiplexity_jax.families.spec import Cost, Task

TASK = Task(4, 8, (True,) * 6 + (False,) * 2)
ACCOUNTING = Accounting(2, TASK, Cost(10, 60.0, 20.0), HeldoutLayout(3, 2, 4))


def test_a_step_counts_inputs_and_labels():
    assert ACCOUNTING.step_labels == 2 * 6
    assert ACCOUNTING.step_tokens == 2 * TASK.total_tokens
    assert ACCOUNTING.eval_flops(5) == 2 * 5 * TASK.total_tokens * 20.0
    alone = dataclasses.replace(ACCOUNTING, num_weight_sets=1)
    assert alone.eval_flops(5) == ACCOUNTING.eval_flops(5) / 2


def test_blocks_have_the_mean_of_their_sequences_in_the_eval_batches():
    losses = np.arange(12.0).reshape(2, 6)
    found = ACCOUNTING.block_means(losses, (1, 3))
    np.testing.assert_allclose(found, losses.reshape(2, 3, 2).mean(axis=(0, 2)) / 6)


def test_where_labels_vary_those_of_the_same_eval_batches_count():
    labels = np.arange(1, 25).reshape(4, 6)
    ragged = dataclasses.replace(ACCOUNTING, heldout_labels=labels)
    losses = 0.5 * labels[[1, 3]]
    np.testing.assert_allclose(ragged.block_means(losses, (1, 3)), 0.5)
    assert ragged.block_means(losses, (0, 1)) != pytest.approx(0.5)


def test_turns_are_those_of_its_batch():
    layout = HeldoutLayout(3, 2, 16, record_share=2.0)
    accounting = dataclasses.replace(ACCOUNTING, layout=layout)
    assert accounting.turn(4) == layout.turn(4, 2)
    assert accounting.turn(4).number > 0
