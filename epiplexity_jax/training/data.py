"""Training and held-out data of a member, as blocks of batches in the smallest integer type."""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from epiplexity_jax.base.keys import key
from epiplexity_jax.sources.spec import DeviceSource, Sampler, Source
from epiplexity_jax.sources.split import Split

_HELDOUT_DRAW = 1024


def token_dtype(vocab_size: int) -> np.dtype:
    """The smallest unsigned type that holds every token."""
    return np.min_scalar_type(vocab_size - 1)


@functools.partial(jax.jit, static_argnames=("sampler", "count", "batch", "dtype"))
def _draw(
    sampler: Sampler,
    parameters: Any,
    stream: jax.Array,
    first: Any,
    count: int,
    batch: int,
    dtype: Any,
) -> jax.Array:
    """Batches first..first+count-1 of a stream: [count, batch, L]."""
    keys = jax.vmap(lambda i: jax.random.fold_in(stream, i))(first + jnp.arange(count))
    return jax.vmap(lambda k: sampler(parameters, k, batch).astype(dtype))(keys)


@dataclass(frozen=True)
class Stream:
    """The training batches of one member: a function of source, root seed and member seed.

    Attributes:
        source: where they come from.
        split: the training part of a host source; None for a device source.
        root: root seed of the sweep.
        seed: the member's seed; equal seeds read a source in the same order.
        batch_size: B.
    """

    source: Source
    split: Split | None
    root: int
    seed: int
    batch_size: int

    @property
    def dtype(self) -> np.dtype:
        """Type of the tokens in a block."""
        return token_dtype(self.source.info.vocab_size)

    def block(self, first: int, count: int, length: int) -> jax.Array | np.ndarray:
        """Batches first..first+count-1 in a block of `length` batches: [length, B, L].

        What lies behind `count` is never read; a host source fills it with zeros.
        """
        if self.split is None:
            assert isinstance(self.source, DeviceSource)
            stream = key(self.root, "data", self.seed)
            source, batch = self.source, self.batch_size
            return _draw(
                source.sampler, source.parameters, stream, first, length, batch, self.dtype
            )
        read = self.split.blocks(self.seed, first, count, self.batch_size)
        block = np.zeros((length, *read.shape[1:]), self.dtype)
        block[:count] = read
        return block


def heldout_tokens(source: Source, split: Split | None, root: int, sequences: int) -> np.ndarray:
    """The held-out set of a source: [sequences, L], the same for every member of a sweep."""
    dtype = token_dtype(source.info.vocab_size)
    if split is not None:
        return split.heldout(sequences).astype(dtype)
    assert isinstance(source, DeviceSource)
    draws = -(-sequences // _HELDOUT_DRAW)
    stream = key(root, "heldout")
    drawn = _draw(source.sampler, source.parameters, stream, 0, draws, _HELDOUT_DRAW, dtype)
    return np.asarray(drawn).reshape(-1, source.info.length)[:sequences]
