"""The level of a training stream over held-out blocks, against curves and noise of known size."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import record_points, stream_level

POINTS = record_points(2000)
TOKENS = 640.0


def loss(steps):
    """A curve that still bends, and jumps from one record point to the next."""
    return 1.0 + 0.5 * (1.0 + steps / 50.0) ** -0.7


def stream(generator, spread):
    """Sums of a run's losses, whose batches scatter by `spread` nats around the curve."""
    steps = np.arange(POINTS[-1])
    losses = TOKENS * loss(steps) + spread * generator.standard_normal(steps.size)
    return np.concatenate([[0.0], np.cumsum(losses)])[POINTS], POINTS * spread**2


EXACT = np.zeros((1, POINTS.size))


def test_the_shape_of_the_curve_leaves_nothing():
    sums, spread = stream(np.random.default_rng(0), 0.0)
    found = stream_level(POINTS, sums, spread, loss(POINTS) - 0.01, EXACT, TOKENS * POINTS)
    assert found is not None
    assert found.nats == pytest.approx(0.01, abs=1e-5)
    assert found.heldout_var == 0.0
    assert found.points.sum() == pytest.approx(1.0)
    # The weights of both sides are those with which they were averaged; slopes bend the curve.
    sides = found.weights @ np.diff(sums) - found.points @ (loss(POINTS) - 0.01)
    assert sides == pytest.approx(found.nats, abs=1e-4)


def test_errors_of_record_points_average_out_unless_they_are_one():
    sums, spread = stream(np.random.default_rng(3), 0.0)
    apart = 0.01 * np.eye(POINTS.size)
    one = np.full((1, POINTS.size), 0.01)
    found = [
        stream_level(POINTS, sums, spread, loss(POINTS), errors, TOKENS * POINTS)
        for errors in (apart, one)
    ]
    assert found[1].heldout_var == pytest.approx(1e-4)
    assert found[0].heldout_var == pytest.approx(1e-4 * np.sum(found[0].points ** 2))
    assert found[0].heldout_var < 0.5e-4


def test_its_error_is_honest():
    generator, z = np.random.default_rng(1), []
    for _ in range(400):
        sums, spread = stream(generator, 40.0)
        found = stream_level(POINTS, sums, spread, loss(POINTS), EXACT, TOKENS * POINTS)
        z.append(found.nats / np.sqrt(found.sampling_var + found.misfit_var))
    assert abs(np.mean(z)) < 0.2
    assert 0.85 < np.std(z) < 1.1


def test_scatter_that_sampling_does_not_explain_widens_the_error():
    generator = np.random.default_rng(2)
    sums, spread = stream(generator, 40.0)
    calm = stream_level(POINTS, sums, spread, loss(POINTS), EXACT, TOKENS * POINTS)
    jumps = np.concatenate([[0.0], np.cumsum(generator.choice([-1.0, 1.0], POINTS.size - 1))])
    rough = stream_level(
        POINTS, sums + 9000.0 * jumps, spread, loss(POINTS), EXACT, TOKENS * POINTS
    )
    assert rough.misfit_var > 10 * calm.variance
    without = stream_level(
        POINTS, sums, np.zeros_like(spread), loss(POINTS), EXACT, TOKENS * POINTS
    )
    assert without.sampling_var == 0.0
    assert without.misfit_var > 0.0


def test_scatter_of_heldout_losses_is_not_counted_twice():
    generator, z, misfit = np.random.default_rng(4), [], []
    size = 1e-2  # above that of an interval of the stream
    apart = size * np.eye(POINTS.size)
    for _ in range(400):
        sums, spread = stream(generator, 40.0)
        heldout = loss(POINTS) + size * generator.standard_normal(POINTS.size)
        found = stream_level(POINTS, sums, spread, heldout, apart, TOKENS * POINTS)
        assert found.heldout_var > 0.0
        misfit.append(found.misfit_var / found.variance)
        z.append(found.nats / np.sqrt(found.variance))
    assert np.median(misfit) < 0.05
    assert 0.9 < np.std(z) < 1.1


def test_a_short_run_has_no_late_part():
    sums, ones = ([0.0, 2.0, 4.0], [0.0, 1.0, 2.0]), np.ones(3)
    assert stream_level([0, 1, 2], *sums, ones, np.zeros((1, 3)), [0, 1, 2]) is None


def test_an_interval_without_labels_has_no_level():
    labels = TOKENS * np.minimum(POINTS, POINTS[-2])
    sums, spread = stream(np.random.default_rng(0), 0.0)
    assert stream_level(POINTS, sums, spread, loss(POINTS), EXACT, labels) is None


def test_bad_input_is_refused():
    sums, ones, exact = [0.0, 2.0, 4.0], np.ones(3), np.zeros((1, 3))
    with pytest.raises(ConfigError, match=r"\(3,\), \(2,\), \(3,\), \(3,\) and \(1, 3\)"):
        stream_level([0, 1, 2], sums, [0.0, 1.0], ones, exact, ones)
    with pytest.raises(ConfigError, match=r"\(3,\), \(3,\), \(3,\), \(3,\) and \(1, 2\)"):
        stream_level([0, 1, 2], sums, [0.0, 1.0, 2.0], ones, exact[:, :2], ones)
    with pytest.raises(ConfigError, match="label_tokens: must"):
        stream_level([0, 1, 2], sums, [0.0, 1.0, 2.0], ones, exact, -ones)
