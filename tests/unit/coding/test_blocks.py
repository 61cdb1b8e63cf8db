"""Blocks of steps: one grid for runs of all lengths, and the variance of a block's sum."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding.blocks import (
    GROUPS,
    MAX_BLOCKS,
    MAX_STEPS,
    SINGLE_STEPS,
    block_ends,
    block_grid,
    group_sizes,
    sum_variance,
)

LENGTHS = [1, 2, 511, 512, 513, 516, 517, 518, 1000, 12_345, 10**6, 2**31 - 1, 2**31]


@pytest.mark.parametrize("steps", LENGTHS)
def test_a_grid_goes_from_0_to_the_end_in_at_most_2048_blocks(steps):
    grid = block_grid(steps)
    assert (grid[0], grid[-1]) == (0, steps)
    assert (np.diff(grid) > 0).all()
    assert len(grid) - 1 <= MAX_BLOCKS
    first = min(steps, SINGLE_STEPS)
    assert grid[: first + 1].tolist() == list(range(first + 1))


@pytest.mark.parametrize("steps", LENGTHS)
@pytest.mark.parametrize("longer", LENGTHS)
def test_a_longer_run_has_the_blocks_of_a_shorter_one_but_for_its_cut_last_one(steps, longer):
    if longer < steps:
        return
    short, grid = block_grid(steps), block_grid(longer)
    np.testing.assert_array_equal(grid[: len(short) - 1], short[:-1])
    assert grid[len(short) - 1] >= short[-1]


def test_later_blocks_grow_by_one_ratio_and_octaves_are_whole():
    ends = block_ends()
    late = ends[ends >= 2**16]
    np.testing.assert_allclose(late[1:] / late[:-1], 2 ** (1 / 69), rtol=2e-5)
    assert set(2 ** np.arange(9, 32)) <= set(ends.tolist())
    assert len(ends) == 2030
    assert ends[-1] == MAX_STEPS


def test_boundaries_in_label_tokens():
    np.testing.assert_array_equal(block_grid(700, 128), block_grid(700) * 128)
    assert block_grid(MAX_STEPS, 2**20)[-1] == 2**51
    assert block_grid(0).tolist() == [0]


@pytest.mark.parametrize(("steps", "labels"), [(-1, 1), (MAX_STEPS + 1, 1), (5, 0)])
def test_wrong_numbers_are_refused(steps, labels):
    with pytest.raises(ConfigError, match="^step"):
        block_grid(steps, labels)


@pytest.mark.parametrize("sequences", [1, 2, 7, 8, 9, 20, 64])
def test_groups_share_all_sequences(sequences):
    sizes = group_sizes(sequences)
    assert len(sizes) == min(GROUPS, sequences)
    assert sizes.sum() == sequences
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("sequences", [3, 8, 20])
def test_the_variance_of_a_sum_is_unbiased(sequences):
    losses = np.random.default_rng(0).normal(5.0, 2.0, (20_000, sequences))
    groups = np.stack([losses[:, g::8].sum(1) for g in range(min(8, sequences))], axis=1)
    assert sum_variance(groups, sequences).mean() == pytest.approx(4.0 * sequences, rel=0.03)


def test_one_sequence_has_no_spread_and_wrong_groups_are_refused():
    assert np.isnan(sum_variance(np.ones((3, 1)), 1)).all()
    with pytest.raises(ConfigError, match="groups: 8 of them, but a batch of 3 has 3"):
        sum_variance(np.ones((2, 8)), 3)
