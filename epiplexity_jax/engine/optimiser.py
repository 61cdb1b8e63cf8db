"""Adam with gradient clipping, warm-up and the EMA of weights."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

Step = Int[Array, ""]
Count = int | np.int32 | Int[Array | np.ndarray, ""]
Real = float | np.float32 | Float[Array | np.ndarray, ""]
CLIP_NORM = 1.0
BETAS = (0.9, 0.95)
EPSILON = 1e-20


def optimiser() -> optax.GradientTransformation:
    """Gradients to Adam directions; the learning rate is applied by `descend`."""
    return optax.chain(
        optax.clip_by_global_norm(CLIP_NORM),
        optax.scale_by_adam(b1=BETAS[0], b2=BETAS[1], eps=EPSILON),
    )


def warmup(step: Step, learning_rate: Real, warmup_steps: Count) -> Float[Array, ""]:
    """Learning rate of a step: linear warm-up, then constant.

    Args:
        step: from 0.
        learning_rate: after warm-up.
        warmup_steps: of warm-up.
    """
    done = (step + 1) / jnp.maximum(warmup_steps, 1)
    return jnp.asarray(learning_rate) * jnp.minimum(done, 1.0)


def descend(params: Any, directions: Any, rate: Float[Array, ""], scales: Any) -> Any:
    """Subtract rate x scale x direction from the parameters, leaf by leaf.

    Args:
        params: pytree of float32 arrays.
        directions: of the same structure.
        rate: the base learning rate of the step.
        scales: multiple of the base rate for each leaf.
    """
    return jax.tree.map(lambda p, d, s: p - rate * s * d, params, directions, scales)


def average(ema: Any, params: Any, step: Step, ema_steps: Count, growth: Real = 0.0) -> Any:
    """Average so that a new value weighs 1 / min(step + 1, window): no memory of step 0.

    Args:
        ema: the average before.
        params: the new weights.
        step: from 0.
        ema_steps: the window, or its least where it grows.
        growth: the window grows as growth x step (Qiu et al. 2026).
    """
    window = jnp.maximum(ema_steps, growth * step)
    weight = 1.0 / jnp.minimum(step + 1, window)
    return jax.tree.map(lambda e, p: e + weight * (p - e), ema, params)
