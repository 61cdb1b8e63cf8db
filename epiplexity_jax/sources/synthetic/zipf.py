"""Zipf's law: its probabilities, draws on the device, and the entries seen after some draws."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, Int32, Key

Law = Float64[np.ndarray, " K"]


class Alias(NamedTuple):
    """Tables of the alias method (Walker 1977): a uniform entry, or the other one at its place.

    Attributes:
        kept: [K] float32, probability that the entry itself is drawn.
        other: [K] int32, the entry that is drawn in its place.
    """

    kept: jax.Array
    other: jax.Array


def zipf_law(entries: int, exponent: float) -> Law:
    """Probabilities of K entries, proportional to rank^-a; uniform where a is 0.

    >>> zipf_law(3, 1.0).round(4).tolist()
    [0.5455, 0.2727, 0.1818]
    """
    weights = np.arange(1, entries + 1, dtype=np.float64) ** -exponent
    return weights / weights.sum()


def expected_seen(law: Law, draws: int) -> float:
    """Expected number of entries among n independent draws: sum over k of 1 - (1 - p_k)^n.

    A learner that stores what it saw pays for an entry the first time alone. So with b bits an
    entry, this times b is its expected prequential length after n draws.

    >>> expected_seen(zipf_law(2, 0.0), 2)
    1.5
    """
    with np.errstate(divide="ignore"):  # an entry of probability 1
        unseen = np.exp(draws * np.log1p(-law)) if draws else np.ones(len(law))
    return float((1.0 - unseen).sum())


def alias_tables(law: Law) -> Alias:
    """Build the tables of a law, whose rare entries they keep to float32's relative precision."""
    scaled = law * len(law)
    kept, other = np.ones(len(law)), np.arange(len(law))
    small = np.flatnonzero(scaled < 1).tolist()
    large = np.flatnonzero(scaled >= 1).tolist()
    while small and large:
        low, high = small.pop(), large[-1]
        kept[low], other[low] = scaled[low], high
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1:
            small.append(large.pop())
    return Alias(jnp.asarray(kept, jnp.float32), jnp.asarray(other, jnp.int32))


def draw_alias(tables: Alias, key: Key[Array, ""], shape: tuple[int, ...]) -> Int32[Array, "..."]:
    """Draw entries in 0 to K - 1.

    Args:
        tables: those of the law.
        key: random key.
        shape: shape of the result.
    """
    which, coin = jax.random.split(key)
    entry = jax.random.randint(which, shape, 0, len(tables.kept), jnp.int32)
    return jnp.where(
        jax.random.uniform(coin, shape) < tables.kept[entry], entry, tables.other[entry]
    )
