"""Base classes of a family's config and of the family that is opened from it."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

from pydantic import model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.families.spec import Axis, Size

_LEAST = {0: "must not be negative", 1: "must be positive"}


_OF_MEMBERS = {"seeds", "learning_rates", "batch_sizes", "flops_per_token"}  # each run has its own


def identity_fields(config: Config) -> dict[str, Any]:
    """Plain values of a family's config that all of its members share, whatever else it lists.

    Axes of sizes, seeds, rates, batches and declared FLOPs are left out: a run's identity holds
    those of its own member.
    """
    return config.model_dump(mode="json", exclude={*Axis.fields(config), *_OF_MEMBERS})


class FamilyConfig(Config):
    """Base of family configs: fields marked as an `Axis`, `seeds`, maybe rates and batches.

    Raises:
        ConfigError: when an axis, the rates or the batches hold a value twice or a wrong one.
    """

    kind: str

    @model_validator(mode="after")
    def _values_make_sense(self) -> "FamilyConfig":
        axes = Axis.fields(self)
        for name, axis in axes.items():
            if axis.least is not None and (least := min(getattr(self, name))) < axis.least:
                raise ValueError(f"{name}: {_LEAST[axis.least]}, got {least}")
        for name in ("learning_rates", "batch_sizes", "flops_per_token"):
            for value in getattr(self, name, None) or ():
                if not 0 < value < math.inf:
                    raise ValueError(f"{name}: must be positive and finite, got {value}")
        for name in (*axes, "learning_rates", "batch_sizes"):
            values = getattr(self, name, None) or ()
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: each value once, got {list(values)}")
        return self


@dataclass(frozen=True)
class ConfiguredFamily:
    """The part of `spec.DeviceFamily` and `spec.HostFamily` that a `FamilyConfig` states."""

    config: Any

    @property
    def kind(self) -> str:
        """See `spec.DeviceFamily`."""
        return self.config.kind

    @property
    def seeds(self) -> int:
        """See `spec.DeviceFamily`."""
        return self.config.seeds

    @property
    def learning_rates(self) -> tuple[float, ...] | None:
        """See `spec.DeviceFamily`."""
        return getattr(self.config, "learning_rates", None)

    @property
    def batch_sizes(self) -> tuple[int, ...] | None:
        """Sequences a step, each a member of its own; None: those of the training."""
        return getattr(self.config, "batch_sizes", None)

    def sizes(self) -> tuple[Size, ...]:
        """Every combination of the axes' values; the first axis varies fastest."""
        axes = Axis.fields(self.config)
        values = [getattr(self.config, name) for name in reversed(axes)]
        names = [axis.name for axis in axes.values()]
        return tuple(
            Size.of(**dict(zip(names, reversed(each), strict=True)))
            for each in itertools.product(*values)
        )
