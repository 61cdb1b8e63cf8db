"""Sums by block: the same however steps are cut, saved, restored or continued."""

import numpy as np
import pytest

from epiplexity_jax.coding import block_grid
from epiplexity_jax.engine.blocks import BlockSums

STEPS, LABELS = 1000, 3


def losses_of(sequences, steps=STEPS):
    return np.random.default_rng(sequences).random((steps, sequences)).astype(np.float32)


def summed(sequences, cuts, components=None, waits=(), into=None):
    """Add the steps between the cuts to new sums, or to given ones."""
    count = 1 if components is None else int(components.max()) + 1
    sums = into or BlockSums(["online_loss"], sequences, LABELS, count)
    losses = losses_of(sequences).astype(np.float64)
    learnt = ~np.isin(np.arange(STEPS), list(waits))
    losses[~learnt] = 0.0
    for first, stop in zip(cuts, cuts[1:], strict=False):
        part, read = losses[first:stop], learnt[first:stop]
        before, until = learnt[:first].sum(), learnt[:stop].sum()
        own = None if components is None else components[before:until]
        sums.add(first, [part.sum(1)], [part], read, own)
    return sums


def assert_same(one, other):
    assert list(one) == list(other)
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)


@pytest.mark.parametrize("sequences", [1, 5, 8, 20])
def test_blocks_hold_the_sums_of_their_steps(sequences):
    columns = summed(sequences, [0, STEPS]).columns(STEPS)
    losses, grid = losses_of(sequences).astype(np.float64), block_grid(STEPS)
    assert columns["last_step"].tolist() == grid[1:].tolist()
    assert columns["first_step"].tolist() == (grid[:-1] + 1).tolist()
    np.testing.assert_array_equal(columns["label_tokens"], grid[1:] * sequences * LABELS)
    for block, (first, stop) in enumerate(zip(grid, grid[1:], strict=False)):
        part = losses[first:stop]
        assert columns["online_loss_nats"][block] == pytest.approx(part.sum(), rel=1e-12)
        groups = [part[:, g::8].sum() for g in range(min(8, sequences))]
        np.testing.assert_allclose(columns["online_loss_groups_nats"][block], groups, rtol=1e-12)
    np.testing.assert_array_equal(columns["component_loss_nats"][:, 0], columns["online_loss_nats"])


@pytest.mark.parametrize("waits", [(), (0, 3, 700), range(STEPS)])
def test_components_divide_losses_and_labels(waits):
    learnt = STEPS - len(waits)
    components = np.random.default_rng(1).integers(0, 3, (learnt, 8))
    components[:1] = 2
    columns = summed(8, [0, 400, STEPS], components if learnt else None, waits).columns(STEPS)
    losses = np.delete(losses_of(8), list(waits), axis=0).astype(np.float64)
    for k in range(3 if learnt else 1):
        total = losses[components == k].sum()
        assert columns["component_loss_nats"][:, k].sum() == pytest.approx(total, rel=1e-12)
        labels = (components == k).sum() * LABELS
        assert columns["component_label_tokens"][:, k].sum() == labels
    assert columns["label_tokens"][-1] == learnt * 8 * LABELS
    np.testing.assert_allclose(
        columns["component_loss_nats"].sum(1), columns["online_loss_nats"], rtol=1e-12
    )


@pytest.mark.parametrize("cuts", [range(STEPS + 1), [0, 1, 513, 516, 519, 520, 999, STEPS]])
def test_sums_are_the_same_bits_however_steps_are_cut(cuts):
    components = np.random.default_rng(1).integers(0, 3, (STEPS, 20))
    whole = summed(20, [0, STEPS], components).columns(STEPS)
    assert_same(whole, summed(20, list(cuts), components).columns(STEPS))


@pytest.mark.parametrize("stop", [0, 3, 512, 514, 517, 900])
def test_sums_go_on_from_their_columns_in_the_middle_of_a_block(stop):
    components = np.random.default_rng(1).integers(0, 3, (STEPS, 8))
    short = summed(8, [0, stop], components).columns(stop)
    assert short["last_step"].tolist() == block_grid(stop)[1:].tolist()
    again = BlockSums(["online_loss"], 8, LABELS, 3)
    again.restore(short)
    assert_same(short, again.columns(stop))
    whole = summed(8, [0, STEPS], components).columns(STEPS)
    assert_same(whole, summed(8, [stop, STEPS], components, into=again).columns(STEPS))


@pytest.mark.parametrize("waits", [(), (0, 3, 700)])
def test_parts_add_up_to_totals_that_were_rounded(waits):
    """The device adds a batch up in float32; groups and components have that total, too."""
    losses = losses_of(20).astype(np.float64) * 1e3
    losses[list(waits)] = 0.0
    totals = losses.astype(np.float32).sum(1).astype(np.float64)
    assert np.abs(totals / np.maximum(losses.sum(1), 1e-9) - 1.0).max() > 1e-9
    learnt = ~np.isin(np.arange(STEPS), list(waits))
    components = np.random.default_rng(2).integers(0, 3, (learnt.sum(), 20))
    sums = BlockSums(["online_loss"], 20, LABELS, 3)
    sums.add(0, [totals], [losses], learnt, components)
    columns = sums.columns(STEPS)
    for name in ("online_loss_groups_nats", "component_loss_nats"):
        np.testing.assert_allclose(columns[name].sum(1), columns["online_loss_nats"], rtol=1e-13)
