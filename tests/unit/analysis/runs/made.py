"""Curves of runs, made by hand."""

import numpy as np

from epiplexity_jax.analysis import Curve, HeldoutLosses, StepCost

STEPS = np.array([0, 1, 2, 3, 4])
LOSS = np.array([1.0, 0.7, 0.5, 0.4, 0.35])


def make(**changes):
    options = {
        "source": "toy",
        "size": "w8",
        "params": 100,
        "vocab_size": 4,
        "steps": STEPS,
        "cost": StepCost.dense(100, 10),
        "ema": HeldoutLosses(LOSS),
    }
    return Curve(**(options | changes))


def blocks_around(loss, seed=0, count=8):
    generator = np.random.default_rng(seed)
    return loss[:, None] + 0.05 * generator.standard_normal((loss.size, count))
