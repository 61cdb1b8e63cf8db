"""Curves of known losses: drawn from a scaling law, or made by hand."""

import math

import numpy as np

from epiplexity_jax.analysis import Curve, HeldoutLosses, StepCost
from epiplexity_jax.analysis.scaling_law import CappedLaw
from epiplexity_jax.analysis.simulate import sweep
from epiplexity_jax.coding import record_points

LAW = CappedLaw(0.331, 0.566, 8.0e1, 2.66e6, 3.14, 256)
TEST = 1e9
STEPS = record_points(500)
SIZES = (4_000, 16_000, 64_000)


def law_sweep(seeds=1, noise=None, sizes=SIZES):
    return sweep(LAW, sizes, STEPS, 4_000_000, seeds, noise)


def toy(loss, *, params=1000, seed=0, error=0.0, **options):
    """A curve with the given held-out losses, whose paired errors have a known size."""
    loss = np.asarray(loss, dtype=np.float64)
    generator = np.random.default_rng([seed, params])
    blocks = loss[:, None] + error * 8 * generator.standard_normal((loss.size, 64))
    blocks[0] = loss[0]
    defaults = {
        "source": "toy",
        "size": f"N{params}",
        "vocab_size": 2,
        "steps": np.arange(loss.size),
        "cost": StepCost.dense(params, 1000),
    }
    heldout = HeldoutLosses(loss, np.full(loss.size, error), blocks)
    return Curve(params=params, seed=seed, ema=heldout, **(defaults | options))


LEARNT = math.log(2.0) * np.exp(-np.arange(31) / 8.0)
