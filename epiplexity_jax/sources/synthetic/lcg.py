"""Linear congruential generators modulo 2^k, drawn on the device."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.sources.spec import MOST_TOKENS, DrawnTokens, SourceInfo, Synthetic
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats

_WORD = 32
_COUNTED = 16  # state bits up to which the sequences of all states are counted


class LCG(Config):
    """Linear congruential generator: x' = a x + c modulo 2^k, of which some bits are shown.

    Every sequence starts from a uniform state of its own. With c odd and a = 1 modulo 4, as by
    default, the state has the full period 2^k (Hull and Dobell 1962; Knuth 1997, section 3.2.1).
    Its low j bits are a generator modulo 2^j, so their period is 2^j.

    `output: low`: each token is a function of the one before, a table of 2^bits entries, which a
    model learns, or sees a whole period of. `output: high`: each token depends on bits that are
    never shown. A sequence then has at most k bits of entropy for an observer that finds the state,
    and may be noise to one that cannot.
    """

    kind: Literal["lcg"] = "lcg"
    modulus_bits: int = Field(default=32, ge=1, le=_WORD)
    """k, bits of the state; arithmetic is modulo 2^k."""
    multiplier: int = Field(default=1664525, ge=1, lt=1 << _WORD)
    """a, an odd number, as an even one loses bits of the state; taken modulo 2^k."""
    increment: int = Field(default=1013904223, ge=0, lt=1 << _WORD)
    """c, taken modulo 2^k."""
    output: Literal["low", "high"] = "low"
    """End of the state that makes a token: its lowest bits, or its highest ones (truncated)."""
    bits: int = Field(default=8, ge=1, le=16)
    """b, bits of a token: V = 2^b."""
    length: int = Field(default=128, ge=1, le=MOST_TOKENS)
    """L, tokens of a sequence."""

    @model_validator(mode="after")
    def _state_is_kept(self) -> "LCG":
        if self.multiplier % 2 == 0:
            raise ValueError(f"multiplier: expected an odd number, got {self.multiplier}")
        if self.bits > self.modulus_bits:
            raise ValueError(
                f"bits: expected at most modulus_bits, which is {self.modulus_bits}, "
                f"got {self.bits}"
            )
        return self


class Jumps(NamedTuple):
    """State t as a function of the first one, x_t = factors[t] x_0 + offsets[t].

    Attributes:
        factors: [L] uint32.
        offsets: [L] uint32.
        shift: [] uint32, bits of a state below those of its token.
    """

    factors: jax.Array
    offsets: jax.Array
    shift: jax.Array


@dataclass(frozen=True)
class LCGSampler:
    """Jumps from a random first state to all others at once (see `spec.Sampler`)."""

    bits: int
    length: int

    def __call__(self, parameters: Jumps, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, L] int32; bits of a state above the modulus reach no token."""
        first = jax.random.bits(key, (count, 1), jnp.uint32)
        states = first * parameters.factors[None] + parameters.offsets[None]
        tokens = (states >> parameters.shift) & np.uint32((1 << self.bits) - 1)
        return tokens.astype(jnp.int32)


def open_lcg(config: LCG) -> Synthetic:
    """Open a generator; its entropy rate is the entropy of a sequence, H nats, over L.

    Low bits: the first token is uniform and decides the others, so H is b ln 2, and `floor:
    entropy_rate` can use it. High bits: H is at most k ln 2, the entropy of the state, and less
    where several states have the same L tokens. It is counted over all states up to k = 16 and not
    known above. Only an observer that finds the state comes near it, so it is no floor.
    """
    bits, length = config.bits, config.length
    whole = config.output == "low" or bits == config.modulus_bits
    used = bits if whole else config.modulus_bits  # bits of a state that reach a token
    shift = used - bits
    multiplier, increment = config.multiplier % (1 << used), config.increment % (1 << used)
    factors, offsets = [1], [0]
    for _ in range(length - 1):
        factors.append(factors[-1] * multiplier % (1 << used))
        offsets.append((offsets[-1] * multiplier + increment) % (1 << used))
    nats = bits * math.log(2) if whole else None
    if nats is None and used <= _COUNTED:
        nats = counted_nats(multiplier, increment, used, bits, length)
    tables = (np.array(factors, np.uint32), np.array(offsets, np.uint32), np.uint32(shift))
    info = SourceInfo.all_labels(
        1 << bits,
        length,
        fingerprint("lcg", multiplier, increment, used, bits, length),
        entropy_rate_nats=None if nats is None else nats / length,
        rate_is_unbounded=not whole,
    )
    return Synthetic(info, LCGSampler(bits, length), Jumps(*map(jnp.asarray, tables)))


def counted_nats(
    multiplier: int, increment: int, modulus_bits: int, bits: int, length: int
) -> float:
    """Count the entropy of L tokens of high bits over all first states, nats.

    States are grouped by their next tokens, one more of them in each round, until no group parts.

    Args:
        multiplier: a, under 2^k.
        increment: c, under 2^k.
        modulus_bits: k; time and memory grow with 2^k.
        bits: b, the highest bits of a state that make its token.
        length: L.

    >>> round(counted_nats(5, 1, 4, 1, 64) / math.log(2), 9)
    4.0
    """
    states = np.arange(1 << modulus_bits, dtype=np.int64)
    after = (states * multiplier + increment) % len(states)
    shown = states >> (modulus_bits - bits)
    groups = shown
    sizes = np.bincount(groups)
    for _ in range(length - 1):
        _, groups = np.unique(shown * len(states) + groups[after], return_inverse=True)
        parted = np.bincount(groups)
        if len(parted) == len(sizes):
            break
        sizes = parted
    return float(entropy_nats(sizes / len(states)))
