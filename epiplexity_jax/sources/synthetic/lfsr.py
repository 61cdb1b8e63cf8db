"""Linear-feedback shift registers, drawn on the device."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, UInt32
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.sources.spec import MOST_TOKENS, DrawnTokens, SourceInfo, Synthetic

_WORD = 32
_DEGREE = 16  # of a register without degree and taps
# Of each degree, the taps other than the degree itself: the first primitive polynomial with the
# fewest terms, in the order of its highest, then its next tap.
_PRIMITIVE = {
    2: (1,),
    3: (1,),
    4: (1,),
    5: (2,),
    6: (1,),
    7: (1,),
    8: (2, 3, 4),
    9: (4,),
    10: (3,),
    11: (2,),
    12: (1, 4, 6),
    13: (1, 3, 4),
    14: (1, 3, 5),
    15: (1,),
    16: (2, 3, 5),
    17: (3,),
    18: (7,),
    19: (1, 2, 5),
    20: (3,),
    21: (2,),
    22: (1,),
    23: (5,),
    24: (1, 3, 4),
    25: (3,),
    26: (1, 2, 6),
    27: (1, 2, 5),
    28: (3,),
    29: (2,),
    30: (1, 4, 6),
    31: (3,),
    32: (2, 6, 7),
}


class LFSR(Config):
    """Linear-feedback shift register: each bit is the parity of a few bits before it.

    Bit t is the XOR of the bits t - d for d in `taps`, the largest of which is the degree n. Every
    sequence starts from a uniform state of its own among the 2^n - 1 that are not 0: its first n
    bits are that state. The period is 2^n - 1 where the polynomial x^n + sum over d of x^(n - d) is
    primitive over two elements, as those of the default taps are; for others it is shorter and may
    depend on the state.

    The linear recurrence of order n is all there is to learn: the bits behind the first n cost a
    model nothing once it has found the taps. A Galois register of the same polynomial has the same
    bits from another state, so its sequences have the same distribution.
    """

    kind: Literal["lfsr"] = "lfsr"
    degree: int | None = Field(default=None, ge=2, le=_WORD)
    """n, bits of the state; default: the largest of `taps`, or 16 without taps."""
    taps: tuple[int, ...] | None = None
    """Distances back to the bits whose XOR is the next one, the degree among them; default: those
    of a primitive polynomial with the fewest terms, 2 taps where such a one exists, else 4."""
    bits: int = Field(default=1, ge=1, le=16)
    """b, successive bits that make a token, the first one its lowest: V = 2^b."""
    length: int = Field(default=128, ge=1, le=MOST_TOKENS)
    """L, tokens of a sequence."""

    @model_validator(mode="after")
    def _taps_are_of_the_degree(self) -> "LFSR":
        if self.taps is None:
            return self
        if len(set(self.taps)) < len(self.taps):
            raise ValueError(f"taps: expected different numbers, got {list(self.taps)}")
        if not self.taps or min(self.taps) < 1 or not 2 <= max(self.taps) <= _WORD:
            raise ValueError(
                f"taps: expected numbers from 1 to {_WORD}, the largest 2 or more, "
                f"got {list(self.taps)}"
            )
        if self.degree not in (None, max(self.taps)):
            raise ValueError(
                f"degree: expected the largest of taps, which is {max(self.taps)}, "
                f"got {self.degree}"
            )
        return self


class Register(NamedTuple):
    """Bits of a sequence as parities of the state that it starts from.

    Attributes:
        masks: [L b] uint32, the bits of the state whose parity is each output bit.
        states: [] uint32, 2^n - 1.
    """

    masks: jax.Array
    states: jax.Array


@dataclass(frozen=True)
class LFSRSampler:
    """Makes all bits at once from a random state (see `spec.Sampler`).

    Degree and taps are values, so all registers of equal L and b share one program.
    """

    bits: int
    length: int

    def __call__(self, parameters: Register, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, L] int32."""
        below = jax.random.randint(key, (count, 1), 0, parameters.states, jnp.uint32)
        made = jax.lax.population_count((below + 1) & parameters.masks[None]) & 1
        places = jnp.arange(self.bits, dtype=jnp.uint32)[None, None]
        parts = made.reshape(count, self.length, self.bits) << places
        return parts.sum(-1, dtype=jnp.uint32).astype(jnp.int32)


def open_lfsr(config: LFSR) -> Synthetic:
    """Open a register; its entropy rate is the entropy of a sequence, H nats, over L.

    H is ln(2^n - 1), that of the state, where a sequence has n bits or more, as its first n are the
    state. Shorter ones, of m bits, lack a little of m ln 2, as no state is 0. Only an observer that
    solves for the recurrence comes near it, so it is no floor.
    """
    taps = lfsr_taps(config)
    degree, bits, length = max(taps), config.bits, config.length
    masks = parity_masks(taps, bits * length)
    info = SourceInfo.all_labels(
        1 << bits,
        length,
        fingerprint("lfsr", taps, bits, length),
        entropy_rate_nats=_nats(degree, bits * length) / length,
        rate_is_unbounded=True,
    )
    parameters = Register(jnp.asarray(masks), jnp.uint32((1 << degree) - 1))
    return Synthetic(info, LFSRSampler(bits, length), parameters)


def lfsr_taps(config: LFSR) -> tuple[int, ...]:
    """Find the taps of a register in increasing order: the given ones, or those of its degree."""
    if config.taps is not None:
        return tuple(sorted(config.taps))
    degree = config.degree or _DEGREE
    return (*_PRIMITIVE[degree], degree)


def parity_masks(taps: tuple[int, ...], count: int) -> UInt32[np.ndarray, " count"]:
    """Write each of `count` output bits as a parity of the first n: those are single bits.

    >>> [f"{mask:03b}" for mask in parity_masks((1, 3), 5)]
    ['001', '010', '100', '101', '111']
    """
    degree = max(taps)
    masks = [1 << place for place in range(degree)]
    for _ in range(count - degree):
        mask = 0
        for tap in taps:
            mask ^= masks[-tap]
        masks.append(mask)
    return np.array(masks[:count], np.uint32)


def _nats(degree: int, count: int) -> float:
    """Entropy of the first `count` bits of a sequence, nats."""
    states, free = (1 << degree) - 1, max(0, degree - count)
    others, zeros = (1 << free) / states, ((1 << free) - 1) / states
    patterns = (1 << (degree - free)) - 1  # that are not all zeros, each of 2^free states
    nats = -patterns * others * math.log(others)
    return nats - (zeros * math.log(zeros) if zeros else 0.0)
