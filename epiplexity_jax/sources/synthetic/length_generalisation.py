"""Algorithmic tasks on inputs of different length, drawn on the device."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32, Key
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import key
from epiplexity_jax.sources.batches import labels_note
from epiplexity_jax.sources.spec import Batch, MaskedTokens, SourceInfo, Synthetic

Task = Literal["copy", "reverse", "sort", "parity"]
_MOST_SYMBOLS = 1 << 16  # of an input


class LengthGeneralisation(Config):
    """Length generalisation: copy, reverse, sort or take the parity of inputs of any length.

    A sequence is [x_1 ... x_n, =, y]: n is uniform from the first to the second of `lengths`, the x
    are uniform symbols, and y is what the task makes of them, n symbols or one bit. Only y is paid
    for. Behind it is padding, up to the length that `max_length` symbols need. Where n varies, so
    do the labels: each sequence has its own label mask.

    y is a function of x, so the entropy rate is 0 at all lengths. A source of short inputs and one
    of longer ones, of the same `max_length`, ask how far a model's solution carries.
    """

    kind: Literal["length_generalisation"] = "length_generalisation"
    task: Task = "copy"
    """`copy`: y = x. `reverse`: x backwards. `sort`: x in ascending order. `parity`: one bit, the
    XOR of all bits of x."""
    lengths: tuple[int, ...] = (1, 16)
    """Least and greatest n."""
    max_length: int | None = Field(default=None, ge=1, le=_MOST_SYMBOLS)
    """Greatest n that a sequence has room for: L is twice that and one, or with parity that and
    two; default: the greatest n."""
    symbols: int | None = Field(default=None, ge=2, le=1 << 16)
    """Symbols of x; default: 2 for parity, which has no other, and 8 elsewhere. V is one more, the
    sign between x and y: it may stand where another sequence has a label."""

    @model_validator(mode="after")
    def _lengths_fit(self) -> "LengthGeneralisation":
        if len(self.lengths) != 2 or not 1 <= self.lengths[0] <= (high := self.lengths[1]):
            raise ValueError(
                "lengths: expected two numbers from 1, the greater one last, "
                f"got {list(self.lengths)}"
            )
        if self.max_length is not None and high > self.max_length:
            raise ValueError(
                f"lengths: expected at most max_length, which is {self.max_length}, got {high}"
            )
        if high > _MOST_SYMBOLS:
            raise ValueError(f"lengths: expected at most {_MOST_SYMBOLS}, got {high}")
        if self.task == "parity" and self.symbols not in (None, 2):
            raise ValueError(f"symbols: expected 2 for parity, got {self.symbols}")
        return self


class Lengths(NamedTuple):
    """Parameters of the task.

    Attributes:
        low: [] int32, least n.
        high: [] int32, greatest n.
    """

    low: jax.Array
    high: jax.Array


@dataclass(frozen=True)
class TaskSampler:
    """Draws inputs of random length and what the task makes of them (see `spec.Sampler`).

    Attributes:
        task: the task.
        max_length: greatest n that there is room for.
        symbols: symbols of x; the token after them is the sign between x and y.
        varied: True to return `MaskedTokens`, False where all n are the same.
    """

    task: Task
    max_length: int
    symbols: int
    varied: bool

    def __call__(self, parameters: Lengths, key_: Key[Array, ""], count: int) -> Batch:
        """Draw [count, L] int32, with their label masks where they differ."""
        room = (count, self.max_length)
        n = jax.random.randint(
            key(key_, "lengths"), (count, 1), parameters.low, parameters.high + 1, jnp.int32
        )
        x = jax.random.randint(key(key_, "symbols"), room, 0, self.symbols, jnp.int32)
        y = self._answer(x, n)
        length = num_tokens(self.task, self.max_length)
        at = jnp.arange(length, dtype=jnp.int32)[None]
        ahead = length - self.max_length
        known = jnp.where(at == n, self.symbols, jnp.pad(x, ((0, 0), (0, ahead))))
        answer = jnp.take_along_axis(y, (at - n - 1).clip(0, y.shape[1] - 1), axis=1)
        mask = (at > n) & (at <= n + (1 if self.task == "parity" else n))
        tokens = jnp.where(at <= n, known, jnp.where(mask, answer, 0))
        return MaskedTokens(tokens, mask) if self.varied else tokens

    def _answer(self, x: Int32[Array, "c n"], n: Int32[Array, "c 1"]) -> Int32[Array, "c m"]:
        """Do the task on the first n symbols; what is behind the answer is not read."""
        at = jnp.arange(self.max_length, dtype=jnp.int32)[None]
        inside = at < n
        if self.task == "reverse":
            return jnp.take_along_axis(x, (n - 1 - at).clip(0), axis=1)
        if self.task == "sort":
            return jnp.sort(jnp.where(inside, x, self.symbols), axis=1)
        if self.task == "parity":
            return jnp.where(inside, x, 0).sum(axis=1, keepdims=True) % 2
        return x


def open_length_generalisation(config: LengthGeneralisation) -> Synthetic:
    """Open a task; its entropy rate is 0, as y is a function of x."""
    (low, high), task = config.lengths, config.task
    longest = high if config.max_length is None else config.max_length
    symbols = config.symbols or (2 if task == "parity" else 8)
    length = num_tokens(task, longest)
    shares = np.mean([label_places(task, n, length) for n in range(low, high + 1)], axis=0)
    varied, notes = low < high, ()
    if varied:
        labels = float(shares.sum())
        padding = 1 - ((low + high) / 2 + 1 + labels) / length
        notes = (labels_note("length_generalisation", labels, length, padding),)
    info = SourceInfo(
        vocab_size=symbols + 1,
        length=length,
        label_mask=shares > 0,
        label_shares=shares if varied else None,
        fingerprint=fingerprint("length_generalisation", task, low, high, length, symbols),
        entropy_rate_nats=0.0,
        notes=notes,
    )
    parameters = Lengths(jnp.int32(low), jnp.int32(high))
    return Synthetic(info, TaskSampler(task, longest, symbols, varied), parameters)


def num_tokens(task: Task, max_length: int) -> int:
    """L of sequences with room for inputs of so many symbols."""
    return max_length + 1 + (1 if task == "parity" else max_length)


def label_places(task: Task, n: int, length: int) -> Bool[np.ndarray, " length"]:
    """Mark the labels of a sequence whose input has n symbols.

    Args:
        task: the task.
        n: symbols of the input.
        length: L.

    >>> label_places("copy", 1, 5).tolist()
    [False, False, True, False, False]
    """
    at = np.arange(length)
    return (at > n) & (at <= n + (1 if task == "parity" else n))
