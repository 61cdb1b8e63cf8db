"""Markov chains whose transition matrices are given beside them: a fresh one for every sequence."""

import functools
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Key
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.keys import Seed, generator
from epiplexity_jax.sources.spec import MOST_TOKENS, Batch, SourceInfo, Synthetic, WithReals
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats

LEVELS = 16  # of a log-probability, half a bit each
_ENTRIES = 1 << 20  # of the matrices whose mean entropy is taken
_TINY = float(np.finfo(np.float32).tiny)
Matrices = Float[Array, "n V V"]
AnyMatrices = Float[Array, "n V V"] | Float[np.ndarray, "n V V"]


class MarkovRows(Config):
    """Easy induction: a Markov chain behind the rows of its matrix, some of which are not given.

    Every sequence has a V x V matrix of its own, with rows from the uniform Dirichlet distribution.
    It begins with a BOS token, the id V; then come V - h rows in a random order that is the same
    for all sequences; then `length` symbols of the chain, the first from the stationary
    distribution. The symbols alone are paid for.

    A row is one token, the symbol whose successors it describes, beside the vector of its V natural
    log-probabilities: models read both at once. With `rows: tokens` a row is V tokens instead, for
    families that read no real numbers: level k, the id V + 1 + k, stands for -2 log2 p in
    [k, k + 1), and the last of the 16 levels for all that is larger.

    A model needs two mechanisms: to look a given row up, and to count the successors of symbols
    whose row is hidden. After n visits to a state whose row is hidden, of which c led to a symbol,
    that symbol has probability (c + 1) / (n + V).
    """

    kind: Literal["markov_rows"] = "markov_rows"
    vocab_size: int = Field(default=8, ge=2, le=64)
    """V, symbols of the chain, and numbers in the vector of a row."""
    length: int = Field(default=512, ge=1, le=MOST_TOKENS)
    """Symbols of the chain in a sequence; these are paid for."""
    hidden: int = Field(default=0, ge=0)
    """h, the rows that are not given: the last of the order; at V none is given."""
    rows: Literal["real", "tokens"] = "real"
    """`real`: rows as vectors of real numbers, which networks read. `tokens`: rows as V tokens of
    16 levels each, for any family."""
    order_seed: Seed = 0
    """Seed of the order of the rows."""

    @model_validator(mode="after")
    def _rows_exist(self) -> "MarkovRows":
        if self.hidden > self.vocab_size:
            raise ValueError(
                f"hidden: must be at most vocab_size, which is {self.vocab_size}, got {self.hidden}"
            )
        return self


@dataclass(frozen=True)
class MarkovRowsSampler:
    """Draws matrices and their chains; the parameters are the order of the rows, [V] int32."""

    vocab_size: int
    length: int
    given: int
    quantised: bool

    def __call__(self, parameters: Int32[Array, " V"], key: Key[Array, ""], count: int) -> Batch:
        """Draw [count, 1 + given + length] int32 with reals, or tokens alone."""
        vocab, given = self.vocab_size, parameters[: self.given]
        rows_key, chain_key = jax.random.split(key)
        uniform = jax.random.uniform(rows_key, (count, vocab, vocab), minval=_TINY)
        weights = -jnp.log(uniform)  # exponential, never 0
        total = weights.sum(-1, keepdims=True)
        symbols = _chains(weights / total, chain_key, self.length)
        reals = (jnp.log(weights) - jnp.log(total))[:, given]  # [n, V - h, V]
        start = jnp.full((count, 1), vocab, jnp.int32)
        if self.quantised and self.given:
            levels = vocab + 1 + levels_of(reals).reshape(count, -1)
            return jnp.concatenate([start, levels, symbols], axis=1)
        names = jnp.broadcast_to(given, (count, self.given))
        tokens = jnp.concatenate([start, names, symbols], axis=1)
        return WithReals(tokens, reals) if self.given else tokens


def levels_of(log_p: Float[Array, "..."]) -> Int32[Array, "..."]:
    """Level of each natural log-probability: -2 log2 p rounded down, at most 15.

    >>> levels_of(jnp.log(jnp.array([1.0, 0.51, 0.49, 1e-9]))).tolist()
    [0, 1, 2, 15]
    """
    halves = jnp.floor(log_p * (-2 / np.log(2)))
    return jnp.clip(halves, 0, LEVELS - 1).astype(jnp.int32)


def _chains(matrices: Matrices, key: Key[Array, ""], length: int) -> Int32[Array, "n length"]:
    """Draw a stationary chain of each matrix by inverse distribution functions."""
    count = len(matrices)
    uniform = jax.random.uniform(key, (length, count, 1))
    below = matrices.cumsum(-1)[:, :, :-1]  # [n, V, V - 1]
    first = stationary_distributions(matrices).cumsum(-1)[:, :-1]

    def step(state: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        row = jnp.take_along_axis(below, state[:, None, None], axis=1)[:, 0]
        state = (u >= row).sum(-1, dtype=jnp.int32)
        return state, state

    state = (uniform[0] >= first).sum(-1, dtype=jnp.int32)
    _, rest = jax.lax.scan(step, state, uniform[1:])
    return jnp.concatenate([state[None], rest]).T


def stationary_distributions(
    matrices: AnyMatrices,
) -> Float[Array, "n V"] | Float[np.ndarray, "n V"]:
    """Stationary distributions of positive stochastic matrices [n, V, V], by state reduction.

    Grassmann, Taksar and Heyman (1985): no subtraction, so every entry is right to rounding.
    """
    xp = jnp if isinstance(matrices, jax.Array) else np
    inner, into = matrices, []
    for last in range(matrices.shape[1] - 1, 0, -1):
        away = inner[:, last, :last]  # [n, last]
        enters = inner[:, :last, last] / away.sum(-1, keepdims=True)
        inner = inner[:, :last, :last] + enters[:, :, None] * away[:, None]
        into.append(enters)
    found = xp.ones_like(matrices[:, :1, 0])
    for enters in reversed(into):
        found = xp.concatenate([found, (found * enters).sum(-1, keepdims=True)], axis=1)
    return found / found.sum(-1, keepdims=True)


@functools.cache
def mean_entropies(states: int) -> tuple[float, float]:
    """Mean entropies in nats, over matrices with rows from the uniform Dirichlet distribution.

    They are estimates, means over 2^20 / V^2 matrices. A row has sum_{k=2}^{V} 1/k nats on average,
    but a chain stays longer in states of low entropy. How much longer is what is estimated.

    Args:
        states: V.

    Returns:
        The stationary distribution's, and that of a step from it; standard errors up to V = 64 are
        below 0.001 and 0.0005 (see the tests).
    """
    drawn = generator(0, "markov_rows", "entropies", states)
    matrices = drawn.dirichlet(np.ones(states), (_ENTRIES // states**2, states))
    stationary = np.asarray(stationary_distributions(np.maximum(matrices, _TINY)))
    rows = np.asarray(entropy_nats(matrices))  # [n, V]
    known = (1 / np.arange(2, states + 1)).sum()
    longer = ((stationary - 1 / states) * rows).sum(-1)
    return float(np.mean(entropy_nats(stationary))), float(known + longer.mean())


def open_markov_rows(config: MarkovRows) -> Synthetic:
    """Open the task of Finzi et al. 2026 (arXiv 2601.03220, Fig. 5c).

    Its entropy rate is known, as an estimate (see `mean_entropies`), where all rows are given as
    real numbers: that of the stationary distribution and `length` - 1 steps, over `length`. With
    hidden rows it is not known: counting in context comes near, and misses only what the first
    symbol, drawn from the stationary distribution, has of the hidden rows.
    """
    vocab, length, given = config.vocab_size, config.length, config.vocab_size - config.hidden
    order = generator(config.order_seed, "markov_rows", vocab).permutation(vocab)
    real = config.rows == "real" and given > 0
    prefix = 1 + (given if config.rows == "real" else given * vocab)
    rate = None
    if real and not config.hidden:
        first, step = mean_entropies(vocab)
        rate = (first + (length - 1) * step) / length
    levels = LEVELS if config.rows == "tokens" and given else 0
    info = SourceInfo(
        vocab_size=vocab,
        input_vocab_size=vocab + 1 + levels,
        length=prefix + length,
        label_mask=np.repeat([False, True], [prefix, length]),
        fingerprint=fingerprint("markov_rows", vocab, length, config.hidden, config.rows, order),
        entropy_rate_nats=rate,
        real_positions=tuple(range(1, 1 + given)) if real else (),
        real_width=vocab if real else None,
    )
    sampler = MarkovRowsSampler(vocab, length, given, config.rows == "tokens")
    return Synthetic(info, sampler, jnp.asarray(order, jnp.int32))
