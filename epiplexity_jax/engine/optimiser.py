"""Adam with gradient clipping, warm-up and the EMA of weights."""

from typing import Any, NamedTuple

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
        step: number of the step, from 0.
        learning_rate: the rate after warm-up.
        warmup_steps: number of steps of linear warm-up.
    """
    done = (step + 1) / jnp.maximum(warmup_steps, 1)
    return jnp.asarray(learning_rate) * jnp.minimum(done, 1.0)


def descend(params: Any, directions: Any, rate: Float[Array, ""], scales: Any) -> Any:
    """Subtract rate x scale x direction from the parameters, leaf by leaf.

    Args:
        params: pytree of float32 arrays.
        directions: pytree of the same structure, as `optimiser` returns it.
        rate: the base learning rate of the step.
        scales: multiple of the base rate for each leaf.
    """
    return jax.tree.map(lambda p, d, s: p - rate * s * d, params, directions, scales)


class Window(NamedTuple):
    """Window of an exponential moving average of weights: clip(growth t, least, steps) at step t.

    Attributes:
        steps: [] int32, the most.
        growth: [] float32, alpha, the share of the steps so far; 1 keeps the window at `steps`.
        least: [] int32, steps; a window is never longer than the training so far.
    """

    steps: Any = 2**31 - 1
    growth: Any = 0.1
    least: Any = 1


def average(ema: Any, params: Any, step: Step, window: Window) -> Any:
    """Average so that a new value weighs 1 / window; at the first step it is all.

    Args:
        ema: the average before.
        params: the new weights.
        step: number of the step, from 0.
        window: the window, which grows with training, so that early averages are not held back.
    """
    taken = step + 1
    span = jnp.clip(jnp.asarray(window.growth) * taken, window.least, window.steps)
    weight = 1.0 / jnp.clip(span, 1, taken)
    return jax.tree.map(lambda e, p: e + weight * (p - e), ema, params)
