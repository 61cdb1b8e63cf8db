"""Boolean functions of random bits, drawn on the device."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Key
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import Seed, generator
from epiplexity_jax.sources.spec import DrawnTokens, SourceInfo, Synthetic

_TABLE_BITS = 20  # of a random function


class Boolean(Config):
    """Boolean function: d uniform random bits, then f of them, which alone is paid for.

    `function: random` is a table of 2^d fair bits: nothing is to be found but its entries. After n
    examples a learner that stores them has seen 2^d (1 - (1 - 2^-d)^n) entries on average, which is
    also its expected prequential length in bits, and it guesses at the others.

    `parity` and `majority` are of `relevant` of the bits, chosen by `table_seed`; the others are
    noise. The parity of 2 among d bits is the XOR-cluster task in its Boolean form, and that of k
    a sparse parity.

    Labels are a function of inputs, so the entropy rate is 0. A `flip_labels` over it with rate e
    raises it to the binary entropy of e.
    """

    kind: Literal["boolean"] = "boolean"
    function: Literal["random", "parity", "majority"] = "random"
    """A random truth table, or the parity or the majority of some bits."""
    bits: int = Field(default=8, ge=1, le=4096)
    """d, input bits of a sequence, whose length is d + 1; at most 20 of a random function."""
    relevant: int | None = Field(default=None, ge=1)
    """k, bits that a parity or a majority is of; default: all d. An odd number for a majority."""
    table_seed: Seed = 0
    """Seed of the truth table, or of which bits are relevant."""

    @model_validator(mode="after")
    def _function_exists(self) -> "Boolean":
        relevant = self.bits if self.relevant is None else self.relevant
        if self.function == "random":
            if self.relevant is not None:
                raise ValueError("relevant: a random function is of all bits; leave it out")
            if self.bits > _TABLE_BITS:
                raise ValueError(
                    f"bits: expected at most {_TABLE_BITS} for a random function, got {self.bits}"
                )
        if relevant > self.bits:
            raise ValueError(
                f"relevant: expected at most bits, which is {self.bits}, got {relevant}"
            )
        if self.function == "majority" and relevant % 2 == 0:
            raise ValueError(
                f"relevant: expected an odd number of bits for a majority, got {relevant}"
            )
        return self


class TruthTable(NamedTuple):
    """A Boolean function as a table of a weighted sum of its bits.

    Attributes:
        weights: [d] int32; powers of 2 number all inputs, zeros and ones count relevant bits.
        values: [2^d] or [d + 1] int32, the label of each sum.
    """

    weights: jax.Array
    values: jax.Array


@dataclass(frozen=True)
class BooleanSampler:
    """Draws [x; f(x)]; the function is a value, so parity and majority share a program."""

    bits: int

    def __call__(self, parameters: TruthTable, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, d + 1] int32."""
        x = jax.random.bernoulli(key, shape=(count, self.bits)).astype(jnp.int32)
        return jnp.concatenate([x, parameters.values[x @ parameters.weights][:, None]], 1)


def open_boolean(config: Boolean) -> Synthetic:
    """Open a Boolean function; its entropy rate is 0, as the label is a function of the bits."""
    bits = config.bits
    weights, values = truth_table(config)
    info = SourceInfo(
        vocab_size=2,
        length=bits + 1,
        label_mask=np.arange(bits + 1) == bits,
        fingerprint=fingerprint("boolean", weights, values),
        entropy_rate_nats=0.0,
    )
    return Synthetic(
        info, BooleanSampler(bits), TruthTable(jnp.asarray(weights), jnp.asarray(values))
    )


def truth_table(
    config: Boolean,
) -> tuple[Int32[np.ndarray, " d"], Int32[np.ndarray, " sums"]]:
    """Make the weights of the bits, and the label of each weighted sum (see `TruthTable`)."""
    bits = config.bits
    drawn = generator(config.table_seed, "boolean", config.function, bits)
    if config.function == "random":
        return np.int32(1) << np.arange(bits, dtype=np.int32), drawn.integers(
            2, size=1 << bits, dtype=np.int32
        )
    relevant = bits if config.relevant is None else config.relevant
    weights = np.zeros(bits, np.int32)
    weights[drawn.permutation(bits)[:relevant]] = 1
    ones = np.arange(bits + 1, dtype=np.int32)
    parity = config.function == "parity"
    return weights, ones % 2 if parity else (2 * ones > relevant).astype(np.int32)
