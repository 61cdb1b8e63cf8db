"""The field that holds a map's inner source, and what maps of tokens have in common."""

import dataclasses
import math
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Key, UInt32
from pydantic import BeforeValidator, SerializeAsAny, WithJsonSchema
from pydantic_core import PydanticCustomError

from epiplexity_jax.base import hash_rng
from epiplexity_jax.base.config import NESTED, Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.base.keys import key
from epiplexity_jax.sources import opening
from epiplexity_jax.sources.python.opened import opened
from epiplexity_jax.sources.spec import (
    Batch,
    DeviceSource,
    FiniteSource,
    HostSource,
    Sampler,
    Source,
    SourceInfo,
    Synthetic,
)

_HERE = "source"  # start of a nested config's error
_OUTERMOST = "replay must be the outermost map; put it around this one"


def _parsed(value: Any) -> Config:
    """Check a source's config, given as plain data, a config or an opened source; no replay."""
    if isinstance(value, DeviceSource | HostSource):
        value = opened(value)
    if not isinstance(value, Config):
        try:
            value = opening.parse(value, _HERE)
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
    """Open the source inside a map; its errors open with its key in the map's config.

    Raises:
        EpiplexityError: any that the inner source raises.
        ConfigError: when the inner source is a replay.
    """
    try:
        source = opening.open_source(config)
    except EpiplexityError as error:
        raise type(error)(f"{key}: {error}") from None
    if source.info.replays > 1:
        raise ConfigError(f"{key}: {_OUTERMOST}")
    return source


def refuse_varying(info: SourceInfo, kind: str) -> None:
    """Refuse a source whose labels vary by sequence.

    Raises:
        ConfigError: naming the kind of the map.
    """
    if info.labels_vary:
        raise ConfigError(
            f"source: its labels vary by sequence, which {kind} does not know; use rows: join, or "
            "a source whose sequences share one label mask"
        )


def refuse_reals(info: SourceInfo, kind: str) -> None:
    """Refuse a source that gives real numbers at some positions.

    Raises:
        ConfigError: naming the kind of the map.
    """
    if info.real_positions:
        raise ConfigError(
            f"source: gives vectors of real numbers at {len(info.real_positions)} positions, which "
            f"{kind} does not know; use a source of tokens"
        )


def refuse_vectors(info: SourceInfo, kind: str) -> None:
    """Refuse a source whose inputs are vectors.

    Raises:
        ConfigError: naming the kind of the map.
    """
    if info.features is not None:
        raise ConfigError(
            f"source: its inputs are vectors of real numbers, which {kind} does not know; use a "
            "source of tokens"
        )


def refuse_all_but_tokens(info: SourceInfo, kind: str) -> None:
    """Refuse a source that gives more than tokens under one label mask.

    Raises:
        ConfigError: as `refuse_varying`, `refuse_reals` and `refuse_vectors`.
    """
    refuse_varying(info, kind)
    refuse_reals(info, kind)
    refuse_vectors(info, kind)


def is_noise(info: SourceInfo) -> bool:
    """True if labels are uniform noise: their entropy rate is ln V, up to rounding."""
    rate = info.entropy_rate_nats
    return rate is not None and math.isclose(rate, math.log(info.vocab_size), rel_tol=1e-12)


def origins(info: SourceInfo) -> tuple[str, ...]:
    """Names of the data that a source was made from, or its own fingerprint."""
    return info.origins or (info.fingerprint,)


def mapped_info(info: SourceInfo, kind: str, *parameters: Any, **changes: Any) -> SourceInfo:
    """Make the facts of a mapped source.

    The entropy rate and the bytes per token stay, unless they are among the changes.

    Args:
        info: facts of the inner source.
        kind: kind of the map.
        *parameters: all that decides the map's result.
        **changes: fields that differ from the inner source's.
    """
    name = fingerprint(kind, *parameters, info.fingerprint)
    return dataclasses.replace(info, fingerprint=name, **{"origins": origins(info), **changes})


def drawn_seed(map_seed: int, name: str) -> UInt32[Array, ""]:
    """Hash a map's seed and name to the value that a drawn source takes."""
    return jnp.uint32(hash_rng.seed64(map_seed, name) >> 32)


class Mapped(NamedTuple):
    """Parameters of a mapped drawn source.

    Attributes:
        inner: the inner source's.
        seed: the map's, [] uint32.
        own: the map's other values, a pytree of arrays.
    """

    inner: Any
    seed: jax.Array
    own: Any = ()


@dataclasses.dataclass(frozen=True)
class MappedSampler:
    """Draws from the inner sampler, then maps the batch (see `spec.Sampler`).

    Attributes:
        inner: the sampler.
        change: (key, the map's own values, batch) to batch, hashable.
        name: name of the map, for its key.
    """

    inner: Sampler
    change: Callable[[jax.Array, Any, Batch], Batch]
    name: str

    def __call__(self, parameters: Mapped, key_: Key[Array, ""], count: int) -> Batch:
        """Draw `count` sequences: [count, L] int32, `WithReals` or `Vectors`."""
        own = jax.random.fold_in(key(key_, self.name), parameters.seed)
        drawn = self.inner(parameters.inner, key(key_, "source"), count)
        return self.change(own, parameters.own, drawn)

    def component_of(
        self, parameters: Mapped, key_: Key[Array, ""], count: int
    ) -> Int32[Array, " n"]:
        """Find the component that each sequence of a draw is from, where the inner source is a mix.

        Args:
            parameters: as for the draw.
            key_: the draw's random key.
            count: number of sequences.
        """
        inner: Any = self.inner
        return inner.component_of(parameters.inner, key(key_, "source"), count)


class Fixed(NamedTuple):
    """Parameters of a drawn source under a map that draws nothing.

    Attributes:
        inner: the inner source's.
        own: the map's values, a pytree of arrays.
    """

    inner: Any
    own: Any = ()


@dataclasses.dataclass(frozen=True)
class FixedMapSampler:
    """Draws from the inner sampler with the same key, then maps the batch (see `spec.Sampler`).

    So a source and its map draw the same sequences, which can be compared in pairs.

    Attributes:
        inner: the sampler.
        change: (the map's own values, batch) to batch, hashable.
    """

    inner: Sampler
    change: Callable[[Any, Batch], Batch]

    def __call__(self, parameters: Fixed, key: Key[Array, ""], count: int) -> Batch:
        """Draw `count` sequences."""
        return self.change(parameters.own, self.inner(parameters.inner, key, count))

    def component_of(
        self, parameters: Fixed, key: Key[Array, ""], count: int
    ) -> Int32[Array, " n"]:
        """Find the component that each sequence of a draw is from, where the inner source is a mix.

        Args:
            parameters: as for the draw.
            key: the draw's random key.
            count: number of sequences.
        """
        inner: Any = self.inner
        return inner.component_of(parameters.inner, key, count)


def map_alike(
    inner: Source,
    info: SourceInfo,
    drawn: Callable[[Any, Batch], Batch],
    read: Callable[[Batch], Batch],
    own: Any = (),
) -> Source:
    """Map every sequence of a source, drawn or finite, by a function of its tokens alone.

    Args:
        inner: the source.
        info: facts of the mapped one.
        drawn: the map of a drawn source (see `FixedMapSampler`).
        read: the map of a batch of a finite one.
        own: values that `drawn` takes, a pytree of NumPy arrays.
    """
    if isinstance(inner, HostSource):
        lookup = getattr(inner, "component_of", None)
        return FiniteSource(
            info, inner.sequences, lambda rows: read(inner.read(rows)), component_of=lookup
        )
    parameters = Fixed(inner.parameters, jax.tree.map(jnp.asarray, own))
    return Synthetic(info, FixedMapSampler(inner.sampler, drawn), parameters)


def map_batches(
    inner: Source,
    info: SourceInfo,
    name: str,
    seed: int,
    drawn: Callable[[jax.Array, Any, Batch], Batch] | None,
    read: Callable[[np.ndarray, Batch], Batch],
    own: Any = (),
) -> Source:
    """Map every sequence of a source, drawn or finite.

    Args:
        inner: the source.
        info: facts of the mapped one.
        name: name of the map, for its key.
        seed: seed of the map.
        drawn: the map of a drawn source (see `MappedSampler`); None where the source is finite.
        read: the map of a finite one: (indices [n] int64, batch) to batch.
        own: values that `drawn` takes, a pytree of NumPy arrays.
    """
    if isinstance(inner, HostSource):
        lookup = getattr(inner, "component_of", None)
        return FiniteSource(
            info, inner.sequences, lambda rows: read(rows, inner.read(rows)), component_of=lookup
        )
    assert drawn is not None
    parameters = Mapped(inner.parameters, drawn_seed(seed, name), jax.tree.map(jnp.asarray, own))
    return Synthetic(info, MappedSampler(inner.sampler, drawn, name), parameters)
