import math

import numpy as np
import pytest

from epiplexity_jax.analysis.logs.scatter import Level, autocorrelation_time, level


def noise_of(generator, rows, correlation):
    """Noise of standard deviation 1 whose neighbours correlate."""
    noise = np.empty(rows)
    noise[0] = generator.standard_normal()
    own = math.sqrt(1 - correlation**2)
    for i in range(1, rows):
        noise[i] = correlation * noise[i - 1] + own * generator.standard_normal()
    return noise


@pytest.mark.parametrize(("correlation", "time"), [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0)])
def test_the_error_is_that_of_correlated_rows(correlation, time):
    generator, rows = np.random.default_rng(0), 400
    found, means = [], []
    for _ in range(200):
        y = 3.0 + 0.03 * noise_of(generator, 1000, correlation)
        found.append(level(np.arange(1000.0), y, rows))
        means.append(found[-1].nats)
    true = float(np.std(means))
    assert np.median([one.stderr for one in found]) == pytest.approx(true, rel=0.2)
    assert np.median([one.correlation_rows for one in found]) == pytest.approx(time, rel=0.25)
    inside = [abs(one.nats - 3.0) < one.quantile * one.stderr for one in found]
    assert 0.88 < np.mean(inside) <= 0.99


@pytest.mark.parametrize("rows", [1, 4, 16])
def test_few_rows_borrow_the_scatter_of_those_before(rows):
    generator = np.random.default_rng(1)
    errors = []
    for _ in range(100):
        errors.append(level(np.arange(200.0), generator.standard_normal(200), rows).stderr)
    assert np.median(errors) == pytest.approx(1 / math.sqrt(rows), rel=0.25)


def test_a_smooth_fall_is_no_scatter():
    x = np.arange(1, 201.0)
    found = level(x, 2.0 + 3.0 * x**-0.5, 20)
    assert found.stderr < 1e-4
    assert found.drift == pytest.approx(2.0 + 3.0 * 200**-0.5 - found.nats, rel=0.1)


def test_weights_are_tokens():
    assert level([1, 2, 3], [9.0, 2.0, 4.0], 2, weights=[1, 3, 1]).nats == pytest.approx(2.5)


def test_too_few_rows_show_no_error():
    found = level([1, 2, 3], [3.0, 2.0, 1.0], 2)
    assert (found.nats, found.stderr, found.rows) == (1.5, None, 2)


def test_a_constant_shows_no_error():
    assert level(np.arange(40.0), np.full(40, 2.7), 4).stderr is None


def test_the_time_is_between_one_row_and_all():
    assert autocorrelation_time(np.zeros(20)) == 1.0
    assert autocorrelation_time(np.repeat([1.0, -1.0], 50)) <= 100


def test_the_quantile_is_students():
    assert Level(1.0).quantile == pytest.approx(1.96, abs=1e-3)
    assert Level(1.0, freedom=5.0).quantile == pytest.approx(2.571, abs=1e-3)
