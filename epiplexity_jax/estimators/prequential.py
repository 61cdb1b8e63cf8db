"""Prequential coding: one model learns from data, EMA and raw weights are scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Key

from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.recorder import EXACT, Recorder
from epiplexity_jax.engine.state import (
    Hyperparameters,
    MemberState,
    StepInfo,
    StepStatus,
    empty_step,
    initial_state,
)
from epiplexity_jax.engine.step import train_step
from epiplexity_jax.estimators.config import Prequential
from epiplexity_jax.families.spec import Cost, Model
from epiplexity_jax.sources.spec import Batch, SourceInfo

_EXACT = "training labels scored by the final model, in the last row; exact variant"
_SUM, _RAW_SUM, _VARIANCE = EXACT
_COLUMNS = (
    OwnColumn(_SUM, "nats", f"{_EXACT}, EMA weights"),
    OwnColumn(_RAW_SUM, "nats", f"{_EXACT}, raw weights"),
    OwnColumn(_VARIANCE, "nats^2", "variance of that sum (EMA)"),
)


@dataclass(frozen=True)
class PrequentialMethod:
    """A model learns from data; EMA and raw weights are scored."""

    num_weight_sets: int = 2
    recorder: type[Recorder] = Recorder

    def init(self, params: Any, samples: Key[Array, ""]) -> MemberState:
        """See `Method`."""
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

    def empty_info(self, sequences: int) -> StepInfo:
        """See `Method`."""
        return empty_step(sequences, StepStatus.NOT_RUN)


@dataclass(frozen=True)
class PrequentialEstimator:
    """The estimator of a `prequential` config section (see `spec.Estimator`)."""

    config: Prequential
    method: PrequentialMethod = PrequentialMethod()
    state_copies: int = 5  # weights, their average, two moments, a gradient
    resumable: bool = True
    columns: tuple[OwnColumn, ...] = _COLUMNS
    stream_columns: tuple[OwnColumn, ...] = ()

    def hyper(self) -> dict[str, Any]:
        """The window of the EMA."""
        return {"ema": Window(*self.config.window)}

    def identity(self, steps: int, counts: bool = False) -> dict[str, Any]:
        """The window and fields of a section of one's own; variant and floor read a history."""
        own = self.config.model_dump(mode="json", exclude=set(Prequential.model_fields))
        return own if counts else own | {"ema": list(self.config.window)}

    def iterations(self, steps: int) -> int:
        """The steps themselves: nothing waits."""
        return steps

    def variants(self, info: SourceInfo, counts: bool) -> tuple[str, ...]:
        """Switch, paired and online, of counts online alone; exact where asked for or replayed."""
        if info.replays > 1:
            return ("exact",)
        usual = ("online",) if counts else ("switch", "paired", "online")
        return (*usual, "exact") if self.config.variant == "exact" else usual

    def flops_per_token(self, cost: Cost, sampling_passes: int) -> float:
        """FLOPs of one training step per token."""
        return cost.train_flops_per_token

    def check(self, family: str, counts: bool, sources: Mapping[str, SourceInfo]) -> None:
        """See `Estimator.check`; the code of replayed data is exact, and a floor must be known."""
        variant, floor = self.config.variant, self.config.floor
        if variant in ("switch", "paired") and counts:
            raise ConfigError(f"estimator.variant: family {family} is coded online, not {variant}")
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
            if info.rate_is_unbounded:
                raise ConfigError(
                    f"estimator.floor: the entropy rate of source {name!r} is that of an observer "
                    "without limits on its compute, above which randomness to a bounded one would "
                    "count as structure; use ema or raw"
                )
            if info.entropy_rate_nats is None:
                raise ConfigError(
                    f"estimator.floor: the entropy rate of source {name!r} is not known; "
                    "use ema or raw"
                )
