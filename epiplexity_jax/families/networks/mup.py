"""muP with the CompleteP depth rule: one base learning rate for every width and depth.

Yang et al. 2022 (arXiv 2203.03466), Dey et al. 2025 (arXiv 2505.01618).
A matrix that multiplies activations is a leaf named `kernel` of shape [fan_in, fan_out]: its Adam
learning rate is base / fan_in. Every other leaf (embeddings, positions, norm weights) learns at a
width-independent rate.
"""

from typing import Any

import jax

EMBEDDING_STDDEV = 0.02
VECTOR_RATE = 0.02  # 6e-4 at the default base learning rate of 0.03

hidden_init = jax.nn.initializers.variance_scaling(1.0, "fan_in", "normal")
output_init = jax.nn.initializers.zeros
embedding_init = jax.nn.initializers.normal(EMBEDDING_STDDEV)
norm_init = jax.nn.initializers.ones


def rate_scales(params: Any) -> Any:
    """Each leaf's Adam learning rate, a float, as a multiple of the base learning rate."""

    def scale(path: tuple[Any, ...], leaf: Any) -> float:
        name = getattr(path[-1], "key", None)
        return 1.0 / leaf.shape[-2] if name == "kernel" else VECTOR_RATE

    return jax.tree_util.tree_map_with_path(scale, params)


def branch_scale(depth: int) -> float:
    """The factor of every residual branch: 1 / number of blocks."""
    return 1.0 / depth
