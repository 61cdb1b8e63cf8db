"""The factor of T: a budget of the sweep, or where two powers of T meet."""

import pytest

from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.analysis.ranking.more_compute import more_compute


def pair(compute, value, half, **changes):
    options = {
        "first": "a",
        "second": "b",
        "compute_flops": compute,
        "difference": value,
        "difference_interval": (value - half, value + half),
        "separated": abs(value) > half,
        "why": "" if abs(value) > half else "within_error",
    }
    return Difference(**(options | changes))


def test_the_first_budget_that_separates_is_taken():
    ladder = [pair(t, t, 25.0) for t in (10.0, 20.0, 30.0, 40.0)]
    assert more_compute(ladder[0], ladder) == (3.0, True, False)
    assert more_compute(ladder[1], ladder) == (1.5, True, False)


def test_beyond_the_sweep_both_go_on_as_powers():
    ladder = [pair(t, t, 200.0) for t in (25.0, 50.0, 100.0)]
    assert more_compute(ladder[0], ladder) == (pytest.approx(8.0), False, False)


def test_an_order_that_is_turned_is_said_to_be():
    ladder = [pair(10.0, -1.0, 25.0), pair(20.0, 50.0, 25.0)]
    assert more_compute(ladder[0], ladder) == (2.0, True, True)


@pytest.mark.parametrize(
    "ladder",
    [
        [pair(t, t, 2.0 * t) for t in (50.0, 100.0)],  # grow alike
        [pair(t, t, 5000.0) for t in (50.0, 100.0)],  # beyond ten times the largest
        [pair(50.0, -1.0, 9.0), pair(100.0, 1.0, 9.0)],  # changes its sign
        [pair(t, t, 200.0, difference_interval=(None, 9.0)) for t in (50.0, 100.0)],
        [pair(t, t, 200.0, why="no_structure") for t in (50.0, 100.0)],
        [pair(50.0, 1.0, 2.0)],
    ],
)
def test_no_number_where_none_is_known(ladder):
    assert more_compute(ladder[0], ladder) == (None, None, None)
