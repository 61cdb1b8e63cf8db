"""Random keys derived by name: no key is used twice, no seed is made by adding integers."""

import hashlib
import operator
from typing import Annotated, SupportsIndex

import jax
import numpy as np
from jaxtyping import Array, Key
from pydantic import AfterValidator, Field

from epiplexity_jax.base.errors import ConfigError

_BITS = 64  # of a seed: JAX's keys hold no more


def _check_range(seed: int) -> int:
    if not 0 <= seed < 1 << _BITS:
        raise ValueError(f"expected an integer from 0 to 2^{_BITS} - 1, got {seed}")
    return seed


Seed = Annotated[int, Field(ge=0), AfterValidator(_check_range)]
"""A config field's type: a seed of `key` or `generator`."""


def _digest(name: str | SupportsIndex) -> int:
    """Hash a name to 32 bits; the type is part of it, so 1 and "1" differ."""
    text = f"str:{name}" if isinstance(name, str) else f"int:{operator.index(name)}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def key(root: int | Key[Array, ""], *names: str | SupportsIndex) -> Key[Array, ""]:
    """Derive a typed JAX key of shape [] from a root, a seed under 2^64 or such a key, and names.

    Names are purposes of the key, from coarse to fine: `key(seed, "data", member_seed)`. Equal
    arguments give equal keys in every process and cohort.

    Raises:
        ConfigError: when the seed is out of range.
    """
    derived = root if isinstance(root, jax.Array) else _root_key(root)
    for name in names:
        derived = jax.random.fold_in(derived, _digest(name))
    return derived


def _root_key(seed: int) -> Key[Array, ""]:
    """Make a key of all 64 bits of a seed; JAX without 64-bit integers takes the lower 32."""
    high, low = divmod(_checked(seed), 1 << 32)
    lower = jax.random.key(low)
    if not high:
        return lower
    words = jax.random.key_data(lower).at[::2].set(np.uint32(high))  # each pair is (high, low)
    return jax.random.wrap_key_data(words, impl=jax.random.key_impl(lower))


def generator(root: int, *names: str | SupportsIndex) -> np.random.Generator:
    """Derive a NumPy generator by name: the host's counterpart of `key`, with its arguments.

    Raises:
        ConfigError: when the seed is out of range.
    """
    return np.random.Generator(
        np.random.Philox(np.random.SeedSequence([_checked(root), *map(_digest, names)]))
    )


def _checked(seed: int) -> int:
    try:
        return _check_range(operator.index(seed))
    except ValueError as error:
        raise ConfigError(f"seed: {error}") from None
