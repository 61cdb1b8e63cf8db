"""Training and held-out data of a member, as chunks of batches in the smallest integer type.

A batch is [B, L] integers, `MaskedTokens` where labels vary, `WithReals` where some tokens have a
vector or `Vectors` where the source has features; all are pytrees whose leaves begin with the axis
B.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Integer, Key

from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import key
from epiplexity_jax.sources.batches import empty_batch, put
from epiplexity_jax.sources.components import component_lookup
from epiplexity_jax.sources.spec import (
    Batch,
    DeviceSource,
    MaskedTokens,
    Sampler,
    Source,
    SourceInfo,
    Vectors,
    WithReals,
)
from epiplexity_jax.sources.split import Split

_HELDOUT_DRAW = 1024
_HELDOUT_NUMBERS = 1 << 24  # tokens and real numbers that are drawn at once
_DRAWN_BYTES = 40  # of each of them, with the random words of a draw
CHUNK_BYTES = 2**25
_CHUNK_STEPS = 64
_ORDER = 1  # raised when another order is drawn from the same seeds


def token_dtype(info: SourceInfo) -> np.dtype:
    """The smallest unsigned type that holds every token, of inputs and of labels."""
    return np.min_scalar_type(max(info.vocab_size, info.input_vocab_size or 0) - 1)


def compact(batch: Batch, dtype: Any) -> Batch:
    """The same batch with its tokens in `dtype`; real numbers stay float32."""
    if isinstance(batch, Vectors):
        return Vectors(batch.inputs.astype(np.float32), batch.labels.astype(dtype))
    if isinstance(batch, MaskedTokens):
        return MaskedTokens(batch.tokens.astype(dtype), batch.mask)
    if isinstance(batch, WithReals):
        return WithReals(batch.tokens.astype(dtype), batch.reals.astype(np.float32))
    return batch.astype(dtype)


@functools.partial(jax.jit, static_argnames=("sampler", "count", "batch", "dtype"))
def _draw(
    sampler: Sampler,
    parameters: Any,
    stream: Key[Array, ""],
    first: int | Int[Array, ""],
    count: int,
    batch: int,
    dtype: Any,
) -> Batch:
    """Batches first..first+count-1 of a stream: [count, batch, ...]."""
    keys = jax.vmap(lambda i: jax.random.fold_in(stream, i))(first + jnp.arange(count))
    return jax.vmap(lambda k: compact(sampler(parameters, k, batch), dtype))(keys)


@functools.partial(jax.jit, static_argnames=("lookup", "count", "batch"))
def _components(
    lookup: Callable[..., Any],
    parameters: Any,
    stream: Key[Array, ""],
    first: int | Int[Array, ""],
    count: int,
    batch: int,
) -> Int[Array, "count batch"]:
    """Components of the sequences that `_draw` draws."""
    keys = jax.vmap(lambda i: jax.random.fold_in(stream, i))(first + jnp.arange(count))
    return jax.vmap(lambda k: lookup(parameters, k, batch))(keys)


@dataclass(frozen=True)
class Stream:
    """The training batches of one member: a function of source, root seed and member seed.

    Attributes:
        source: the source that the batches come from.
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
        """Type of the tokens in a chunk."""
        return token_dtype(self.source.info)

    @property
    def batch_bytes(self) -> int:
        """Memory of one batch."""
        leaves = jax.tree.leaves(self.like(self.batch_size))
        return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)

    @property
    def chunk_steps(self) -> int:
        """T, steps of a chunk: one for all numbers of steps, unless batches are large."""
        return max(1, min(_CHUNK_STEPS, CHUNK_BYTES // self.batch_bytes))

    def like(self, *sizes: int) -> Batch:
        """Shapes and dtypes of so many sequences: [*sizes, ...]."""
        info = self.source.info
        if info.features is None:
            tokens = jax.ShapeDtypeStruct((*sizes, info.length), self.dtype)
            if info.real_width is not None:
                shape = (*sizes, len(info.real_positions), info.real_width)
                return WithReals(tokens, jax.ShapeDtypeStruct(shape, np.dtype(np.float32)))
            if not info.labels_vary:
                return tokens
            return MaskedTokens(tokens, jax.ShapeDtypeStruct(tokens.shape, np.dtype(bool)))
        return Vectors(
            jax.ShapeDtypeStruct((*sizes, info.features), np.dtype(np.float32)),
            jax.ShapeDtypeStruct((*sizes, 1), self.dtype),
        )

    @property
    def order(self) -> str:
        """A hash of the data order: equal where the same batches are read one after the other."""
        split, name = self.split, self.source.info.fingerprint
        heldout = None if split is None else (split.heldout_count, split.rule)
        return fingerprint("order", _ORDER, name, self.root, self.seed, self.batch_size, heldout)

    def components(self, first: int, count: int) -> Integer[np.ndarray | Array, "steps sequences"]:
        """Components of a mixed source that batches are from: [count, B], in 0 to K - 1.

        Args:
            first: number of the first batch.
            count: number of batches; for a drawn source, each number compiles a program.
        """
        lookup = component_lookup(self.source)
        if self.split is not None:
            chosen = self.split.indices(self.seed, first, count, self.batch_size)
            return np.asarray(lookup(chosen)).reshape(count, self.batch_size)
        assert isinstance(self.source, DeviceSource)
        stream = key(self.root, "data", self.seed)
        return _components(lookup, self.source.parameters, stream, first, count, self.batch_size)

    def chunk(self, first: int, count: int, length: int, rows: slice = slice(None)) -> Batch:
        """Draw batches in a chunk [length, B, ...].

        Args:
            first: number of the first batch.
            count: batches that are used; a host source fills the others with zeros.
            length: batches of the chunk.
            rows: sequences of every batch that are used here; a host source reads no others.
        """
        if self.split is None:
            assert isinstance(self.source, DeviceSource)
            stream = key(self.root, "data", self.seed)
            source, batch = self.source, self.batch_size
            return _draw(
                source.sampler, source.parameters, stream, first, length, batch, self.dtype
            )
        read = compact(
            self.split.chunks(self.seed, first, count, self.batch_size, rows), self.dtype
        )

        def padded(leaf: np.ndarray) -> np.ndarray:
            whole = np.zeros((length, self.batch_size, *leaf.shape[2:]), leaf.dtype)
            whole[:count, rows] = leaf
            return whole

        return jax.tree.map(padded, read)


def heldout_bytes(source: DeviceSource, sequences: int) -> int:
    """Estimate the memory that the held-out set of a drawn source needs, with the part being drawn.

    Of long sequences, where kinds differ by gigabytes, the program that draws is asked.

    Args:
        source: the source to draw from.
        sequences: their number.
    """
    whole = Stream(source, None, 0, 0, sequences).batch_bytes
    draws = _draws_at_once(source.info, sequences)
    numbers = draws * _HELDOUT_DRAW * source.info.numbers
    if numbers > _HELDOUT_NUMBERS:
        dtype, stream = token_dtype(source.info), key(0, "heldout")
        program = _draw.lower(
            source.sampler, source.parameters, stream, 0, draws, _HELDOUT_DRAW, dtype
        )
        if (used := program.compile().memory_analysis()) is not None:
            return whole + used.temp_size_in_bytes + used.output_size_in_bytes
    return whole + numbers * _DRAWN_BYTES


def heldout_tokens(source: Source, split: Split | None, root: int, sequences: int) -> Batch:
    """Draw the held-out set of a source, [sequences, ...], equal for every member of a sweep.

    Args:
        source: the source to draw from.
        split: the held-out part of a host source; None for a device source.
        root: root seed of the sweep.
        sequences: their number.
    """
    dtype = token_dtype(source.info)
    if split is not None:
        return compact(split.heldout(sequences), dtype)
    assert isinstance(source, DeviceSource)
    stream, draws = key(root, "heldout"), _draws_at_once(source.info, sequences)
    room = empty_batch(sequences, source.info)
    for start in range(0, sequences, draws * _HELDOUT_DRAW):
        first = start // _HELDOUT_DRAW
        drawn = _draw(source.sampler, source.parameters, stream, first, draws, _HELDOUT_DRAW, dtype)
        rows = slice(start, min(start + draws * _HELDOUT_DRAW, sequences))
        put(room, rows, jax.tree.map(functools.partial(_first_rows, rows.stop - start), drawn))
    return room


def _draws_at_once(info: SourceInfo, sequences: int) -> int:
    """Draws of the held-out set in one call, each of 1024 sequences: all, unless they are large."""
    most = max(1, _HELDOUT_NUMBERS // (_HELDOUT_DRAW * info.numbers))
    return min(most, -(-sequences // _HELDOUT_DRAW))


def _first_rows(count: int, leaf: Array) -> np.ndarray:
    """Join draws [draws, sequences, ...] end to end, and keep the first rows."""
    return np.asarray(leaf).reshape(-1, *leaf.shape[2:])[:count]
