"""Held-out losses at the level of the whole set, with errors by the sequences that were scored."""

from typing import Any

import numpy as np
import pytest

from epiplexity_jax.analysis.runs.heldout import HeldoutLosses
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.runs.made import LOSS, blocks_around

WHOLE = 0.02 + LOSS[-1]  # the final loss on the whole set
_INIT: Any = HeldoutLosses.__init__
unchecked = getattr(_INIT, "__wrapped__", _INIT)  # as users run it, without beartype


def drawn(count=32, seed=0, slopes=(0.0, 0.4, 0.8, 1.0, 1.0)):
    """Blocks [R, B] whose differences are a part of those of the last."""
    difficulty = 0.1 * np.random.default_rng(seed).standard_normal(count)
    return LOSS[:, None] + np.array(slopes)[:, None] * difficulty


def in_turns(blocks, finals):
    losses = np.append(blocks[:-1].mean(axis=1), finals[-1].mean())
    return HeldoutLosses(losses, np.full(5, 0.01), blocks, finals, np.array([0, 0, 1, 2, 3]), 8)


def test_the_full_set_sets_the_level_and_the_record_subset_the_differences():
    blocks = blocks_around(LOSS + 0.2)
    adjusted = HeldoutLosses(LOSS, blocks_nats=blocks).adjusted()
    assert adjusted[-1] == LOSS[-1]
    np.testing.assert_allclose(np.diff(adjusted), np.diff(blocks.mean(axis=1)))


def test_a_record_point_is_moved_as_far_as_its_losses_go_with_the_final_ones():
    """Regression: with slope 0, as of a uniform prediction, not at all."""
    blocks = drawn()
    losses = HeldoutLosses(np.append(blocks[:-1].mean(axis=1), WHOLE), blocks_nats=blocks)
    np.testing.assert_allclose(losses.slopes, [0.0, 0.4, 0.8, 1.0, 1.0], atol=1e-12)
    missed = WHOLE - blocks[-1].mean()
    expected = blocks.mean(axis=1) + np.array([0.0, 0.4, 0.8, 1.0, 1.0]) * missed
    np.testing.assert_allclose(losses.adjusted(), expected)
    # Nothing is left of the blocks that the slope does not explain.
    assert all(np.allclose(rows, 0.0) for rows in losses.subset_errors().values())


@pytest.mark.parametrize("count", [8, 10, 15])
def test_few_blocks_know_no_slope(count):
    """But that of a uniform prediction, whose mean over blocks is rounded."""
    blocks = drawn(count=count) + np.log(7.0)
    assert HeldoutLosses(LOSS, blocks_nats=blocks).slopes.tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]


def test_blocks_that_end_alike_have_no_slope():
    blocks = drawn(slopes=(0.0, 1.0, 1.0, 0.5, 0.0))
    losses = HeldoutLosses(LOSS, blocks_nats=blocks)
    assert losses.slopes.tolist() == [1.0] * 5
    assert np.isfinite(losses.adjusted()).all()


def test_turns_are_compared_with_the_final_weights_on_the_same_sequences():
    generator = np.random.default_rng(2)
    finals = LOSS[-1] + 0.1 * generator.standard_normal((5, 32))
    blocks = finals + (LOSS - LOSS[-1])[:, None]  # all sequences were dearer by as much
    losses = in_turns(blocks, finals)
    np.testing.assert_allclose(losses.slopes, 1.0)
    np.testing.assert_allclose(losses.adjusted(), finals[-1].mean() + LOSS - LOSS[-1])
    assert losses.subsets == 3
    np.testing.assert_array_equal(losses.scored[-1], finals[-1])
    np.testing.assert_array_equal(losses.scored[:-1], blocks[:-1])


def test_each_turn_has_errors_of_its_own_and_the_first_batch_one():
    losses = in_turns(drawn(seed=3), drawn(seed=4))
    values = np.random.default_rng(5).standard_normal((5, 32))
    factors = losses.placed(values)
    assert list(factors) == ["record 32", "turns 32 8", "heldout 32"]
    assert {name: len(rows) for name, rows in factors.items()} == {
        "record 32": 32,
        "turns 32 8": 2 * 32,  # the last point's own is replaced by the whole set
        "heldout 32": 32,
    }
    together = np.sum([np.sum(rows**2, axis=0) for rows in factors.values()], axis=0)
    np.testing.assert_allclose(np.sqrt(together), values.std(axis=1, ddof=1) / np.sqrt(32))
    shared = np.concatenate(list(factors.values()))
    assert (shared[:, 0] @ shared[:, 1]) != 0.0  # the first eval batch, scored twice
    assert all((shared[:, i] @ shared[:, i + 1]) == 0.0 for i in (1, 2, 3))


def test_the_whole_set_errs_by_its_own_blocks_where_it_was_scored():
    losses = in_turns(drawn(seed=3), drawn(seed=4))
    (rows,) = losses.whole_set().values()
    assert np.sqrt(np.sum(rows**2)) == pytest.approx(
        losses.finals_nats[-1].std(ddof=1) / np.sqrt(32)
    )


def test_shapes_are_checked():
    with pytest.raises(ConfigError, match="stderr_nats"):
        HeldoutLosses(LOSS, np.zeros(3))
    with pytest.raises(ConfigError, match="blocks_nats"):
        HeldoutLosses(LOSS, blocks_nats=np.zeros((5, 1)))
    blocks, finals = np.zeros((5, 8)), np.zeros((4, 8))
    with pytest.raises(ConfigError, match=r"finals_nats: shape \(4, 8\) must be \[5, blocks\]"):
        unchecked(object.__new__(HeldoutLosses), LOSS, blocks_nats=blocks, finals_nats=finals)


def test_ragged_blocks_are_refused_in_one_sentence():
    blocks: Any = [[1.0, 2.0], [1.0], [1.0], [1.0], [1.0]]
    with pytest.raises(ConfigError, match="^blocks_nats: expected numbers in an array of regular"):
        unchecked(object.__new__(HeldoutLosses), LOSS, blocks_nats=blocks)
