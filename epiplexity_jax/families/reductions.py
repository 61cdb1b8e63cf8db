"""Reductions of rows: over the last axis, of float32 arrays."""

import jax
import jax.numpy as jnp


def row_max(x: jax.Array) -> jax.Array:
    """The largest entries of x [..., n] over its last axis: [...].

    XLA takes a row of more than 32 entries on a CPU apart, one entry after the other; half against
    half is computed a vector at a time. Accelerators get the plain reduction.
    """
    if jax.default_backend() != "cpu":
        return x.max(-1)
    while (entries := x.shape[-1]) > 1:
        half = (entries + 1) // 2  # halves share an entry where the number is odd
        x = jnp.maximum(x[..., :half], x[..., entries - half :])
    return x[..., 0]


def split_logsumexp(logits: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Two parts [...] whose sum is the log of the sum of exponentials of logits [..., V].

    The largest logit, and the rest. A caller that takes the first off a logit before the second
    keeps what is small beside both.
    """
    most = row_max(jax.lax.stop_gradient(logits))
    return most, jnp.log(jnp.exp(logits - most[..., None]).sum(-1))
