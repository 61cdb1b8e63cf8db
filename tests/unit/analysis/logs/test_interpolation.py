import math

import numpy as np
import pytest

from epiplexity_jax.analysis.logs.interpolation import integrals, thinned


def test_the_integral_is_that_of_a_smooth_loss():
    tokens = np.append(0, np.geomspace(1e3, 1e9, 80))
    losses = 2.0 + 3.0 * (1 + tokens / 1e4) ** -0.3
    exact = 2.0 * 1e9 + 3.0 * 1e4 / 0.7 * ((1 + 1e9 / 1e4) ** 0.7 - 1)
    assert integrals(tokens, losses)[-1] == pytest.approx(exact, rel=1e-6)


def test_a_gap_of_eight_decades_is_exact():
    found = integrals(np.array([0.0, 1.0, 1e8]), np.array([1.0, 1.0, 1.0]))
    assert found[-1] == pytest.approx(1e8, rel=1e-12)


def test_parts_add_up():
    tokens, losses = np.array([0.0, 10, 30, 100]), np.array([4.0, 3, 2.5, 2])
    sums = integrals(tokens, losses)
    assert sums[0] == 0.0
    assert np.all(np.diff(sums) > np.diff(tokens) * losses[1:])
    assert math.isclose(sums[-1], integrals(tokens * 7, losses)[-1] / 7)


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        (range(9), range(9)),
        ([0, 10, 20, 30, 40], [0, 2, 4]),
        ([0, 10, 20, 30], [0, 2, 3]),
        ([0, 1, 2, 3, 13, 23, 24], [0, 1, 2, 4, 6]),
    ],
)
def test_rows_beside_gaps_are_left_out(at, kept):
    assert thinned(np.array(at, float)).tolist() == list(kept)
