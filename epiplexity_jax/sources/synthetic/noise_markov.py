"""Noise and Markov chains, drawn on the device."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Float64, Int32, Integer, Key
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.keys import Seed, generator
from epiplexity_jax.sources.spec import MOST_TOKENS, DrawnTokens, SourceInfo, Synthetic

_ROUNDING = 1e-6  # per entry: what six digits in a config leave
_SHOWN = 6  # entries of a wrong row
Tables = tuple[Float32[Array, " V"], Float32[Array, "V V"]]


class Noise(Config):
    """Independent uniform symbols: nothing to learn.

    The control: S_T is 0 and H_T is log2 V bits per token.
    """

    kind: Literal["noise"] = "noise"
    vocab_size: int = Field(default=96, ge=2, le=1 << 20)
    """V, symbols of the alphabet."""
    length: int = Field(default=128, ge=1, le=MOST_TOKENS)
    """L, tokens of a sequence."""


class Markov(Config):
    """A stationary Markov chain with a given or random transition matrix.

    `matrix` holds the transition probabilities, a row for each state. Without it the rows are drawn
    from a symmetric Dirichlet distribution, by `table_seed`, whatever the sweep's seed is. The
    first token comes from the stationary distribution pi, which must be unique: a chain with two
    sets of states that are never left is refused. With h = sum_i pi_i H(row i), a sequence has
    H(pi) + (L - 1) h nats, and `floor: entropy_rate` can use it.
    """

    kind: Literal["markov"] = "markov"
    vocab_size: int | None = Field(default=None, ge=2, le=4096)
    """V, states of a random matrix; default 8. A given matrix has its own."""
    length: int = Field(default=128, ge=1, le=MOST_TOKENS)
    """L, tokens of a sequence; the first is drawn from the stationary distribution."""
    matrix: tuple[tuple[float, ...], ...] | None = None
    """Rows of transition probabilities; default: a random matrix."""
    concentration: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Parameter of the random rows' Dirichlet distribution; small values make rows peaked."""
    table_seed: Seed = 0
    """Seed of the random matrix."""

    @model_validator(mode="after")
    def _matrix_is_stochastic(self) -> "Markov":
        if self.matrix is None:
            return self
        rows = self.matrix
        if len(rows) < 2 or any(len(row) != len(rows) for row in rows):
            raise ValueError(f"matrix: must be square with 2 rows or more, got {len(rows)} rows")
        for i, row in enumerate(rows):
            if not all(0 <= p <= 1 for p in row) or abs(math.fsum(row) - 1) > _ROUNDING * len(row):
                raise ValueError(
                    f"matrix: row {i} must hold probabilities that sum to 1, got {_short(row)}"
                )
        if self.vocab_size not in (None, len(rows)):
            raise ValueError(f"vocab_size: the matrix has {len(rows)} rows, got {self.vocab_size}")
        _recurrent_states(np.array(rows), "connect the states")
        return self


@dataclass(frozen=True)
class NoiseSampler:
    """Uniform symbols (see `spec.Sampler`)."""

    vocab_size: int
    length: int

    def __call__(self, parameters: Any, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, L] int32."""
        return jax.random.randint(key, (count, self.length), 0, self.vocab_size, jnp.int32)


@dataclass(frozen=True)
class MarkovSampler:
    """Chains by inverse distribution functions: parameters are (initial [V], transition [V, V])."""

    length: int

    def __call__(self, parameters: Tables, key: Key[Array, ""], count: int) -> DrawnTokens:
        """Draw [count, L] int32."""
        initial, transition = parameters
        uniform = jax.random.uniform(key, (self.length, count, 1))

        def draw(
            distribution: Float32[Array, "#n V"], u: Float32[Array, "n 1"]
        ) -> Int32[Array, " n"]:
            return (u >= distribution[:, :-1]).sum(-1, dtype=jnp.int32)

        def step(state: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
            state = draw(transition[state], u)
            return state, state

        first = draw(initial[None], uniform[0])
        _, rest = jax.lax.scan(step, first, uniform[1:])
        return jnp.concatenate([first[None], rest]).T


def open_noise(config: Noise) -> Synthetic:
    """Open noise; its entropy rate is ln V, and no model goes below it."""
    vocab, length = config.vocab_size, config.length
    name = fingerprint("noise", vocab, length)
    info = SourceInfo.all_labels(vocab, length, name, entropy_rate_nats=math.log(vocab))
    return Synthetic(info, NoiseSampler(vocab, length))


def open_markov(config: Markov) -> Synthetic:
    """Open a chain that starts in its stationary distribution pi.

    The entropy rate per token of a sequence is (H(pi) + (L - 1) h) / L, h = sum_i pi_i H(row i).
    """
    length = config.length
    matrix = _matrix(config)
    stationary = stationary_distribution(matrix)
    rate = float(stationary @ entropy_nats(matrix))
    nats = float(entropy_nats(stationary) + (length - 1) * rate)
    name = fingerprint("markov", matrix, length)
    info = SourceInfo.all_labels(len(matrix), length, name, entropy_rate_nats=nats / length)
    tables = tuple(jnp.asarray(t.cumsum(-1), jnp.float32) for t in (stationary, matrix))
    return Synthetic(info, MarkovSampler(length), tables)


def _matrix(config: Markov) -> Float64[np.ndarray, "V V"]:
    if config.matrix is not None:
        matrix = np.array(config.matrix, np.float64)
        return matrix / matrix.sum(axis=1, keepdims=True)
    states = config.vocab_size or 8
    drawn = generator(config.table_seed, "markov", states)
    matrix = drawn.dirichlet(np.full(states, config.concentration), size=states)
    _recurrent_states(matrix, "raise concentration or change table_seed")
    return matrix


def _short(row: tuple[float, ...]) -> str:
    shown = ", ".join(f"{p:.6g}" for p in row[:_SHOWN])
    return f"[{shown}{', …' * (len(row) > _SHOWN)}], sum {math.fsum(row):.6g}"


def _recurrent_states(
    matrix: Float64[np.ndarray, "V V"], cure: str
) -> Integer[np.ndarray, " recurrent"]:
    """Find the one set of states that a chain [V, V] ends in.

    The stationary distribution is unique exactly if there is one such set; this reads off which
    entries are 0, so probabilities near 0 need no tolerance.

    Raises:
        ConfigError: when there are several; the message ends with the cure.
    """
    from scipy.sparse.csgraph import connected_components  # a quarter of the layer's import time

    _, group = connected_components(matrix > 0, connection="strong")
    source, target = np.nonzero(matrix)
    left = np.unique(group[source[group[source] != group[target]]])  # groups with a way out
    closed = np.setdiff1d(group, left)
    if len(closed) > 1:
        raise ConfigError(
            f"matrix: has {len(closed)} sets of states that are never left, so no unique "
            f"stationary distribution; {cure}"
        )
    return np.nonzero(group == closed[0])[0]


def stationary_distribution(matrix: Float64[np.ndarray, "V V"]) -> Float64[np.ndarray, " V"]:
    """Solve for the distribution that a stochastic matrix leaves unchanged.

    Raises:
        ConfigError: when there are several.
    """
    states = _recurrent_states(matrix, "connect the states")
    part = matrix[np.ix_(states, states)]
    equations = part.T - np.eye(len(part))
    equations[-1] = 1.0  # one of them follows from the others; it gives way to the sum
    solution = np.linalg.solve(equations, np.eye(len(part))[-1]).clip(0.0)
    stationary = np.zeros(len(matrix))
    stationary[states] = solution / solution.sum()
    return stationary


def entropy_nats(p: Float[np.ndarray, "*batch V"]) -> Float[np.ndarray, "*batch"] | np.float64:
    """Entropy of distributions along the last axis, nats."""
    return -np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0).sum(-1)
