"""The task of a model: which positions it reads and which labels it predicts."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from epiplexity_jax.sources.spec import Batch, MaskedTokens, SourceInfo, WithReals

AnyArray = Array | np.ndarray
Tokens = Int[AnyArray, "batch length"]
Inputs = Tokens | WithReals | Float[AnyArray, "batch features"]


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
        real_positions: K places of a sequence that have a vector of real numbers; none where empty.
        real_width: R, numbers in each of these vectors; None without any.
    """

    vocab_size: int
    length: int
    label_mask: tuple[bool, ...]
    input_vocab_size: int | None = None
    features: int | None = None
    labels_vary: bool = False
    real_positions: tuple[int, ...] = ()
    real_width: int | None = None

    @classmethod
    def of(cls, info: SourceInfo) -> "Task":
        """The task of a source."""
        mask = tuple(bool(is_label) for is_label in info.label_mask)
        return cls(
            info.vocab_size,
            info.length,
            mask,
            info.input_vocab_size,
            info.features,
            info.labels_vary,
            info.real_positions,
            info.real_width,
        )

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

    @property
    def real_inputs(self) -> tuple[int, ...]:
        """Input positions of the vectors: K of them, a BOS token counted."""
        return tuple(place + self.has_bos for place in self.real_positions)

    def inputs_like(self, batch: int) -> Any:
        """Shapes and types of a model's inputs.

        They are [B, input_length] int32, `WithReals` of these and [B, K, R] float32, or [B, F]
        float32.
        """
        if self.features is not None:
            return jax.ShapeDtypeStruct((batch, self.features), jnp.float32)
        tokens = jax.ShapeDtypeStruct((batch, self.input_length), jnp.int32)
        if self.real_width is None:
            return tokens
        shape = (batch, len(self.real_positions), self.real_width)
        return WithReals(tokens, jax.ShapeDtypeStruct(shape, jnp.float32))

    def blank_inputs(self) -> Any:
        """Inputs of one sequence, all zero, for `init`."""
        return jax.tree.map(jnp.zeros_like, self.inputs_like(1))
