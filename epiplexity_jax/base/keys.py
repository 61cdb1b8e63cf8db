"""Random keys derived by name: no key is used twice, no seed is made by adding integers."""

import hashlib
import operator

import jax
import numpy as np


def _digest(name: str | int) -> int:
    """A stable 32-bit digest; the type is part of it, so 1 and "1" differ."""
    text = f"str:{name}" if isinstance(name, str) else f"int:{operator.index(name)}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def key(root: int | jax.Array, *names: str | int) -> jax.Array:
    """Derive a typed JAX key from a root seed (or key) and a path of names.

    Args:
        root: a seed, or a typed key of shape [].
        *names: what the key is for, from coarse to fine: `key(seed, "data", member_seed)`.

    Returns:
        A typed key of shape []. Equal arguments give equal keys in every process and cohort.
    """
    derived = root if isinstance(root, jax.Array) else jax.random.key(root)
    for name in names:
        derived = jax.random.fold_in(derived, _digest(name))
    return derived


def generator(root: int, *names: str | int) -> np.random.Generator:
    """The host's counterpart of `key`: a NumPy generator derived by name."""
    return np.random.Generator(
        np.random.Philox(np.random.SeedSequence([root, *map(_digest, names)]))
    )
