"""Families: sizes, exact costs, and models trained on devices or counted on the host."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64, Int, Integer, Key, Shaped

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources.spec import Batch, MaskedTokens, SourceInfo

AnyArray = Array | np.ndarray
Tokens = Int[AnyArray, "batch length"]
Inputs = Tokens | Float[AnyArray, "batch features"]
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
class Task:
    """The task of a model: hashable, so that it can key a compiled program.

    Attributes:
        vocab_size: V, symbols of a label.
        length: L, tokens of one sequence.
        label_mask: L flags, the tokens that are predicted and paid for; where labels vary, those
            that are a label of some sequence.
        input_vocab_size: symbols of an input token, without the BOS token; None is V.
        features: F, where the input is one vector of real numbers and the label one token (then
            L is 2); None for tokens.
        labels_vary: whether each sequence of a batch has a label mask of its own.
    """

    vocab_size: int
    length: int
    label_mask: tuple[bool, ...]
    input_vocab_size: int | None = None
    features: int | None = None
    labels_vary: bool = False

    @classmethod
    def of(cls, info: SourceInfo) -> "Task":
        """The task of a source."""
        mask = tuple(bool(is_label) for is_label in info.label_mask)
        sizes = (info.input_vocab_size, info.features)
        return cls(info.vocab_size, info.length, mask, *sizes, info.labels_vary)

    @property
    def num_input_ids(self) -> int:
        """Symbols that an input token may be, the BOS token (the last of them) included."""
        return (self.input_vocab_size or self.vocab_size) + self.has_bos

    @property
    def label_tokens(self) -> int:
        """P, label tokens of one sequence, at the most where they vary: these are paid for."""
        return sum(self.label_mask)

    def mean_labels(self, info: SourceInfo) -> float:
        """Label tokens of a sequence of a source, on average."""
        if info.label_shares is None:
            return self.label_tokens
        return float(info.label_shares[np.asarray(self.label_mask)].sum())

    def paid(self, batch: Batch) -> Any:
        """Flags [..., P] of the labels that each sequence pays for; None where all pay for all."""
        if not isinstance(batch, MaskedTokens):
            return None
        return batch.mask[..., np.flatnonzero(np.asarray(self.label_mask))]

    def label_counts(self, batch: Batch) -> Any:
        """Number of labels that each sequence pays for, [...] int32; None where it is P of all."""
        paid = self.paid(batch)
        return None if paid is None else paid.sum(axis=-1, dtype=np.int32)

    @property
    def total_tokens(self) -> int:
        """Input and label tokens of one sequence, the BOS token counted: these take time."""
        return self.length + self.has_bos

    @property
    def has_bos(self) -> bool:
        """True if a BOS token, the id behind the last input symbol, precedes the sequence."""
        return self.label_mask[0]

    @property
    def input_length(self) -> int:
        """Positions that a model reads: the last token is never an input."""
        return self.length - 1 + self.has_bos

    @property
    def target_positions(self) -> tuple[int, ...]:
        """Input positions whose next token is a label: P of them."""
        shift = 0 if self.has_bos else 1
        return tuple(i - shift for i, is_label in enumerate(self.label_mask) if is_label)

    def inputs_like(self, batch: int) -> jax.ShapeDtypeStruct:
        """Shape and type of a model's inputs: [B, input_length] int32 or [B, F] float32."""
        if self.features is not None:
            return jax.ShapeDtypeStruct((batch, self.features), jnp.float32)
        return jax.ShapeDtypeStruct((batch, self.input_length), jnp.int32)

    def blank_inputs(self) -> Shaped[Array, "1 inputs"]:
        """Inputs of one sequence, all zero, for `init`."""
        return jnp.zeros_like(self.inputs_like(1))


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

        Inputs are tokens [B, input_length] int32 or, where the task has features, [B, F] float32.
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
        self, params: Any, cache: Any, inputs: Tokens, start: Start
    ) -> tuple[Float[Array, "batch vocab"], Any]:
        """Read the next inputs [B, n] int32.

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
        """Members per size and learning rate."""
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
        ConfigError: when no token is left to score.
    """
    task = Task.of(info)
    if getattr(family, "start_token", True) or not task.has_bos:
        return task
    task = dataclasses.replace(task, label_mask=(False, *task.label_mask[1:]))
    if not task.label_tokens:
        raise ConfigError("length: a model without a start token needs sequences of 2 tokens")
    return task
