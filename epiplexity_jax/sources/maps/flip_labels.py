"""Any source with wrong labels among the right ones."""

import functools
import math
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int64, Integer, Key
from pydantic import Field

from epiplexity_jax.base import hash_rng
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.keys import Seed, key
from epiplexity_jax.sources.maps.inner import (
    Nested,
    map_batches,
    mapped_info,
    open_inner,
    refuse_varying,
)
from epiplexity_jax.sources.spec import Batch, Source, SourceInfo, Vectors, WithReals


class FlipLabels(Config):
    """Any source with some of its labels replaced by other symbols: known noise on top."""

    kind: Literal["flip_labels"] = "flip_labels"
    source: Nested
    """The source whose labels are flipped."""
    rate: float = Field(ge=0, le=1)
    """e, the probability that a label token is replaced, by any of the V - 1 others alike."""
    map_seed: Seed = 0
    """Seed of the flips."""


def open_flip_labels(config: FlipLabels) -> Source:
    """Open a source with flipped labels.

    Its entropy rate is known where labels are a function of inputs that all come before them. A
    model that computes it pays for the flips alone: H2(e) + e ln(V - 1) nats per label token.

    Raises:
        ConfigError: when labels vary by sequence.
    """
    inner = open_inner(config.source)
    refuse_varying(inner.info, "flip_labels")
    info, rate, seed = inner.info, config.rate, config.map_seed
    known = {"entropy_rate_nats": _flipped_entropy(info, rate), "bytes_per_token": None}
    mapped = mapped_info(info, "flip_labels", rate, seed, **known)
    labels = np.flatnonzero(info.label_mask)
    drawn = DrawnFlips(tuple(labels.tolist()), info.vocab_size)
    read = functools.partial(_flipped, seed, rate, labels, info.vocab_size)
    return map_batches(inner, mapped, "flip_labels", seed, drawn, read, np.float32(rate))


def _flipped_entropy(info: SourceInfo, rate: float) -> float | None:
    """Nats per label token of flipped labels, where they are known."""
    if rate == 0:
        return info.entropy_rate_nats
    mask = info.label_mask
    if info.entropy_rate_nats != 0 or mask[0] or (np.diff(mask.astype(np.int8)) < 0).any():
        return None
    kept = -(1 - rate) * math.log1p(-rate) if rate < 1 else 0.0
    return kept - rate * math.log(rate) + rate * math.log(info.vocab_size - 1)


@dataclass(frozen=True)
class DrawnFlips:
    """Flips the labels of a batch on the device; `labels` are their places in a sequence."""

    labels: tuple[int, ...]
    vocab_size: int

    def __call__(self, key_: Key[Array, ""], own: Float32[Array, ""], batch: Batch) -> Batch:
        """Flip `Vectors`, `WithReals` or [n, L] with the probability `own`."""
        if isinstance(batch, Vectors):
            return batch._replace(labels=self._flip(key_, own, batch.labels))
        if isinstance(batch, WithReals):
            return batch._replace(tokens=self(key_, own, batch.tokens))
        places = np.array(self.labels)
        return batch.at[:, places].set(self._flip(key_, own, batch[:, places]))

    def _flip(
        self, key_: Key[Array, ""], rate: Float32[Array, ""], labels: Integer[Array, "n P"]
    ) -> Integer[Array, "n P"]:
        chosen = jax.random.uniform(key(key_, "which"), labels.shape) < rate
        drawn = jax.random.randint(
            key(key_, "other"), labels.shape, 0, self.vocab_size - 1, labels.dtype
        )
        return jnp.where(chosen, drawn + (drawn >= labels), labels)


def _flipped(
    seed: int,
    rate: float,
    places: Integer[np.ndarray, " P"],
    vocab_size: int,
    indices: Int64[np.ndarray, " n"],
    batch: Batch,
) -> Batch:
    """The host's twin of `DrawnFlips`: a flip is a function of seed, index and place."""
    if isinstance(batch, WithReals):
        tokens = _flipped(seed, rate, places, vocab_size, indices, batch.tokens)
        return batch._replace(tokens=tokens)
    counters = (indices[:, None], places[None])
    chosen = hash_rng.uniform(seed, "flip_labels", *counters) < rate
    drawn = hash_rng.below(vocab_size - 1, seed, "flip_labels to", *counters)
    vectors = isinstance(batch, Vectors)
    labels = np.asarray(batch.labels if vectors else batch[:, places])
    # A type that holds all symbols, the given one where it does.
    dtype = np.result_type(labels.dtype, np.min_scalar_type(vocab_size - 1))
    flipped = np.where(chosen, drawn + (drawn >= labels), labels).astype(dtype)
    if vectors:
        return batch._replace(labels=flipped)
    batch = np.array(batch, dtype)
    batch[:, places] = flipped
    return batch
