"""Reductions of rows: over the last axis, of float32 arrays."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Rows = Float[Array, "*rows entries"]
Reduced = Float[Array, "*rows"]


def row_max(x: Rows, platform: str) -> Reduced:
    """The largest entries of x [..., n] over its last axis: [...].

    XLA reduces a row of more than 32 entries on a CPU one entry after the other; half against half
    is computed a vector at a time. Accelerators get the plain reduction.
    """
    if platform != "cpu":
        return x.max(-1)
    while (entries := x.shape[-1]) > 1:
        half = (entries + 1) // 2  # halves share an entry where the number is odd
        x = jnp.maximum(x[..., :half], x[..., entries - half :])
    return x[..., 0]


def split_logsumexp(logits: Rows, platform: str) -> tuple[Reduced, Reduced]:
    """Two parts [...] whose sum is the log of the sum of exponentials of logits [..., V].

    The first is the largest logit. A caller that subtracts it from a logit before it subtracts the
    second keeps what is small beside both.
    """
    most = row_max(jax.lax.stop_gradient(logits), platform)
    return most, jnp.log(jnp.exp(logits - most[..., None]).sum(-1))
