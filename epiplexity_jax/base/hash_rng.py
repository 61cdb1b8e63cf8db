"""Random numbers by counter: a pure function of a seed, a name and indices, on whole arrays.

SplitMix64 (Steele, Lea and Flood 2014, 'Fast splittable pseudorandom number generators'), seeded
anew for every index: no generator has a state, so any row can be asked for at any time.
"""

import hashlib

import numpy as np
from jaxtyping import Float64, Int64, Integer, UInt64

_GOLDEN = 0x9E3779B97F4A7C15
Counter = Integer[np.ndarray, "..."]


def seed64(seed: int, name: str) -> int:
    """Hash a seed and a purpose to 64 bits; equal arguments give equal bits in every process."""
    digest = hashlib.sha256(f"epiplexity_jax {name} {seed}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def bits(seed: int, name: str, *counters: Counter) -> UInt64[np.ndarray, "..."]:
    """Draw uniform 64-bit words.

    Args:
        seed: the seed of the generator.
        name: purpose of the words; other names give independent words.
        *counters: integers from 0, arrays that broadcast against each other.

    Returns:
        Words of the broadcast shape, one for each combination of counters.
    """
    state = np.full((), seed64(seed, name), np.uint64)
    for counter in counters:
        # Arrays of an axis or more: NumPy warns when a scalar wraps around.
        steps = np.atleast_1d(np.asarray(counter) + 1).astype(np.uint64)
        state = _mix(np.atleast_1d(state) + steps * np.uint64(_GOLDEN))
    return state


def uniform(seed: int, name: str, *counters: Counter) -> Float64[np.ndarray, "..."]:
    """Draw uniform float64 in [0, 1), multiples of 2^-53; arguments and shape as of `bits`."""
    return (bits(seed, name, *counters) >> np.uint64(11)) * 2.0**-53


def below(limit: int, seed: int, name: str, *counters: Counter) -> Int64[np.ndarray, "..."]:
    """Draw uniform int64 in [0, limit), with a bias under limit / 2^53.

    Args:
        limit: end of the range.
        seed: as of `bits`.
        name: as of `bits`.
        *counters: as of `bits`.
    """
    return (uniform(seed, name, *counters) * limit).astype(np.int64)


def _mix(z: UInt64[np.ndarray, "..."]) -> UInt64[np.ndarray, "..."]:
    """Apply SplitMix64's output function, a bijection of 64-bit words."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
