"""One random token, repeated: the least structure that a sequence can have."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.sources.spec import MOST_TOKENS, DrawnTokens, SourceInfo, Synthetic


class Repeat(Config):
    """One random token repeated: after the first there is nothing new.

    ln V nats a sequence: the first token costs log2 V bits and the others nothing, once a model has
    learnt to copy.
    """

    kind: Literal["repeat"] = "repeat"
    vocab_size: int = Field(default=96, ge=2, le=1 << 20)
    """V, symbols of the alphabet; the repeated one is uniform over them."""
    length: int = Field(default=128, ge=1, le=MOST_TOKENS)
    """L, tokens of a sequence."""


@dataclass(frozen=True)
class RepeatSampler:
    """A uniform symbol for each sequence (see `spec.Sampler`)."""

    vocab_size: int
    length: int

    def __call__(self, parameters: Any, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, L] int32."""
        drawn = jax.random.randint(key, (count, 1), 0, self.vocab_size, jnp.int32)
        return jnp.broadcast_to(drawn, (count, self.length))


def open_repeat(config: Repeat) -> Synthetic:
    """Open it; ln V nats pay for a whole sequence, so the entropy rate is ln V / L per token."""
    vocab, length = config.vocab_size, config.length
    name = fingerprint("repeat", vocab, length)
    info = SourceInfo.all_labels(vocab, length, name, entropy_rate_nats=math.log(vocab) / length)
    return Synthetic(info, RepeatSampler(vocab, length))
