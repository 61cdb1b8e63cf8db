"""Modular addition: pairs of numbers drawn on the device, or all of them as a finite source."""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int64, Integer, Key
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.sources.documents import ROWS
from epiplexity_jax.sources.spec import DrawnTokens, FiniteSource, Source, SourceInfo, Synthetic


class ModularAddition(Config):
    """Modular addition: a sequence is [a, b, a + b mod p], of which the sum alone is paid for.

    `pairs: drawn` draws a and b uniformly without end. `pairs: all` is the finite table of all p^2
    pairs, each once; the engine holds out some of them, and a `replay` around it trains on the
    others for many epochs, the set-up of grokking (Power et al. 2022).

    The sum is a function of its inputs, so the entropy rate is 0. A learner that stores pairs and
    knows no addition pays log2 p bits for each pair the first time, and for every one held out.
    """

    kind: Literal["modular_addition"] = "modular_addition"
    modulus: int = Field(default=97, ge=2, le=1 << 12)
    """p, numbers are from 0 to p - 1; V = p."""
    pairs: Literal["drawn", "all"] = "drawn"
    """Uniform pairs without end, or a finite source of all pairs."""
    equals_sign: bool = False
    """True puts a token of its own before the sum: [a, b, =, c]."""


@dataclass(frozen=True)
class AdditionSampler:
    """Uniform pairs and their sums (see `spec.Sampler`)."""

    modulus: int
    equals_sign: bool

    def __call__(self, parameters: Any, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, 3] int32, or [count, 4] with a sign."""
        a, b = jax.random.randint(key, (2, count), 0, self.modulus, jnp.int32)
        sign = [jnp.full_like(a, self.modulus)] * self.equals_sign
        return jnp.stack([a, b, *sign, (a + b) % self.modulus], 1)


def open_modular_addition(config: ModularAddition) -> Source:
    """Open the task; its entropy rate is 0."""
    modulus, sign = config.modulus, config.equals_sign
    length = 3 + sign
    info = SourceInfo(
        vocab_size=modulus,
        input_vocab_size=modulus + 1 if sign else None,
        length=length,
        label_mask=np.arange(length) == length - 1,
        fingerprint=fingerprint("modular_addition", modulus, config.pairs, sign),
        entropy_rate_nats=0.0,
        documents=ROWS,
    )
    if config.pairs == "drawn":
        return Synthetic(info, AdditionSampler(modulus, sign))

    def rows(indices: Int64[np.ndarray, " n"]) -> Integer[np.ndarray, "n length"]:
        a, b = np.divmod(indices, modulus)
        signs = [np.full_like(a, modulus)] * sign
        return np.stack([a, b, *signs, (a + b) % modulus], 1).astype(np.min_scalar_type(modulus))

    return FiniteSource(info, modulus**2, rows)
