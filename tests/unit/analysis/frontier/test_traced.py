import math

import numpy as np

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.frontier import procedures, traced
from tests.unit.analysis.frontier.made import toy


def test_envelope_keeps_what_is_shorter_than_everything_cheaper():
    assert traced.envelope(np.array([3.0, 3.0, 4.0, 2.0, 2.5, 1.0])).tolist() == [0, 3, 5]


def test_lengths_below_a_bit_have_a_finite_logarithm():
    assert traced.log_length(np.array([-5.0, 0.0, 1.0])).tolist() == [0.0, 0.0, 0.0]


def test_a_cliff_is_a_bridge_and_a_smooth_law_is_not():
    time = np.geomspace(1e6, 1e9, 200)
    stderr = np.zeros(200)
    cliff = 1e6 * np.where(np.arange(200) < 150, 1.0 - 1e-5 * np.arange(200), 0.1)
    vertices = procedures.hull_of_envelope(time, cliff)
    assert traced.spans_cliff(time, cliff, stderr, vertices).tolist() == [True] + [False] * (
        vertices.size - 1
    )
    law = 1e6 + 1e9 * time**-0.3
    assert not traced.spans_cliff(time, law, stderr, procedures.hull_of_envelope(time, law)).any()


def test_a_gap_within_its_error_is_no_bridge():
    time, mdl = np.array([1.0, 2.0, 4.0]), np.array([100.0, 99.0, 50.0])
    vertices = np.array([0, 2])
    assert traced.spans_cliff(time, mdl, np.zeros(3), vertices).tolist() == [True, False]
    assert traced.spans_cliff(time, mdl, np.full(3, 40.0), vertices).tolist() == [False, False]


def test_the_best_of_several_recipes_must_lie_further_from_the_uniform_code():
    """A code 2.5 standard errors below the uniform one wins alone, and not as the best of 30."""

    def frontier(recipes):
        return trace([toy([1.0, 0.9], error=0.03, recipes=recipes)], test_tokens=1e6)

    alone, best = frontier(1).traced, frontier(30).traced
    assert (alone.errors, round(best.errors, 2)) == (2.0, 3.17)
    point = alone.points
    uniform = point.mdl_bits[-1] + 2.5 * point.mdl_stderr[-1]
    assert point.mdl_stderr[-1] > 0.0
    later = 2.0 * float(point.time_flops[-1])
    assert alone.beats(uniform, later)
    assert not best.beats(uniform + 5.0, later)  # which pays log2 30 bits
    ratio = best.resolution(later) / alone.resolution(later)
    assert math.isclose(ratio, best.errors / 2.0)
