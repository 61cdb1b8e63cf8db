"""Stacked frontiers: the lengths of each, bit for bit."""

import numpy as np
import pytest

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.frontier.stacked import Stacked
from epiplexity_jax.analysis.simulate import SimulatedNoise, sweep
from epiplexity_jax.coding import record_points
from tests.unit.analysis.frontier.made import LAW, SIZES, TEST


def traced(procedure="refined", seed=0, sizes=SIZES):
    generator = np.random.default_rng(seed)
    curves = sweep(LAW, sizes, record_points(200), 1_000_000, 2, SimulatedNoise(), generator)
    return trace(curves, test_tokens=TEST, procedure=procedure).traced


FRONTIERS = {
    "unlike numbers of vertices": lambda: [
        traced(seed=1),
        traced(seed=2, sizes=SIZES[:1]),
        traced("raw", seed=3),
    ],
    "of a law": lambda: [traced("fitted", seed=4)],
}


@pytest.mark.parametrize("case", FRONTIERS)
@pytest.mark.parametrize("strict", [False, True])
def test_lengths_are_those_of_each_frontier(case, strict):
    frontiers = FRONTIERS[case]()
    stacked = Stacked(frontiers)
    times = np.concatenate([one.points.time_flops[one.vertices] for one in frontiers])
    spread = np.geomspace(times[times > 0].min() / 10, 10 * times.max(), 300)
    for x in np.log([*spread, *times[times > 0]]):
        found = stacked.lengths(x, strict)
        assert found.tolist() == [list(one.lengths(x, strict)) for one in frontiers]


def test_no_frontiers_have_no_lengths():
    assert len(Stacked([])) == 0
    assert Stacked([]).lengths(1.0).shape == (0, 2)
