"""What a member carries through training, and the values in which members of a cohort differ."""

from typing import Any, NamedTuple

import jax
import optax
from flax import struct
from jax.typing import ArrayLike

from epiplexity_jax.engine.optimiser import optimiser


class Hyperparameters(NamedTuple):
    """Values, not shapes: members that differ only in these share one compiled program.

    Attributes:
        learning_rate: [] float32, the base learning rate.
        warmup_steps: [] int32, steps of linear warm-up.
        ema_steps: [] int32, the EMA's window in steps, or its least where it grows.
        ema_growth: [] float32, alpha: the window is max(ema_steps, alpha t) after t steps.
        max_kl: [] float32, nats per label token of the last message above which a requential
            teacher waits.
    """

    learning_rate: ArrayLike
    warmup_steps: ArrayLike
    ema_steps: ArrayLike
    ema_growth: ArrayLike = 0.0
    max_kl: ArrayLike = float("inf")


class MemberState(struct.PyTreeNode):
    """One member; under a cohort every leaf has a leading axis C.

    Attributes:
        params: the raw weights.
        ema: the averaged weights, same tree.
        optimiser: Optax state.
        step: [] int32, steps taken.
        alive: [] bool, False once a loss or gradient was not finite; the member then rests.
    """

    params: Any
    ema: Any
    optimiser: optax.OptState
    step: jax.Array
    active: jax.Array


class StepInfo(NamedTuple):
    """What one step reports.

    Attributes:
        loss_sum: [] float32 nats over the label tokens of the batch, before the update.
        loss_var: [] float32 nats^2, variance of `loss_sum` from the spread between sequences.
    """

    loss_sum: jax.Array
    loss_var: jax.Array


def initial_state(params: Any) -> MemberState:
    """The state of an untrained member; its EMA equals its weights."""
    return MemberState(
        params=params,
        ema=jax.tree.map(jax.numpy.copy, params),
        optimiser=optimiser().init(params),
        step=jax.numpy.zeros((), jax.numpy.int32),
        active=jax.numpy.ones((), bool),
    )
