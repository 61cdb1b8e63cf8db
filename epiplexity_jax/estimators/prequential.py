"""Prequential coding: one model learns from data, EMA and raw weights are scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.recorder import Recorder
from epiplexity_jax.engine.state import (
    Hyperparameters,
    MemberState,
    StepInfo,
    StepStatus,
    initial_state,
)
from epiplexity_jax.engine.step import train_step
from epiplexity_jax.estimators.config import Prequential
from epiplexity_jax.families.spec import Cost, Model
from epiplexity_jax.sources.spec import Batch, SourceInfo


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
        return StepInfo(jnp.float32(0), jnp.float32(0), jnp.int32(StepStatus.NOT_RUN))

    def data_steps(self, state: MemberState) -> jax.Array:
        """See `Method`."""
        return state.step

    def active(self, state: MemberState) -> jax.Array:
        """See `Method`."""
        return state.active

    def deactivate(self, state: MemberState, where: Any) -> MemberState:
        """See `Method`."""
        return state.replace(active=state.active & ~where)

    def weights(self, state: MemberState) -> tuple[Any, ...]:
        """EMA and raw weights."""
        return state.ema, state.params


@dataclass(frozen=True)
class PrequentialEstimator:
    """The estimator of a `prequential` config section (see `spec.Estimator`)."""

    config: Prequential
    method: PrequentialMethod = PrequentialMethod()
    state_copies: int = 5  # weights, their average, two moments, a gradient
    resumable: bool = True

    def hyper(self) -> dict[str, Any]:
        """The window of the EMA."""
        return {"ema_steps": self.config.ema_steps}

    def identity(self, steps: int) -> dict[str, Any]:
        """The window of the EMA; variant and floor only read a history."""
        del steps
        return {"ema_steps": self.config.ema_steps}

    def iterations(self, steps: int) -> int:
        """The steps themselves: nothing waits."""
        return steps

    def variants(self, info: SourceInfo, counts: bool) -> tuple[str, ...]:
        """Paired and online, of counts online alone; exact where asked for or data is replayed."""
        if info.replays > 1:
            return ("exact",)
        usual = ("online",) if counts else ("paired", "online")
        return (*usual, "exact") if self.config.variant == "exact" else usual

    def flops_per_token(self, cost: Cost, sampling_passes: int) -> float:
        """FLOPs of one training step per token."""
        del sampling_passes
        return cost.train_flops_per_token

    def check(self, family: str, counts: bool, sources: Mapping[str, SourceInfo]) -> None:
        """Refuse paired codes of counts, other codes than exact of replayed data, unknown floors.

        Args: those of `spec.Estimator.check`.

        Raises:
            ConfigError: naming the key.
        """
        variant, floor = self.config.variant, self.config.floor
        if variant == "paired" and counts:
            raise ConfigError(f"estimator.variant: a {family} family is coded online, not paired")
        for name, info in sources.items():
            if info.replays > 1 and variant not in (None, "exact"):
                raise ConfigError(
                    f"estimator.variant: source {name!r} replays its data {info.replays} times, "
                    "and what was read before is not new to the model, so "
                    f"{variant} would take memorised noise for structure; use exact"
                )
            if floor != "entropy_rate":
                continue
            if info.replays > 1:
                raise ConfigError(
                    f"estimator.floor: source {name!r} replays its data, so it is coded in the "
                    "exact variant, which ends at the final model; use ema or raw"
                )
            if info.entropy_rate_nats is None:
                raise ConfigError(
                    f"estimator.floor: the entropy rate of source {name!r} is not known; "
                    "use ema or raw"
                )
