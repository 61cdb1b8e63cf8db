"""Growth on simulated laws ends inside, at the optimum of a full grid and with fewer FLOPs."""

import math

import pytest

from epiplexity_jax.planning.growth import grow
from epiplexity_jax.planning.planner import first_grid
from epiplexity_jax.planning.sizes import most_tokens
from tests.unit.planning.made import BUDGETS, COSTS, LIMITS, NOISE, TEST, flops_of, frontier_of

NAME = "law"


def grown(grid, noise=None):
    """Take growth to its end; the last grid, and the number of rounds."""
    for rounds in range(30):
        wanted = grow(frontier_of(grid, noise), grid, COSTS, LIMITS)
        if not wanted:
            return grid, rounds
        grid = grid | {one.size: one.tokens for one in wanted}
    raise AssertionError(f"no end: {grid}")


@pytest.mark.parametrize("noise", [None, NOISE])
def test_a_planned_sweep_finds_what_a_full_grid_finds(noise):
    first = first_grid({NAME: COSTS}, {NAME: LIMITS}, 0.25)[NAME]
    grid, _ = grown(first, noise)
    full = {one.name: most_tokens(one, [10 * BUDGETS[-1]], TEST) for one in COSTS}
    planned, whole = frontier_of(grid, noise), frontier_of(full, noise)
    for budget in BUDGETS:
        ours, theirs = planned.at(budget), whole.at(budget)
        assert math.isclose(ours.mdl_bits, theirs.mdl_bits, rel_tol=2e-3)
        assert math.isclose(ours.epiplexity_bits, theirs.epiplexity_bits, rel_tol=0.1)
        assert not {"edge_size", "edge_steps", "carried"} & set(ours.flags)
    assert flops_of(grid) <= 0.4 * flops_of(full)


def test_sizes_are_added_where_the_optimum_is_the_largest_or_the_smallest():
    wanted = grow(frontier_of({"N1000": 4e8, "N2000": 4e8}), {"N1000": 4e8, "N2000": 4e8}, *RULES)
    assert "N4000" in {one.size for one in wanted}
    few = {"N64000": 4e7, "N128000": 4e7}
    wanted = grow(frontier_of(few), few, *RULES)
    assert "N32000" in {one.size for one in wanted}


RULES = (COSTS, LIMITS)


def test_what_learns_nothing_is_not_grown():
    grid = {"N128000": 16.0e5}
    frontier = frontier_of(grid)
    assert frontier.at(1e12).params == 0
    low = LIMITS.__class__((1e12,), TEST, TEST, LIMITS.most, LIMITS.least)
    assert grow(frontier, grid, COSTS, low) == []


def test_a_run_that_read_the_test_sets_worth_is_lengthened_by_little():
    grid = {"N1000": TEST, "N2000": TEST}
    limits = LIMITS.__class__((1e14,), TEST, TEST, LIMITS.most, LIMITS.least)
    longer = {one.size: one.tokens for one in grow(frontier_of(grid), grid, COSTS, limits)}
    assert longer["N2000"] == 1.25 * TEST
