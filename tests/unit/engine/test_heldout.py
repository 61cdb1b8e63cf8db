"""How held-out sets are cut, and how the blocks average."""

import math

import numpy as np
import pytest

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
