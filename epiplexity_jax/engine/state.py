"""State of a member in training, and the values in which members of a cohort differ."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import struct
from jaxtyping import Array, Bool

from epiplexity_jax.engine.optimiser import Window, optimiser

Flags = np.bool_ | Bool[Array | np.ndarray, "*members"]


class StepStatus(IntEnum):
    """Outcome of one iteration of one member, [] int32 in compiled programs."""

    OK = 0
    WAITED = 1
    """The student learnt, its teacher did not."""
    NOT_RUN = 2
    """The member was inactive, or at its end."""
    NOT_FINITE = 3
    """A loss or gradient was not finite; the member is inactive from here on."""


class Hyperparameters(NamedTuple):
    """Values, not shapes: members that differ only in these share one compiled program.

    Attributes:
        learning_rate: [] float32, the base learning rate.
        warmup_steps: [] int32, steps of linear warm-up.
        ema: window of the averaged weights, of a teacher too.
        student_ema: window of a requential student's averaged weights; None: that of `ema`.
        max_kl: [] float32, nats per label token of the last message above which a requential
            teacher waits.
    """

    learning_rate: Any
    warmup_steps: Any
    ema: Window = Window()
    student_ema: Window | None = None
    max_kl: Any = float("inf")

    @classmethod
    def stack(cls, members: Sequence["Hyperparameters"]) -> "Hyperparameters":
        """Stack the values of C members: [C] each, in the dtypes of a cohort's programs."""
        filled = [one._replace(student_ema=one.of_student.ema) for one in members]
        return jax.tree.map(lambda dtype, *values: np.array(values, dtype), _DTYPES, *filled)

    @property
    def of_student(self) -> "Hyperparameters":
        """The values by which a student learns."""
        return self if self.student_ema is None else self._replace(ema=self.student_ema)


_WINDOW = Window(np.int32, np.float32, np.int32)
_DTYPES = Hyperparameters(np.float32, np.int32, _WINDOW, _WINDOW, np.float32)


class MemberState(struct.PyTreeNode):
    """One member; under a cohort every leaf has a leading axis C.

    Attributes:
        params: the raw weights.
        ema: the averaged weights, same tree.
        optimiser: Optax state.
        step: [] int32, steps taken: number of the next batch in the member's stream.
        active: [] bool, False once a loss or gradient was not finite.
    """

    params: Any
    ema: Any
    optimiser: Any
    step: Any
    active: Any

    @property
    def weights(self) -> tuple[Any, ...]:
        """The sets of weights that a record point scores."""
        return self.ema, self.params

    def deactivate(self, where: Flags) -> "MemberState":
        """The state, inactive where `where` ([] or [C]) is True."""
        return self.replace(active=self.active & ~where)


class StepInfo(NamedTuple):
    """Losses and outcome of one step.

    Attributes:
        loss_sum: [] float32 nats over the label tokens of the batch, before the update.
        loss_var: [] float32 nats^2, variance of `loss_sum` from the spread between sequences.
        status: [] int32, a `StepStatus`.
        losses: [B] float32 nats of each sequence, whose sum `loss_sum` is.
        labels: [B] int32 label tokens of each sequence, which the engine fills in; None where all
            have as many.
    """

    loss_sum: Any
    loss_var: Any
    status: Any
    losses: Any
    labels: Any = None


def initial_state(params: Any) -> MemberState:
    """Make the state of an untrained member; its EMA equals its weights."""
    return MemberState(
        params=params,
        ema=jax.tree.map(jax.numpy.copy, params),
        optimiser=optimiser().init(params),
        step=jax.numpy.zeros((), jax.numpy.int32),
        active=jax.numpy.ones((), bool),
    )


def empty_step(sequences: int, status: StepStatus) -> StepInfo:
    """The info of a step on a batch of B that nothing was learnt from: zeros and a status."""
    none = jax.numpy.zeros((), jax.numpy.float32)
    losses = jax.numpy.zeros(sequences, jax.numpy.float32)
    return StepInfo(none, none, jax.numpy.int32(status), losses)
