"""Adam with gradient clipping, warm-up and the EMA of weights (DESIGN.md, section 2)."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

CLIP_NORM = 1.0
BETAS = (0.9, 0.95)
EPSILON = 1e-20


def optimiser() -> optax.GradientTransformation:
    """Gradients to Adam directions; the learning rate is applied by `descend`."""
    return optax.chain(
        optax.clip_by_global_norm(CLIP_NORM),
        optax.scale_by_adam(b1=BETAS[0], b2=BETAS[1], eps=EPSILON),
    )


def warmup(step: jax.Array, learning_rate: ArrayLike, warmup_steps: ArrayLike) -> jax.Array:
    """Linear warm-up, then constant: [] float32. `step` counts from 0."""
    done = (step + 1) / jnp.maximum(warmup_steps, 1)
    return jnp.asarray(learning_rate) * jnp.minimum(done, 1.0)


def descend(params: Any, directions: Any, rate: jax.Array, scales: Any) -> Any:
    """Parameters minus rate x scale x direction, leaf by leaf."""
    return jax.tree.map(lambda p, d, s: p - rate * s * d, params, directions, scales)


def average(
    ema: Any, params: Any, step: jax.Array, ema_steps: ArrayLike, growth: ArrayLike = 0.0
) -> Any:
    """Average so that a new value weighs 1 / min(step + 1, window): no memory of step 0.

    The window is `ema_steps`, or grows as growth x step beyond that (Qiu et al. 2026).
    """
    window = jnp.maximum(ema_steps, growth * step)
    weight = 1.0 / jnp.minimum(step + 1, window)
    return jax.tree.map(lambda e, p: e + weight * (p - e), ema, params)
