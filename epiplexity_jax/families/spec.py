"""Families: sizes, exact costs, and models trained on devices or counted on the host."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float, Float64, Int, Integer, Key

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.task import Inputs, Task, Tokens
from epiplexity_jax.sources.spec import MaskedTokens, SourceInfo, WithReals

Logits = Float[Array, "batch targets vocab"]
Sequences = Integer[np.ndarray, "sequences length"] | MaskedTokens
Nats = Float64[np.ndarray, " sequences"]
Start = int | Int[Array, ""]  # a position, static or not


@dataclass(frozen=True)
class Size:
    """The size of a member: the values of its family's axes, in their order.

    >>> str(Size.of(width=16, depth=2)), str(Size.of(name="mine"))
    ('width 16 depth 2', 'mine')
    """

    values: tuple[tuple[str, int | float | str], ...]

    @classmethod
    def of(cls, **axes: int | float | str) -> "Size":
        """Make a size of values by axis: `Size.of(width=16, heads=4)`; `name` stands alone."""
        return cls(tuple(axes.items()))

    @property
    def axes(self) -> Mapping[str, int | float | str]:
        """Values by axis."""
        return dict(self.values)

    def __getitem__(self, axis: str) -> Any:
        return self.axes[axis]

    def get(self, axis: str) -> Any:
        """The value on an axis, None where the family has no such axis."""
        return self.axes.get(axis)

    def __str__(self) -> str:
        return " ".join(str(v) if axis == "name" else f"{axis} {v}" for axis, v in self.values)


@dataclass(frozen=True)
class Axis:
    """Mark of a config field whose values are the family's sizes along one axis.

    As in `widths: Annotated[tuple[int, ...], Axis("width", least=1)]`. What decides a run's
    identity leaves such fields out, as each run has a size of its own.

    Attributes:
        name: name of the axis in `Size`.
        least: smallest value, 0 or 1, that `config.FamilyConfig` allows; None: no check.
    """

    name: str
    least: int | None = None

    @staticmethod
    def fields(config: Config | type[Config]) -> dict[str, "Axis"]:
        """The axes of a config class by the names of their fields, in order."""
        cls = config if isinstance(config, type) else type(config)
        marks = {name: field.metadata for name, field in cls.model_fields.items()}
        return {name: m for name, found in marks.items() for m in found if isinstance(m, Axis)}


@dataclass(frozen=True)
class Cost:
    """Exact cost of a model.

    Attributes:
        params: N, all parameters, embeddings and BOS token included.
        train_flops_per_token: FLOPs of training per (input or label) token; 6 N if dense.
        eval_flops_per_token: FLOPs of evaluation per (input or label) token; 2 N if dense.

    Raises:
        ConfigError: when FLOPs are not positive and finite: lengths are compared at equal compute.
    """

    params: int
    train_flops_per_token: float
    eval_flops_per_token: float

    def __post_init__(self) -> None:
        """Refuse FLOPs that no budget can pay for."""
        for name in ("train_flops_per_token", "eval_flops_per_token"):
            if not 0 < (value := getattr(self, name)) < math.inf:
                raise ConfigError(
                    f"{name}: must be positive and finite, got {value}; state what a token takes, "
                    "or 1 where that is nothing"
                )


@runtime_checkable
class Model(Protocol):
    """A model trained by gradients on the device."""

    @property
    def task(self) -> Task:
        """Return the task: where labels and inputs are."""
        ...

    @property
    def cost(self) -> Cost:
        """Parameters and FLOPs per token."""
        ...

    @property
    def platform(self) -> str:
        """Platform of the devices that compute it: "cpu", "gpu" or "tpu"."""
        ...

    def init(self, key: Key[Array, ""]) -> Any:
        """Draw initial parameters: a pytree of float32 arrays."""
        ...

    def logits(self, params: Any, inputs: Inputs) -> Logits:
        """Map inputs to logits [B, P, V] float32 at the target positions.

        Inputs are tokens [B, input_length] int32, `WithReals` of them where the task has real
        positions, or [B, F] float32 where it has features.
        """
        ...

    def rate_scales(self, params: Any) -> Any:
        """Each leaf's learning rate as a multiple of the base learning rate."""
        ...


@runtime_checkable
class Decoder(Protocol):
    """Optional part of a `Model`: decoding with a cache, for sampling."""

    def empty_cache(self, batch: int, room: int) -> Any:
        """Make the cache of B sequences of which nothing was read: a pytree of arrays.

        It has places for `room` positions. Written into the beginning of a larger empty one, each
        array at index 0, a cache keeps its content.
        """
        ...

    def decode(
        self, params: Any, cache: Any, inputs: Tokens | WithReals, start: Start
    ) -> tuple[Float[Array, "batch vocab"], Any]:
        """Read the next inputs [B, n] int32.

        They are `WithReals` where `start` is 0 and the task has real positions, which all lie among
        these n; no later inputs have vectors.

        Args:
            params: parameters.
            cache: cache of the positions before `start`.
            inputs: tokens of positions start..start+n-1.
            start: position of the first of them.

        Returns:
            The logits at the last of them, [B, V] float32, as `logits` computes them; and the cache
            after it, of the same shapes.
        """
        ...


@runtime_checkable
class Rematerialisable(Protocol):
    """Optional part of a `Model`: gradients with less memory."""

    def rematerialised(self) -> Model:
        """The same model, whose backward pass recomputes activations instead of holding them.

        Gradients are the same up to rounding, with the same parameters.
        """
        ...


@runtime_checkable
class SelfDescribed(Protocol):
    """Optional part of a `Model`: what the family's config does not say of it."""

    @property
    def fingerprint(self) -> str:
        """Digest of its program, for models that a config cannot tell apart; else empty."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the reader of its results."""
        ...

    @property
    def states_cost(self) -> bool:
        """True if its cost was stated and does not follow from its config."""
        ...


@runtime_checkable
class MixedPrecision(Protocol):
    """Optional part of a `Model`: activations of another type than its parameters."""

    def in_float32(self) -> Model:
        """The same model with activations in float32, which may be itself."""
        ...


@runtime_checkable
class Coder(Protocol):
    """A model that codes online on the host, exact at every token."""

    @property
    def cost(self) -> Cost:
        """Parameters and FLOPs per token."""
        ...

    def observe(self, sequences: Sequences) -> Nats:
        """Code, then learn, token by token: n sequences to [n] float64 nats (label tokens).

        They are [n, L] integers, or `MaskedTokens` where the task's labels vary.
        """
        ...

    def evaluate(self, sequences: Sequences) -> Nats:
        """Code with the counts so far, learning nothing: n sequences to [n] float64 nats."""
        ...


class _Family(Protocol):
    """The part that both sorts of family share."""

    @property
    def kind(self) -> str:
        """Name of the family."""
        ...

    @property
    def seeds(self) -> int:
        """Members per size, learning rate and batch."""
        ...

    def sizes(self) -> tuple[Size, ...]:
        """The sizes of the family, one for every architecture."""
        ...


@runtime_checkable
class DeviceFamily(_Family, Protocol):
    """A family whose members train by gradients on the device."""

    @property
    def learning_rates(self) -> tuple[float, ...] | None:
        """Base learning rates, each a member of its own; None: that of the training."""
        ...

    def model(self, size: Size, task: Task, compute_dtype: str, platform: str) -> Model:
        """Make the model of one size; equal arguments give models that compare equal.

        Args:
            size: one of `sizes()`, or another on the same axes.
            task: the model's task.
            compute_dtype: type of the activations: "float32" or "bfloat16".
            platform: platform of the devices that will train it: "cpu", "gpu" or "tpu".

        Raises:
            ConfigError: when there is no such model for the task.
        """
        ...


@runtime_checkable
class HostFamily(_Family, Protocol):
    """A family whose members count on the host."""

    def coder(self, size: Size, task: Task) -> Coder:
        """Make a coder of one size that has seen nothing.

        Raises:
            ConfigError: when there is no such coder for the task.
        """
        ...


Family = DeviceFamily | HostFamily


def task_for(family: Family, info: SourceInfo) -> Task:
    """The task of a family's models on a source.

    A family without a BOS token (`start_token` is False) does not score the first token of a
    source without inputs.

    Raises:
        ConfigError: when no token is left to score, or the source has real numbers at some
            positions and the family does not read them (`reads_reals` is not True).
    """
    if info.real_positions and not getattr(family, "reads_reals", False):
        raise ConfigError(
            f"family.kind: {family.kind} reads tokens alone, and the source gives real numbers at "
            f"{len(info.real_positions)} positions; use transformer, recurrent or mlp, or a source "
            "of tokens"
        )
    task = Task.of(info)
    if getattr(family, "start_token", True) or not task.has_bos:
        return task
    task = dataclasses.replace(task, label_mask=(False, *task.label_mask[1:]))
    if not task.label_tokens:
        raise ConfigError("length: a model without a start token needs sequences of 2 tokens")
    return task
