"""Facts with a long tail: keys by Zipf's law, each with a fixed random value."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Key
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import Seed, generator
from epiplexity_jax.sources.spec import DrawnTokens, SourceInfo, Synthetic
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats
from epiplexity_jax.sources.synthetic.zipf import (
    Alias,
    alias_tables,
    draw_alias,
    expected_seen,
    zipf_law,
)


class ZipfFacts(Config):
    """Facts by Zipf's law: a key, and its value, which is random but fixed.

    Key k of K has probability p_k proportional to k^-a, and its value is one of V, drawn by
    `table_seed`. Values share nothing, so facts are learnt one by one: a learner that stores them
    has seen sum_k 1 - (1 - p_k)^n of them after n sequences on average, and pays log2 V bits for
    each the first time (Feldman 2020 for long tails, Michaud et al. 2023 for scaling laws of such
    tasks).
    """

    kind: Literal["zipf_facts"] = "zipf_facts"
    facts: int = Field(default=1024, ge=1, le=1 << 20)
    """K, number of facts."""
    values: int = Field(default=16, ge=2, le=1 << 16)
    """V, symbols of a value."""
    exponent: float = Field(default=1.0, ge=0, le=100)
    """a, exponent of Zipf's law; 0 draws all keys alike."""
    pay: Literal["value", "all"] = "value"
    """`value`: the key is an input. `all`: the key is predicted and paid for, too."""
    table_seed: Seed = 0
    """Seed of the values."""


class Facts(NamedTuple):
    """Parameters of facts.

    Attributes:
        law: tables of the keys' law.
        values: [K] int32, value of each key.
    """

    law: Alias
    values: jax.Array


@dataclass(frozen=True)
class FactSampler:
    """Draws [key, value]; law and values are parameters (see `spec.Sampler`)."""

    def __call__(self, parameters: Facts, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, 2] int32."""
        keys = draw_alias(parameters.law, key, (count,))
        return jnp.stack([keys, parameters.values[keys]], 1)


def open_zipf_facts(config: ZipfFacts) -> Synthetic:
    """Open facts; their entropy rate is that of an observer that knows all values.

    It is 0 with `pay: value`, and half of the keys' entropy with `pay: all`, as a sequence has two
    labels.
    """
    pay_all = config.pay == "all"
    law, values = zipf_law(config.facts, config.exponent), fact_values(config)
    info = SourceInfo(
        vocab_size=max(config.values, config.facts) if pay_all else config.values,
        input_vocab_size=None if pay_all else max(config.values, config.facts),
        length=2,
        label_mask=np.array([pay_all, True]),
        fingerprint=fingerprint("zipf_facts", law, values, config.values, config.pay),
        entropy_rate_nats=float(entropy_nats(law)) / 2 if pay_all else 0.0,
    )
    return Synthetic(info, FactSampler(), Facts(alias_tables(law), jnp.asarray(values)))


def fact_values(config: ZipfFacts) -> Int32[np.ndarray, " K"]:
    """Draw the value of each key."""
    drawn = generator(config.table_seed, "zipf_facts", config.facts, config.values)
    return drawn.integers(config.values, size=config.facts, dtype=np.int32)


def table_learner_bits(config: ZipfFacts, sequences: int) -> float:
    """Expected prequential length of the values, bits, of a learner that stores facts.

    It pays log2 V bits for the value of a key that it sees for the first time, and nothing else.

    >>> round(table_learner_bits(ZipfFacts(facts=2, values=4, exponent=0.0), 2), 9)
    3.0
    """
    law = zipf_law(config.facts, config.exponent)
    return expected_seen(law, sequences) * math.log2(config.values)
