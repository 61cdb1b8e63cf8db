"""Curves drawn from a law, with and without noise."""

import numpy as np
import pytest

from epiplexity_jax.analysis.scaling_law import CappedLaw
from epiplexity_jax.analysis.simulate import SimulatedNoise, sweep
from epiplexity_jax.coding import record_points

LAW = CappedLaw(0.331, 0.566, 8.0e1, 2.66e6, 3.14, 256)
STEPS = record_points(100)


def test_without_noise_every_seed_has_the_losses_of_the_law():
    curves = sweep(LAW, (1000, 4000), STEPS, 1_000_000, seeds=2)
    assert [(curve.params, curve.seed) for curve in curves] == [
        *((1000, 0), (1000, 1), (4000, 0), (4000, 1))
    ]
    for curve in curves:
        assert np.array_equal(curve.ema.loss_nats, LAW.loss(curve.params, curve.label_tokens))
        assert curve.ema.blocks_nats is None


def test_noise_differs_between_seeds_and_leaves_the_untrained_model():
    noise = SimulatedNoise()
    first, second = sweep(LAW, (1000,), STEPS, 1_000_000, 2, noise)
    assert first.ema.loss_nats[0] == second.ema.loss_nats[0] == np.log(256)
    assert not np.array_equal(first.ema.loss_nats, second.ema.loss_nats)
    assert first.ema.blocks_nats.shape == (STEPS.size, noise.blocks)
    (again, _) = sweep(LAW, (1000,), STEPS, 1_000_000, 2, noise)
    assert np.array_equal(first.ema.loss_nats, again.ema.loss_nats)


def test_the_error_between_record_points_is_the_paired_one():
    noise = SimulatedNoise(
        seed=0.0, floor_nats=0.0, paired_nats=1e-3, difficulty_nats=0.5, blocks=64
    )
    steps = np.arange(2000)
    (curve,) = sweep(LAW, (1000,), steps, 1_000_000, 1, noise)
    errors = curve.ema.blocks_nats.mean(axis=1) - LAW.loss(1000, curve.label_tokens)
    assert np.std(np.diff(errors[1:])) == pytest.approx(np.sqrt(2) * 1e-3, rel=0.1)
