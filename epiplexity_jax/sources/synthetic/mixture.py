"""A finite mixture of random models in one table, drawn on the device."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Float64, Int32, Key
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import Seed, generator, key
from epiplexity_jax.sources.spec import MOST_TOKENS, DrawnTokens, SourceInfo, Synthetic
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats, stationary_distribution
from epiplexity_jax.sources.synthetic.zipf import Alias, alias_tables, draw_alias, zipf_law

_ENTRIES = 1 << 24  # of the table of all models
_ENUMERATED = 1 << 22  # probabilities, models times sequences, up to which entropy is computed


class Mixture(Config):
    """Finite mixture: for each sequence one of K fixed random models is drawn.

    `of: markov`: stationary Markov chains with random rows, as those of `markov`. `of: periodic`:
    random words of `period` tokens, each repeated from its beginning: K fixed sequences.

    The models are fixed by `table_seed`, whatever the sweep's seed is; which one made a sequence is
    not shown. An observer that knows them all predicts by Bayes' rule. On a sequence of model k
    with weight w_k it pays at most -log2 w_k bits more than model k does, and about as much where
    the sequence is long enough to find the model: 10 bits for one of 1024 alike.

    A `mix` of K `markov` sources has such sequences too, but draws K times as many and knows no
    entropy; it mixes sources of any kind.
    """

    kind: Literal["mixture"] = "mixture"
    of: Literal["markov", "periodic"] = "markov"
    """Sort of the models: Markov chains, or repeated words."""
    models: int = Field(default=16, ge=1, le=1 << 16)
    """K, number of models."""
    vocab_size: int = Field(default=8, ge=2, le=4096)
    """V, symbols of the alphabet."""
    length: int = Field(default=128, ge=1, le=MOST_TOKENS)
    """L, tokens of a sequence."""
    exponent: float = Field(default=0.0, ge=0, le=100)
    """a, prior weights are proportional to rank^-a; 0 makes them equal."""
    period: int | None = Field(default=None, ge=1)
    """Tokens of a word of `of: periodic`; default: 8, or `length` where that is less."""
    concentration: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Parameter of the rows' Dirichlet distribution of `of: markov`; default 1."""
    table_seed: Seed = 0
    """Seed of the models."""

    @model_validator(mode="after")
    def _options_are_used(self) -> "Mixture":
        unused = "concentration" if self.of == "periodic" else "period"
        if getattr(self, unused) is not None:
            raise ValueError(f"{unused}: {self.of} models do not have it; leave it out")
        if self.period is not None and self.period > self.length:
            raise ValueError(
                f"period: expected at most length, which is {self.length}, got {self.period}"
            )
        size = self.models * (self.vocab_size**2 if self.of == "markov" else self.length)
        if size > _ENTRIES:
            raise ValueError(
                f"models: expected a table of {_ENTRIES} entries or fewer, got {size}; lower models"
            )
        return self


class Chains(NamedTuple):
    """Parameters of a mixture of Markov chains.

    Attributes:
        prior: tables of the models' weights.
        initial: [K, V] float32, cumulative.
        transition: [K, V, V] float32, cumulative.
    """

    prior: Alias
    initial: jax.Array
    transition: jax.Array


class Words(NamedTuple):
    """Parameters of a mixture of repeated words.

    Attributes:
        prior: tables of the models' weights.
        sequences: [K, L] int32.
    """

    prior: Alias
    sequences: jax.Array


@dataclass(frozen=True)
class MixtureSampler:
    """Draws a model, then a sequence of it (see `spec.Sampler`)."""

    length: int

    def model_of(
        self, parameters: Chains | Words, key_: Key[Array, ""], count: int
    ) -> Int32[Array, " n"]:
        """Find the model of each sequence of a draw, in 0 to K - 1.

        Args:
            parameters: as for the draw.
            key_: the draw's random key.
            count: number of sequences.
        """
        return draw_alias(parameters.prior, key(key_, "model"), (count,))

    def __call__(self, parameters: Chains | Words, key_: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, L] int32."""
        model = self.model_of(parameters, key_, count)
        if isinstance(parameters, Words):
            return parameters.sequences[model]
        uniform = jax.random.uniform(key(key_, "tokens"), (self.length, count, 1))

        def draw(
            distribution: Float32[Array, "n V"], u: Float32[Array, "n 1"]
        ) -> Int32[Array, " n"]:
            return (u >= distribution[:, :-1]).sum(-1, dtype=jnp.int32)

        def step(state: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
            state = draw(parameters.transition[model, state], u)
            return state, state

        first = draw(parameters.initial[model], uniform[0])
        _, rest = jax.lax.scan(step, first, uniform[1:])
        return jnp.concatenate([first[None], rest]).T


def open_mixture(config: Mixture) -> Synthetic:
    """Open a mixture; its entropy rate is the entropy of a sequence, its model unknown, over L.

    Periodic models: it is the entropy of the weights, equal words counted together. Markov chains:
    it is summed over all V^L sequences up to K V^L = 2^22, and not known above; it then lies
    between sum_k w_k H_k, with H_k = H(pi_k) + (L - 1) h_k, and that plus the weights' entropy.
    """
    length = config.length
    weights = zipf_law(config.models, config.exponent)
    prior = alias_tables(weights)
    nats: float | None
    if config.of == "periodic":
        words = random_words(config)
        table = (words,)
        parameters = Words(prior, jnp.asarray(words))
        _, group = np.unique(words, axis=0, return_inverse=True)
        nats = float(entropy_nats(np.bincount(group.reshape(-1), weights)))
    else:
        first, transition = table = random_chains(config)
        parameters = Chains(
            prior, *(jnp.asarray(t.cumsum(-1), jnp.float32) for t in (first, transition))
        )
        known = config.models * config.vocab_size**length <= _ENUMERATED
        nats = enumerated_nats(weights, first, transition, length) if known else None
    info = SourceInfo.all_labels(
        config.vocab_size,
        length,
        fingerprint("mixture", *table, weights, config.vocab_size, length),
        entropy_rate_nats=None if nats is None else nats / length,
    )
    return Synthetic(info, MixtureSampler(length), parameters)


def random_words(config: Mixture) -> Int32[np.ndarray, "K L"]:
    """Draw the sequences of the periodic models: each a word repeated, the last time in part."""
    period = min(8, config.length) if config.period is None else config.period
    drawn = generator(config.table_seed, "mixture", "words", config.vocab_size, period)
    words = drawn.integers(config.vocab_size, size=(config.models, period))
    return words[:, np.arange(config.length) % period].astype(np.int32)


def random_chains(
    config: Mixture,
) -> tuple[Float64[np.ndarray, "K V"], Float64[np.ndarray, "K V V"]]:
    """Draw the stationary distributions and the transition matrices of the Markov chains."""
    states = config.vocab_size
    drawn = generator(config.table_seed, "mixture", "chains", states)
    concentration = 1.0 if config.concentration is None else config.concentration
    rows = drawn.dirichlet(np.full(states, concentration), size=(config.models, states))
    return np.stack([stationary_distribution(matrix) for matrix in rows]), rows


def enumerated_nats(
    weights: Float64[np.ndarray, " K"],
    first: Float64[np.ndarray, "K V"],
    transition: Float64[np.ndarray, "K V V"],
    length: int,
) -> float:
    """Sum the entropy of a mixture of chains over all V^L sequences, nats.

    Args:
        weights: prior weights.
        first: distributions of the first token.
        transition: transition matrices.
        length: L.

    >>> one = np.full((1, 2, 2), 0.5)
    >>> round(enumerated_nats(np.ones(1), one[:, 0], one, 3) / np.log(2), 9).item()
    3.0
    """
    states = first.shape[1]
    joint = weights[:, None] * first
    for _ in range(length - 1):
        last = np.arange(joint.shape[1]) % states
        joint = (joint[:, :, None] * transition[:, last]).reshape(len(weights), -1)
    return float(entropy_nats(joint.sum(axis=0)))
