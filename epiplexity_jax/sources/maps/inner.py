"""Sources made from other sources: the field that holds one, and what a map keeps of its facts."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import BeforeValidator, SerializeAsAny, WithJsonSchema
from pydantic_core import PydanticCustomError

from epiplexity_jax.base import hash_rng
from epiplexity_jax.base.config import NESTED, Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.sources.spec import (
    Batch,
    DeviceSource,
    HostSource,
    Source,
    SourceInfo,
    Vectors,
)
from epiplexity_jax.sources.token_array import smallest_type

_HERE = "source"  # what the sentence of a nested config opens with
_OUTERMOST = "replay must be the outermost map; put it around this one"


def _parsed(value: Any) -> Config:
    """A source's config out of plain data, or as it is; never a replay."""
    from epiplexity_jax.sources.python.opened import opened

    if isinstance(value, DeviceSource | HostSource):
        value = opened(value)
    if not isinstance(value, Config):
        try:
            from epiplexity_jax.sources import kinds

            value = kinds.parse(value, _HERE)
        except ConfigError as error:
            rest = str(error).removeprefix(_HERE)
            raise PydanticCustomError(NESTED, "{rest}", {"rest": rest}) from None
    if getattr(value, "kind", None) == "replay":
        raise PydanticCustomError(NESTED, "{rest}", {"rest": f": {_OUTERMOST}"})
    return value


Nested = Annotated[
    SerializeAsAny[Config], BeforeValidator(_parsed), WithJsonSchema({"type": "source"})
]
"""A field's type: any source's config, checked by the registry of kinds."""


def open_inner(config: Config, key: str = "source") -> Source:
    """Open the source inside a map.

    Args:
        config: the inner source's.
        key: where it stands in the map's config; the inner source's errors open with it.

    Raises:
        EpiplexityError: what the inner source raises.
        ConfigError: when the inner source is a replay.
    """
    from epiplexity_jax.sources import kinds

    try:
        source = kinds.open_source(config)
    except EpiplexityError as error:
        raise type(error)(f"{key}: {error}") from None
    if source.info.replays > 1:
        raise ConfigError(f"{key}: {_OUTERMOST}")
    return source


def origins(info: SourceInfo) -> tuple[str, ...]:
    """Names of the data that a source was made from, or its own fingerprint."""
    return info.origins or (info.fingerprint,)


def mapped_info(info: SourceInfo, kind: str, *parameters: Any, **changes: Any) -> SourceInfo:
    """The facts of a mapped source.

    The entropy rate and the bytes per token are not known unless they are among the changes.

    Args:
        info: of the inner source.
        kind: of the map.
        *parameters: all that decides what it does.
        **changes: fields that differ from the inner source's.
    """
    changed: dict[str, Any] = {
        "entropy_rate_nats": None,
        "bytes_per_token": None,
        "origins": origins(info),
        **changes,
    }
    return dataclasses.replace(
        info, fingerprint=fingerprint(kind, *parameters, info.fingerprint), **changed
    )


def as_indices(indices: Any) -> np.ndarray:
    """Indices of sequences as [n] int64."""
    return np.asarray(indices, np.int64)


def drawn_seed(map_seed: int, name: str) -> jax.Array:
    """A map's seed as a drawn source takes it, [] uint32."""
    return jnp.uint32(hash_rng.seed64(map_seed, name) >> 32)


def empty_batch(count: int, info: SourceInfo) -> Batch:
    """Room for sequences in NumPy, tokens in the smallest type that holds inputs and labels."""
    dtype = smallest_type(max(info.vocab_size, info.input_vocab_size or 1) - 1)
    if info.features is None:
        return np.empty((count, info.length), dtype)
    return Vectors(np.empty((count, info.features), np.float32), np.empty((count, 1), dtype))


def put(room: Batch, rows: Any, batch: Batch) -> None:
    """Write a batch into rows of `empty_batch`."""
    for into, leaf in zip(jax.tree.leaves(room), jax.tree.leaves(batch), strict=True):
        into[rows] = np.asarray(leaf)


@dataclasses.dataclass(frozen=True, eq=False)
class MappedSequences:
    """A finite source whose sequences are mapped as they are read (see `spec.HostSource`).

    Attributes:
        info: its facts.
        inner: what is read.
        change: (indices [n] int64, batch) to batch.
    """

    info: SourceInfo
    inner: HostSource
    change: Callable[[np.ndarray, Batch], Batch]

    @property
    def sequences(self) -> int:
        """How many there are."""
        return self.inner.sequences

    def read(self, indices: np.ndarray) -> Batch:
        """Sequences by index: [n, L] integers or `Vectors`."""
        indices = as_indices(indices)
        return self.change(indices, self.inner.read(indices))
