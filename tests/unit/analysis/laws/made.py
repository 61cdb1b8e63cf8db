"""Losses that follow a law, with and without noise."""

import numpy as np

from epiplexity_jax.analysis.laws.points import LossPoints
from epiplexity_jax.analysis.scaling_law import ScalingLaw

LAW = ScalingLaw(0.4, 0.3, 50.0, 2000.0, 1.5)


def points_of(sizes=(1e3, 1e4, 1e5, 1e6), lengths=(1e5, 1e6, 1e7, 1e8), noise=0.0, law=LAW):
    params, tokens = (grid.ravel() for grid in np.meshgrid(sizes, lengths))
    drawn = np.random.default_rng(0).standard_normal(params.size)
    return LossPoints.of(params, tokens, law.loss(params, tokens) * np.exp(noise * drawn))
