"""Chains beside the rows of their matrices: places, laws, and the lengths of an ideal observer."""

import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import MarkovRows, open_source
from epiplexity_jax.sources.spec import WithReals
from epiplexity_jax.sources.synthetic.markov_rows import (
    mean_entropies,
    stationary_distributions,
)

SEQUENCES = 3000
# Bits per sequence and standard errors, of another program: given rows, counts in context for the
# others, log2 V for the first symbol.
ORACLES = [
    (4, 64, 0, 99.3649, 0.15),
    (4, 64, 2, 105.410, 0.14),
    (4, 64, 4, 111.507, 0.13),
    (8, 128, 0, 317.103, 0.18),
    (8, 128, 2, 326.695, 0.18),
    (8, 128, 4, 336.376, 0.17),
    (8, 128, 8, 355.579, 0.15),
]


def _drawn(count=SEQUENCES, **config) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """The source, tokens [n, L] and reals [n, K, V], or None."""
    source: Any = open_source(MarkovRows(**config))
    draw = jax.jit(source.sampler, static_argnums=2)
    batch = draw(source.parameters, jax.random.key(1), count)
    if isinstance(batch, WithReals):
        return source, np.asarray(batch.tokens), np.asarray(batch.reals, np.float64)
    return source, np.asarray(batch), None


def _ideal_bits(states, length, hidden):
    """Bits of each sequence by given rows, or by (count + 1) / (visits + V) where one is hidden."""
    _, tokens, reals = _drawn(vocab_size=states, length=length, hidden=hidden)
    symbols, n = tokens[:, -length:], np.arange(len(tokens))
    rows = np.full((len(tokens), states, states), np.nan)
    if reals is not None:
        rows[:, tokens[0, 1 : 1 + states - hidden]] = np.exp(reals)
    counts = np.ones_like(rows)
    bits = np.full(len(tokens), math.log2(states))
    for before, now in zip(symbols.T[:-1], symbols.T[1:], strict=True):
        given = rows[n, before, now]
        counted = counts[n, before, now] / counts[n, before].sum(-1)
        bits -= np.log2(np.where(np.isnan(given), counted, given))
        counts[n, before, now] += 1
    return bits


@pytest.mark.parametrize(("states", "length", "hidden", "value", "stderr"), ORACLES)
def test_an_ideal_observer_has_the_known_length(states, length, hidden, value, stderr):
    bits = _ideal_bits(states, length, hidden)
    assert abs(bits.mean() - value) < 4 * math.hypot(stderr, bits.std() / SEQUENCES**0.5)


@pytest.mark.parametrize("states", [2, 4, 8])
def test_the_entropy_rate_is_that_of_the_chain(states):
    """The first symbol costs less than log2 V for who knows the matrix; the rest are the steps."""
    source, tokens, reals = _drawn(vocab_size=states, length=64, hidden=0)
    matrices = np.empty((SEQUENCES, states, states))
    matrices[:, tokens[0, 1 : 1 + states]] = np.exp(reals)
    stationary = np.asarray(stationary_distributions(matrices))
    np.testing.assert_allclose(
        np.einsum("ni,nij->nj", stationary, matrices), stationary, rtol=1e-5, atol=1e-7
    )
    nats = -np.log(stationary[np.arange(SEQUENCES), tokens[:, -64]])
    nats += (_ideal_bits(states, 64, 0) - math.log2(states)) * math.log(2)
    expected = source.info.entropy_rate_nats * 64
    assert abs(nats.mean() - expected) < 4 * nats.std() / SEQUENCES**0.5


@pytest.mark.parametrize(("states", "first"), [(4, 1.84523), (6, 2.47955), (8, 2.91884)])
def test_mean_entropies_are_known_within_their_error(states, first):
    """That of the stationary law against another program; a step is below an even mean of rows."""
    found, step = mean_entropies(states)
    matrices = np.random.default_rng(5).dirichlet(np.ones(states), (20000, states))
    stationary = np.asarray(stationary_distributions(matrices))
    rows = -(matrices * np.log(matrices)).sum(-1)
    steps = (stationary * rows).sum(-1)
    assert abs(found / math.log(2) - first) < 0.02
    assert abs(step - steps.mean()) < 4 * steps.std() / 20000**0.5
    assert step < sum(1 / k for k in range(2, states + 1))


def test_a_sequence_is_bos_rows_and_symbols():
    source, tokens, reals = _drawn(vocab_size=4, length=9, hidden=1, order_seed=3)
    info = source.info
    assert (tokens.shape[1], info.length) == (13, 13)
    assert (info.real_positions, info.real_width) == ((1, 2, 3), 4)
    assert info.label_mask.tolist() == [False] * 4 + [True] * 9
    assert (tokens[:, 0] == 4).all()
    assert info.input_vocab_size == 5
    order = np.asarray(source.parameters)
    assert sorted(order) == [0, 1, 2, 3]
    assert (tokens[:, 1:4] == order[None, :3]).all()
    assert reals is not None
    np.testing.assert_allclose(np.exp(reals).sum(-1), 1, rtol=1e-5)
    assert np.isfinite(reals).all()
    counts = np.bincount(tokens[:, 4:].ravel(), minlength=4)
    assert counts / counts.sum() == pytest.approx(np.full(4, 0.25), abs=0.02)
    assert info.entropy_rate_nats is None


def test_rows_are_uniform_dirichlet():
    """Each entry is Beta(1, V - 1), so that 1 - (1 - p)^(V - 1) is uniform."""
    _, _, reals = _drawn(vocab_size=4, length=1, hidden=0)
    assert reals is not None
    uniform = np.sort(1 - (1 - np.exp(reals[:, 0, 0])) ** 3)
    distance = np.abs(uniform - (np.arange(SEQUENCES) + 0.5) / SEQUENCES).max()
    assert distance < 1.95 / SEQUENCES**0.5  # Kolmogorov and Smirnov, 0.1 %


def test_rows_as_tokens_are_the_same_rows_in_half_bits():
    config = {"vocab_size": 4, "length": 9, "hidden": 1}
    _, exact, reals = _drawn(**config)
    source, tokens, none = _drawn(**config, rows="tokens")
    assert none is None
    assert reals is not None
    assert source.info.real_positions == ()
    assert source.info.input_vocab_size == 4 + 1 + 16
    assert np.array_equal(tokens[:, -9:], exact[:, -9:])
    levels = tokens[:, 1:-9].reshape(SEQUENCES, 3, 4) - 5
    halves = -2 * reals / math.log(2)
    near_edge = np.abs(halves - np.round(halves)) < 1e-4
    same = levels == np.clip(np.floor(halves), 0, 15)
    assert (same | near_edge).all()
    assert levels.min() == 0
    assert levels.max() == 15


@pytest.mark.parametrize("rows", ["real", "tokens"])
def test_with_no_row_given_symbols_are_all_there_is(rows):
    source, tokens, reals = _drawn(vocab_size=4, length=9, hidden=4, rows=rows)
    assert reals is None
    assert tokens.shape == (SEQUENCES, 10)
    assert source.info.input_vocab_size == 5
    assert source.info.entropy_rate_nats is None


def test_no_more_rows_are_hidden_than_there_are():
    with pytest.raises(ConfigError, match="^hidden: must be at most vocab_size, which is 4, got 5"):
        MarkovRows(vocab_size=4, hidden=5)
