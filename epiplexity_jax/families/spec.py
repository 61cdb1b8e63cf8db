"""What a family is: sizes, exact costs, and models trained on devices or counted on the host."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources.spec import SourceInfo


@dataclass(frozen=True)
class Size:
    """The size of a member; what does not apply to its family is None."""

    width: int | None = None
    depth: int | None = None
    order: int | None = None
    name: str | None = None

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        parts = {"width": self.width, "depth": self.depth, "order": self.order}
        return " ".join(f"{name} {value}" for name, value in parts.items() if value is not None)


@dataclass(frozen=True)
class Task:
    """What a model must fit: hashable, so that it can key a compiled program.

    Attributes:
        vocab_size: V, symbols of a label.
        length: L, tokens of one sequence.
        label_mask: L flags, the tokens that are predicted and paid for.
        input_vocab_size: symbols of an input token, without the start token; None is V.
        features: F, where the input is one vector of real numbers and the label one token (then
            L is 2); None for tokens.
    """

    vocab_size: int
    length: int
    label_mask: tuple[bool, ...]
    input_vocab_size: int | None = None
    features: int | None = None

    @classmethod
    def of(cls, info: SourceInfo) -> "Task":
        """The task of a source."""
        mask = tuple(bool(paid) for paid in info.label_mask)
        return cls(info.vocab_size, info.length, mask, info.input_vocab_size, info.features)

    @property
    def num_input_ids(self) -> int:
        """Symbols that an input token may be, the start token (the last of them) included."""
        return (self.input_vocab_size or self.vocab_size) + self.has_bos

    @property
    def label_tokens(self) -> int:
        """Label tokens of one sequence: these are paid for."""
        return sum(self.label_mask)

    @property
    def total_tokens(self) -> int:
        """Input and label tokens of one sequence, the start token counted: these take time."""
        return self.length + self.has_bos

    @property
    def has_bos(self) -> bool:
        """Whether a start token, the id behind the last input symbol, precedes the sequence."""
        return self.label_mask[0]

    @property
    def input_length(self) -> int:
        """Positions that a model reads: the last token is never an input."""
        return self.length - 1 + self.has_bos

    @property
    def target_positions(self) -> tuple[int, ...]:
        """Input positions whose next token is a label: P of them."""
        shift = 0 if self.has_bos else 1
        return tuple(i - shift for i, paid in enumerate(self.label_mask) if paid)


@dataclass(frozen=True)
class Cost:
    """What a model costs.

    Attributes:
        params: N, all parameters, embeddings and start token included.
        train_flops_per_token: FLOPs of training per (input or label) token; 6 N if dense.
        eval_flops_per_token: FLOPs of evaluation per (input or label) token; 2 N if dense.
    """

    params: int
    train_flops_per_token: float
    eval_flops_per_token: float


class Model(Protocol):
    """A model trained by gradients on the device."""

    @property
    def cost(self) -> Cost:
        """What it costs."""
        ...

    def init(self, key: jax.Array) -> Any:
        """Initial parameters: a pytree of float32 arrays."""
        ...

    def logits(self, params: Any, inputs: jax.Array) -> jax.Array:
        """Inputs to logits [B, P, V] float32 at the paid positions.

        Inputs are tokens [B, input_length] int32 or, where the task has features, [B, F] float32.
        """
        ...

    def rate_scales(self, params: Any) -> Any:
        """Each leaf's learning rate as a multiple of the base learning rate."""
        ...


Start = int | jax.Array  # a position, static or not


@runtime_checkable
class Decoder(Protocol):
    """What a `Model` may offer besides: reading a sequence piece by piece, for sampling."""

    def empty_cache(self, batch: int, room: int) -> Any:
        """What is kept of B sequences of which nothing was read: a pytree of arrays.

        It has places for `room` positions. Written into the beginning of a larger empty one, each
        array at index 0, a cache keeps what it holds.
        """
        ...

    def decode(
        self, params: Any, cache: Any, inputs: jax.Array, start: Start
    ) -> tuple[jax.Array, Any]:
        """Read the next inputs [B, n] int32, which stand at positions start..start+n-1.

        Returns:
            What `logits` gives at the last of them, [B, V] float32; and the cache afterwards, of
            the same shapes.
        """
        ...


@runtime_checkable
class Rematerialisable(Protocol):
    """What a `Model` may offer besides: gradients with less memory."""

    def rematerialised(self) -> Model:
        """The same model, of which a backward pass computes again what it could have held.

        Gradients are the same up to rounding, with the same parameters.
        """
        ...


class Coder(Protocol):
    """A model that codes online on the host, exact at every token."""

    @property
    def cost(self) -> Cost:
        """What it costs."""
        ...

    def observe(self, sequences: np.ndarray) -> np.ndarray:
        """Code, then learn, token by token: [n, L] integers to [n] float64 nats (label tokens)."""
        ...

    def evaluate(self, sequences: np.ndarray) -> np.ndarray:
        """Code with what is known so far, learning nothing: [n, L] to [n] float64 nats."""
        ...


@runtime_checkable
class DeviceFamily(Protocol):
    """A family whose members train by gradients on the device."""

    @property
    def kind(self) -> str:
        """Name of the family."""
        ...

    @property
    def seeds(self) -> int:
        """Members per size and learning rate."""
        ...

    @property
    def learning_rates(self) -> tuple[float, ...] | None:
        """Base learning rates, each a member of its own; None: that of the training."""
        ...

    def sizes(self) -> tuple[Size, ...]:
        """The sizes of the family, one for every architecture."""
        ...

    def model(self, size: Size, task: Task, compute_dtype: str) -> Model:
        """The model of one size; equal arguments give models that compare equal."""
        ...


@runtime_checkable
class HostFamily(Protocol):
    """A family whose members count on the host."""

    @property
    def kind(self) -> str:
        """Name of the family."""
        ...

    @property
    def seeds(self) -> int:
        """Members per size."""
        ...

    def sizes(self) -> tuple[Size, ...]:
        """The sizes of the family."""
        ...

    def coder(self, size: Size, task: Task) -> Coder:
        """A fresh coder of one size."""
        ...


Family = DeviceFamily | HostFamily


def task_for(family: Family, info: SourceInfo) -> Task:
    """What a family's models must fit.

    A family without a start token (`start_token` is False) does not score the first token of a
    source without inputs.

    Raises:
        ConfigError: when nothing is left to score.
    """
    task = Task.of(info)
    if getattr(family, "start_token", True) or not task.has_bos:
        return task
    task = dataclasses.replace(task, label_mask=(False, *task.label_mask[1:]))
    if not task.label_tokens:
        raise ConfigError("length: a model without a start token needs sequences of 2 tokens")
    return task
