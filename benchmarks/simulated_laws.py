"""Grids of simulated sweeps that the benchmarks share."""

import numpy as np

from epiplexity_jax.analysis import Frontier
from epiplexity_jax.analysis.scaling_law import CappedLaw, Optimum

# arXiv 2601.03220, Table 1, with vocabularies of the kind that the data have.
LAWS = {
    "image_8x8": CappedLaw(0.331, 0.566, 8.0e1, 2.66e6, 3.14, 256),
    "image_32x32": CappedLaw(0.258, 0.399, 6.3e1, 1.95e6, 2.30, 256),
    "image_vq_16x16": CappedLaw(0.322, 0.441, 2.7e4, 4.44e7, 4.23, 1024),
    "video_vq_16x16x16": CappedLaw(0.428, 0.718, 3.7e4, 1.79e8, 1.15, 4096),
    "language_chinchilla": CappedLaw(0.339, 0.285, 4.91e7, 1.49e9, 1.69, 50257),
}

# Smallest and largest number of parameters, and test tokens.
GRIDS = {
    "image_8x8": (1e3, 1e6, 1e9),
    "image_32x32": (1e3, 1e6, 1e9),
    "image_vq_16x16": (2e4, 3e6, 1e9),
    "video_vq_16x16x16": (2e4, 3e6, 1e9),
    "language_chinchilla": (3e6, 1e9, 1e10),
}


def inside(
    law: CappedLaw, frontier: Frontier, sizes: list[int], largest_tokens: float, count: int
) -> dict[float, Optimum]:
    """Budgets whose optimum lies inside a grid of sizes and steps, and their optima."""
    test = frontier.test_tokens
    budgets = np.geomspace(frontier.points.time_flops[0], frontier.largest_compute, count)
    optima = {float(compute): law.optimum(float(compute), test) for compute in budgets}
    return {
        compute: best
        for compute, best in optima.items()
        if sizes[0] <= best.params <= sizes[-1]
        and best.train_tokens <= largest_tokens
        and best.epiplexity_bits > 0.0
    }
