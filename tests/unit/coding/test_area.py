"""Sums over steps between record points against brute force and known curves."""

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import (
    area,
    interpolate_sum,
    interpolation_error,
    paired_length,
    record_points,
)

RNG = np.random.default_rng(0)


def brute_force(steps, values):
    """PCHIP at every integer step, added up one by one."""
    every = PchipInterpolator(np.log1p(steps), values, axis=-1)(np.log1p(np.arange(steps[-1])))
    total = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(every, axis=-1)], axis=-1)
    return total[..., steps]


@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_sums_equal_brute_force(shape):
    steps = record_points(5000)
    values = RNG.normal(size=(*shape, len(steps)))
    np.testing.assert_allclose(
        interpolate_sum(steps, values), brute_force(steps, values), rtol=1e-10, atol=1e-9
    )


def test_a_long_segment_is_summed_in_pieces():
    steps = np.array([0, 3_000_000])
    values = np.array([4.0, 1.0])
    np.testing.assert_allclose(
        interpolate_sum(steps, values), brute_force(steps, values), rtol=1e-10
    )


def curves(steps):
    s = np.arange(steps + 1, dtype=np.float64)
    yield "power law", 1.0 + 3.0 * (1 + s / 20) ** -0.4
    yield "steep power law", 1.0 + 3.0 * (1 + s / 5) ** -0.9
    yield "drop at 300", 1.0 + 2.0 / (1 + np.exp((np.log1p(s) - np.log1p(300)) * 6))


@pytest.mark.parametrize(("per_decade", "limit"), [(8, 2e-3), (16, 1e-4)])
def test_interpolation_error_is_what_the_design_says(per_decade, limit):
    steps = 20_000
    points = record_points(steps, per_decade)
    for name, curve in curves(steps):
        exact = curve[:-1].sum() - steps * curve[-1]
        area = interpolate_sum(points, curve[points])[-1] - steps * curve[-1]
        assert abs(area / exact - 1) < limit, name


@pytest.mark.parametrize("per_decade", [4, 8, 16])
def test_the_reported_error_is_of_the_size_of_the_true_one(per_decade):
    steps = 20_000
    points = record_points(steps, per_decade)
    for name, curve in curves(steps):
        true = abs(interpolate_sum(points, curve[points])[-1] - curve[:-1].sum())
        assert 2 * interpolation_error(points, curve[points]) > true, name


def test_every_record_point_is_an_end():
    steps = np.array([0, 1, 2, 3, 4])
    losses = np.array([5.0, 4.0, 2.0, 2.0, 1.0])
    bits = paired_length(steps, losses, 2) * np.log(2)
    by_hand = [0, 2 * 1, 2 * (3 + 2), 2 * (3 + 2 + 0), 2 * (4 + 3 + 1 + 1)]
    np.testing.assert_allclose(bits, by_hand)


def test_a_model_that_gets_worse_has_a_negative_area():
    assert paired_length([0, 1, 2], [1.0, 1.0, 2.0], 1)[-1] < 0


@pytest.mark.parametrize("steps", [1, 2, 10, 99, 1000, 1778, 12345])
def test_record_points_lie_on_one_grid(steps):
    points = record_points(steps)
    assert points[0] == 0
    assert points[-1] == steps
    assert (np.diff(points) > 0).all()
    assert set(points[:-1]) <= set(record_points(10 * steps))
    assert {0, 1} <= set(points)


@pytest.mark.parametrize("per_decade", [1, 4, 8, 16, 50])
@pytest.mark.parametrize("steps", [1, 7, 10, 100, 101, 99_999, 1_000_000])
def test_record_points_follow_their_definition(steps, per_decade):
    grid = {round(10 ** (k / per_decade)) for k in range(8 * per_decade)}
    expected = {0, 1, steps} | {point for point in grid if point < steps}
    assert record_points(steps, per_decade).tolist() == sorted(expected)


def test_record_points_are_dense_enough():
    for steps in (10**3, 10**5):
        last_decade = record_points(steps) > steps / 10
        assert last_decade.sum() == 16


@pytest.mark.parametrize(
    ("steps", "values", "sentence"),
    [
        ([1, 2], [1.0, 1.0], "steps: must increase from 0"),
        ([0, 2, 2], [1.0, 1.0, 1.0], "steps: must increase from 0"),
        ([0, 1.5], [1.0, 1.0], "steps: expected one or more whole numbers"),
        ([], [], "steps: expected one or more whole numbers"),
        ([0, 1], [1.0, 1.0, 1.0], "values: expected 2 in the last axis"),
        ([0, 1], [1.0, np.nan], "values: must be finite"),
    ],
)
def test_wrong_curves_are_refused(steps, values, sentence):
    with pytest.raises(ConfigError, match=sentence):
        interpolate_sum(steps, values)


@pytest.mark.parametrize(("steps", "per_decade"), [(0, 16), (-1, 16), (10, 0)])
def test_no_record_points_without_steps(steps, per_decade):
    with pytest.raises(ConfigError, match="at least 1"):
        record_points(steps, per_decade)


@pytest.mark.parametrize("gap", [1, 3, 400])
def test_many_points_sum_as_few_do(gap, monkeypatch):
    steps = np.cumsum(np.random.default_rng(gap).integers(1, gap + 1, 5000)) - 1
    steps -= steps[0]
    losses = 2.0 + 3.0 * (1 + steps / 50) ** -0.5
    many = interpolate_sum(steps, losses)
    monkeypatch.setattr(area, "_MANY", 10_000)
    monkeypatch.setattr(area, "_CHUNK", 1000)
    area._basis_sums.cache_clear()
    few = interpolate_sum(steps, losses)
    area._basis_sums.cache_clear()
    assert many == pytest.approx(few, rel=1e-13)
