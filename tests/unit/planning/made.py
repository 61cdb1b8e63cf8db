"""Sizes, limits and frontiers of runs that follow a scaling law, as a planner sees them."""

import numpy as np

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.simulate import SimulatedNoise, sweep
from epiplexity_jax.coding import record_points
from epiplexity_jax.planning.growth import Limits
from epiplexity_jax.planning.sizes import SizeCost
from tests.unit.analysis.frontier.made import LAW

TEST = 1e9
BATCH = 100_000
BUDGETS = (5e13, 2e14)
COSTS = [
    SizeCost(f"N{params}", params, 6.0 * params, 2.0 * params * TEST)
    for params in (2**power * 1000 for power in range(8))
]
LIMITS = Limits(BUDGETS, TEST, TEST, most=float("inf"), least=16.0 * BATCH)
NOISE = SimulatedNoise(seed=0.01)


def frontier_of(grid, noise=None, seeds=1):
    """Trace runs of the law with the sizes and tokens of a grid."""
    curves = []
    for name, tokens in grid.items():
        steps = record_points(max(int(tokens / BATCH), 1))
        generator = np.random.default_rng(int(name[1:]))
        curves += sweep(LAW, [int(name[1:])], steps, BATCH, seeds, noise, generator)
    return trace(curves, test_tokens=TEST)


def flops_of(grid):
    return sum(6.0 * int(name[1:]) * tokens for name, tokens in grid.items())
