"""Some sequences of a source."""

import functools
from fractions import Fraction
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Array, Int64, Integer, Key
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.keys import Seed, generator, key
from epiplexity_jax.sources.batches import empty_batch, put
from epiplexity_jax.sources.documents import ROWS
from epiplexity_jax.sources.maps.inner import (
    Nested,
    mapped_info,
    open_inner,
    origins,
)
from epiplexity_jax.sources.spec import (
    Batch,
    DeviceSource,
    FiniteSource,
    HostSource,
    Indices,
    Sampler,
    SourceInfo,
)

_CHUNK = 256  # sequences drawn at a time; which sequence has which index depends on it


class Subsample(Config):
    """Some sequences of a source, chosen at random; of a drawn source they make a finite one.

    Bits per byte are of the sequences that are chosen. Where tokens differ in bytes, they take the
    mean of the whole source, which that of a random choice comes near.
    """

    kind: Literal["subsample"] = "subsample"
    source: Nested
    """The source to choose from."""
    sequences: int | None = Field(default=None, ge=1)
    """Number of sequences; give either this or `share`."""
    share: float | None = Field(default=None, gt=0, le=1)
    """The share of a finite source's sequences, rounded down but one or more."""
    map_seed: Seed = 0
    """Seed of the choice, or of the drawing."""

    @model_validator(mode="after")
    def _one_size(self) -> "Subsample":
        if (self.sequences is None) == (self.share is None):
            raise ValueError("sequences: give sequences or share, one of the two")
        return self


def _drawn(info: SourceInfo, inner: DeviceSource, sequences: int, map_seed: int) -> FiniteSource:
    """Draw sequences of a source when they are first read; what was drawn stays in memory.

    Sequence i is row i % 256 of the draw with key `fold_in(key(map_seed, "subsample"), i // 256)`,
    so it does not depend on how many there are.
    """
    drawn: set[int] = set()

    @functools.cache
    def kept() -> Batch:
        """Room for all, which takes memory as it is filled."""
        try:
            return empty_batch(sequences, info)
        except (MemoryError, ValueError):
            raise DataError(
                f"sequences: {sequences} do not fit into memory; choose fewer"
            ) from None

    def read(indices: Int64[np.ndarray, " n"]) -> Batch:
        room = kept()
        for chunk in set(np.unique(indices // _CHUNK).tolist()) - drawn:
            root = key(map_seed, "subsample")
            batch = _draw(inner.sampler, inner.parameters, root, np.uint32(chunk))
            rows = slice(chunk * _CHUNK, min((chunk + 1) * _CHUNK, sequences))
            put(room, rows, jax.tree.map(lambda x, r=rows: x[: r.stop - r.start], batch))
            drawn.add(chunk)
        return jax.tree.map(lambda x: x[indices], room)

    def component_of(indices: Indices) -> Integer[np.ndarray, " n"]:
        numbers, root = np.asarray(indices, np.int64), key(map_seed, "subsample")
        found = np.zeros(len(numbers), np.int32)
        for chunk in np.unique(numbers // _CHUNK):
            here = numbers // _CHUNK == chunk
            drawn = _components(inner.sampler, inner.parameters, root, np.uint32(chunk))
            found[here] = np.asarray(drawn)[numbers[here] % _CHUNK]
        return found

    return FiniteSource(info, sequences, read, component_of=component_of)


@functools.partial(jax.jit, static_argnames="sampler")
def _draw(sampler: Sampler, parameters: Any, root: Key[Array, ""], number: Any) -> Batch:
    return sampler(parameters, jax.random.fold_in(root, number), _CHUNK)


@functools.partial(jax.jit, static_argnames="sampler")
def _components(sampler: Any, parameters: Any, root: Key[Array, ""], number: Any) -> Any:
    return sampler.component_of(parameters, jax.random.fold_in(root, number), _CHUNK)


def open_subsample(config: Subsample) -> HostSource:
    """Choose sequences; facts of the whole, such as its entropy rate, hold for them too.

    Two subsamples of one drawn source with different `map_seed` are independent draws, which may be
    mixed; those of a finite source may share sequences, whatever their seeds, and may not.

    Raises:
        ConfigError: when a `share` of a source without end is asked for.
        DataError: when the source holds fewer sequences than asked for.
    """
    inner = open_inner(config.source)
    wanted, seed = config.sequences, config.map_seed
    if isinstance(inner, DeviceSource):
        if wanted is None:
            raise ConfigError("share: a drawn source has no end to share; give sequences instead")
        # Another seed draws other sequences. Maps of one source draw from it alike, so what they
        # are made of counts, and not the map.
        names = tuple(fingerprint("drawn", name, seed) for name in origins(inner.info))
        changes = {"origins": names, "documents": ROWS}
        info = mapped_info(inner.info, "subsample", wanted, seed, **changes)
        return _drawn(info, inner, wanted, seed)
    have = inner.sequences
    if wanted is None:
        wanted = max(1, int(Fraction(repr(config.share)) * have))
    if wanted > have:
        raise DataError(f"sequences: the source holds {have}, fewer than the {wanted} asked for")
    chosen = generator(seed, "subsample").choice(have, wanted, replace=False, shuffle=False)
    chosen = np.sort(chosen).astype(np.min_scalar_type(have))

    documents = inner.info.documents.take(chosen)
    info = mapped_info(inner.info, "subsample", wanted, seed, documents=documents)
    lookup = getattr(inner, "component_of", None)

    def component_of(indices: Indices) -> Integer[np.ndarray, " n"]:
        assert lookup is not None
        return lookup(chosen[np.asarray(indices, np.int64)])

    return FiniteSource(
        info,
        wanted,
        lambda rows: inner.read(chosen[rows].astype(np.int64)),
        component_of=lookup and component_of,
    )
