"""Growth of S: its exponent on a law, open sides at edges, and where it is not known."""

import math

import pytest

from epiplexity_jax.analysis.simulate import SimulatedNoise
from tests.unit.analysis.ranking.made import flat, middle, source


def test_growth_is_the_slope_of_s_between_half_a_budget_and_the_budget():
    frontier = source(1)
    budget = middle(frontier)
    found, before = frontier.at(budget), frontier.at(budget / 2)
    slope = math.log2(found.epiplexity_bits / before.epiplexity_bits)
    assert found.saturation == pytest.approx(slope)
    low, high = found.saturation_interval
    assert low < found.saturation < high
    assert low > 0.0  # this law's S still grows there


def test_fewer_errors_make_a_narrower_interval():
    quiet = source(1, noise=SimulatedNoise(seed=0.002, floor_nats=5e-5, paired_nats=5e-5))
    widths = []
    for frontier in (source(1), quiet):
        low, high = frontier.at(middle(frontier)).saturation_interval
        widths.append(high - low)
    assert widths[1] < 0.5 * widths[0]


def test_edges_open_sides():
    frontier = source(1)
    found = frontier.at(frontier.largest_compute * 0.999)
    assert "largest_size" in found.flags
    assert found.saturation_interval[1] is None
    one_size = source(1, sizes=(16_000,))
    assert one_size.at(one_size.largest_compute * 0.999).saturation_interval == (None, None)


def test_no_growth_is_known_of_nothing_or_beyond_the_runs():
    frontier = source(1)
    beyond = frontier.at(2.0 * frontier.largest_compute)
    assert (beyond.saturation, beyond.saturation_interval) == (None, None)
    assert flat(0).at(0.9 * flat(0).largest_compute).saturation is None
    single = source(1, seeds=1)
    found = single.at(middle(source(1)))
    assert found.saturation is not None
    assert found.saturation_interval is None
