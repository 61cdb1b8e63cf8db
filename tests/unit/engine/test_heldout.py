"""How held-out sets are cut, and how the blocks average."""

import math

import numpy as np
import pytest

from epiplexity_jax.coding import record_points
from epiplexity_jax.engine.heldout import heldout_layout, mean_and_stderr


@pytest.mark.parametrize(
    ("available", "record", "expected"),
    [
        (1000, 64, (64, 1, 15)),
        (1000, 100, (64, 2, 7)),
        (1000, 5000, (64, 15, 1)),
        (64, 1, (64, 1, 1)),
        (20, 64, (20, 1, 1)),
    ],
)
def test_layouts_fit_what_is_there(available, record, expected):
    layout = heldout_layout(available, record)
    assert (layout.blocks, layout.per_block, layout.eval_batches) == expected
    assert layout.sequences <= available


def test_late_record_points_take_turns_over_the_set_and_early_ones_share_the_first_batch():
    layout = heldout_layout(64 * 40, 64, record_share=0.01)
    points = record_points(20_000)
    turns = [layout.turn(int(step), batch_size=8) for step in points]
    wanted = [math.ceil(0.01 * step * 8 / 64) for step in points]
    first = wanted.index(next(n for n in wanted if n > 1))
    assert all(turn == (0, (0,)) for turn in turns[:first])
    assert [turn.number for turn in turns[first:]] == list(range(1, len(turns) - first + 1))
    # More and more, and at most a sixteenth of the set, so that a decade of points reads it once.
    assert [len(turn.batches) for turn in turns] == [min(n, 2) for n in np.maximum(wanted, 1)]
    late = [number for turn in turns[first:] for number in turn.batches]
    assert late == [(1 + i) % 40 for i in range(len(late))]
    for turn in turns[-16:]:
        assert len(set(turn.batches)) == len(turn.batches)


def test_a_run_that_ends_off_the_grid_has_the_turn_of_the_next_point():
    layout = heldout_layout(64 * 100, 64, record_share=0.1)
    off_the_grid = layout.turn(1001, 8)
    assert off_the_grid.number == layout.turn(1000, 8).number + 1
    assert layout.turn(1155, 8).number == off_the_grid.number  # the next one of the grid


@pytest.mark.parametrize(
    ("batches", "share"), [(15, 0.5), (40, 0.0)], ids=["a small set", "a share of 0"]
)
def test_a_set_that_is_soon_read_through_takes_no_turns(batches, share):
    layout = heldout_layout(64 * batches, 64, share)
    assert not layout.takes_turns
    assert layout.turn(10_000, 64) == (0, (0,))
    assert layout.record_batches(10_000, 64) == len(record_points(10_000)) - 1


def test_record_points_cost_about_their_share():
    layout = heldout_layout(64 * 10_000, 64, record_share=0.006)
    scored = layout.record_batches(100_000, 64) * 64
    # 16 points a decade: each share counts 7.5 times.
    assert 0.006 * 6 < scored / (100_000 * 64) < 0.006 * 9


def test_block_means_average_the_sequences_of_a_block():
    layout = heldout_layout(24, 24)  # 24 blocks of one sequence
    pairs = heldout_layout(64 * 2 * 3, 128)
    losses = np.random.default_rng(0).random((3, 128)).astype(np.float32)
    means = pairs.block_means(losses, label_tokens=5)
    assert means.dtype == np.float64
    assert means[7] == pytest.approx(losses[:, 14:16].astype(np.float64).mean() / 5)
    assert means.mean() == pytest.approx(losses.astype(np.float64).mean() / 5)
    assert layout.block_means(np.ones((1, 24)), 2).tolist() == [0.5] * 24


def test_standard_errors_come_from_the_spread_between_blocks():
    values = np.array([1.0, 2.0, 3.0, 6.0])
    mean, stderr = mean_and_stderr(values)
    assert mean == 3.0
    assert stderr == pytest.approx(values.std(ddof=1) / 2)
    assert mean_and_stderr(values[:1]) == (1.0, math.inf)
