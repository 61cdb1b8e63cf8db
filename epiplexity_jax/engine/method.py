"""How a member trains: what one iteration does with a batch, and what is scored of it.

A method is static (hashable, part of the compiled program); its states and infos are pytrees of
arrays. `PrequentialMethod` learns from data; `requential.RequentialMethod` has a teacher and a
student.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from epiplexity_jax.engine.recorder import Recorder
from epiplexity_jax.engine.state import Hyperparameters, MemberState, StepInfo, initial_state
from epiplexity_jax.engine.step import train_step
from epiplexity_jax.families.spec import Model
from epiplexity_jax.sources.spec import Batch


class Method(Protocol):
    """What the engine asks of a way to train."""

    @property
    def num_weight_sets(self) -> int:
        """W, sets of weights that a record point scores."""
        ...

    @property
    def recorder(self) -> type[Recorder]:
        """What collects a run on the host."""
        ...

    def init(self, params: Any, samples: jax.Array) -> Any:
        """The state of an untrained member; `samples` is its own key for drawing samples."""
        ...

    def update(
        self,
        model: Model,
        state: Any,
        batch: Batch,
        hyper: Hyperparameters,
        microbatch: int | None,
    ) -> tuple[Any, Any]:
        """One iteration on a batch of real data: the state after it, and what it reports."""
        ...

    def empty_info(self) -> Any:
        """What an iteration reports in which nothing ran: NaN throughout."""
        ...

    def data_steps(self, state: Any) -> jax.Array:
        """[] int32, real batches learnt so far: the next one's place in the stream."""
        ...

    def active(self, state: Any) -> jax.Array:
        """[] bool, whether all has been finite so far."""
        ...

    def deactivate(self, state: Any, resting: Any) -> Any:
        """The state, ended where `resting` ([] or [C] bool) is true."""
        ...

    def weights(self, state: Any) -> tuple[Any, ...]:
        """The W sets of weights that a record point scores."""
        ...


@dataclass(frozen=True)
class PrequentialMethod:
    """A model learns from data; EMA and raw weights are scored."""

    num_weight_sets: int = 2
    recorder: type[Recorder] = Recorder

    def init(self, params: Any, samples: jax.Array) -> MemberState:
        """See `Method`."""
        del samples
        return initial_state(params)

    def update(
        self,
        model: Model,
        state: MemberState,
        batch: Batch,
        hyper: Hyperparameters,
        microbatch: int | None,
    ) -> tuple[MemberState, StepInfo]:
        """See `Method`."""
        return train_step(model, state, batch, hyper, microbatch)

    def empty_info(self) -> StepInfo:
        """See `Method`."""
        return StepInfo(jnp.float32(jnp.nan), jnp.float32(jnp.nan))

    def data_steps(self, state: MemberState) -> jax.Array:
        """See `Method`."""
        return state.step

    def active(self, state: MemberState) -> jax.Array:
        """See `Method`."""
        return state.active

    def deactivate(self, state: MemberState, resting: Any) -> MemberState:
        """See `Method`."""
        return state.replace(active=state.active & ~resting)

    def weights(self, state: MemberState) -> tuple[Any, ...]:
        """EMA and raw weights."""
        return state.ema, state.params
