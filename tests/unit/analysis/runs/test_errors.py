"""Error factors: how they add, average and are drawn."""

import numpy as np

from epiplexity_jax.analysis.runs import errors

A = np.array([[1.0, 2.0], [0.0, 1.0]])
B = np.array([[3.0, 0.0]])


def test_errors_of_one_name_add_up_and_others_stand_apart():
    total = errors.add(({"x": A}, 1.0), ({"x": A, "y": B}, np.array([1.0, -1.0])))
    np.testing.assert_array_equal(total["x"], A * [2.0, 0.0])
    np.testing.assert_array_equal(total["y"], B * [1.0, -1.0])
    np.testing.assert_array_equal(errors.variance(total, np.zeros(2)), [4.0 + 9.0, 0.0])


def test_a_shorter_stream_has_fewer_errors_of_the_same_name():
    total = errors.add(({"x": A}, 1.0), ({"x": B}, 1.0))
    np.testing.assert_array_equal(total["x"], A + [[3.0, 0.0], [0.0, 0.0]])


def test_a_mean_over_seeds_keeps_common_errors_and_thins_own_ones():
    mean = errors.mean([{"heldout": B, "stream 0": A}, {"heldout": B, "stream 1": A}])
    np.testing.assert_array_equal(mean["heldout"], B)
    variance = errors.variance(mean, np.zeros(2))
    np.testing.assert_allclose(variance, B[0] ** 2 + np.sum(A**2, axis=0) / 2)


def test_draws_have_the_variance_that_factors_say():
    generator = np.random.default_rng(0)
    units = {name: generator.standard_normal((20_000, 3)) for name in ("x", "y")}
    factors = {"x": A, "y": B}
    drawn = errors.drawn(factors, units, np.zeros((20_000, 2)))
    np.testing.assert_allclose(drawn.var(axis=0), errors.variance(factors, np.zeros(2)), rtol=0.05)


def test_blocks_give_the_variance_of_their_mean():
    blocks = np.random.default_rng(1).standard_normal((16, 2))
    expected = blocks.var(axis=0, ddof=1) / 16
    np.testing.assert_allclose(np.sum(errors.of_blocks(blocks) ** 2, axis=0), expected)
