"""Intervals against known answers: Wilson's, of means by simulation, Spearman's correlation."""

import math

import numpy as np
import pytest
from scipy import stats

from epiplexity_jax.probing.statistics import (
    mean_loss,
    rank_correlation,
    rank_correlation_interval,
    wilson,
    with_error,
)


@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (3, 9), (50, 100), (7, 7)])
def test_wilson_is_that_of_scipy(successes, trials):
    found = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson(successes, trials) == pytest.approx((found.low, found.high), abs=1e-12)


def test_a_share_without_failures_ends_at_1():
    assert wilson(5, 5)[1] == 1.0
    assert wilson(0, 5)[0] == 0.0


def test_the_error_of_a_mean_loss_is_its_spread_over_samples():
    draw = np.random.default_rng(0)
    labels = draw.integers(1, 4, (400, 300))
    nats = labels * 0.7 + draw.normal(size=labels.shape)
    found = [mean_loss(*one) for one in zip(nats, labels, strict=True)]
    means, errors = np.array(found).T
    assert means.mean() == pytest.approx(0.7, abs=4 * means.std() / math.sqrt(400))
    assert errors.mean() == pytest.approx(means.std(), rel=0.15)


def test_of_equal_labels_the_error_is_that_of_the_mean():
    nats = np.random.default_rng(1).normal(size=50)
    mean, stderr = mean_loss(nats, np.ones(50, np.int64))
    assert (mean, stderr) == pytest.approx((nats.mean(), nats.std(ddof=1) / math.sqrt(50)))
    assert math.isinf(mean_loss(nats[:1], np.ones(1, np.int64))[1])
    assert with_error(1.0, 0.5) == pytest.approx((1.0 - 0.98, 1.0 + 0.98), abs=1e-3)


def test_rank_correlation_is_that_of_scipy_with_ties():
    draw = np.random.default_rng(2)
    x, y = draw.integers(0, 5, (2, 12)).astype(float)
    assert rank_correlation(x.tolist(), y.tolist()) == pytest.approx(stats.spearmanr(x, y)[0])


def test_the_interval_of_a_rank_correlation():
    draw = np.random.default_rng(3)
    x = draw.normal(size=40)
    y = x + draw.normal(size=40)
    low, high = rank_correlation_interval(x.tolist(), y.tolist())
    assert 0 < low < rank_correlation(x.tolist(), y.tolist()) < high < 1
    assert rank_correlation_interval([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0]) is None
    ordered = [1.0, 2.0, 3.0, 4.0, 5.0]
    assert rank_correlation_interval(ordered, ordered) == pytest.approx((1.0, 1.0))
