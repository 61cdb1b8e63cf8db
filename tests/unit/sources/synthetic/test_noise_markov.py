"""Noise and Markov chains against theory; tolerances are 5 standard errors at a fixed key."""

import functools
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import Markov, Noise, open_source
from epiplexity_jax.sources.synthetic.noise_markov import entropy_nats, stationary_distribution

CHAINS = {
    "two states": ((0.9, 0.1), (0.3, 0.7)),
    "forbidden moves": ((0.0, 0.5, 0.5), (1.0, 0.0, 0.0), (0.2, 0.8, 0.0)),
    "a transient state": ((0.5, 0.25, 0.25), (0.0, 0.6, 0.4), (0.0, 0.1, 0.9)),
    "periodic": ((0.0, 1.0), (1.0, 0.0)),
}


def opened(config) -> Any:
    return open_source(config)


@functools.partial(jax.jit, static_argnames=("sampler", "count"))
def _draw(sampler, parameters, key, count):
    return sampler(parameters, key, count)


@functools.cache
def draw(config, count, seed=0):
    source = opened(config)
    return np.asarray(_draw(source.sampler, source.parameters, jax.random.key(seed), count))


def five_errors(observed, trials, probability):
    """Whether counts of successes lie within 5 standard errors; certain events are exact."""
    error = np.sqrt(trials * probability * (1 - probability))
    return (np.abs(observed - trials * probability) <= 5 * error + 1e-9).all()


def sequence_nats(matrix, tokens):
    """Code length of sequences [n, L] under the true chain: [n] nats."""
    first = stationary_distribution(matrix)[tokens[:, 0]]
    with np.errstate(divide="ignore"):
        return -np.log(first) - np.log(matrix[tokens[:, :-1], tokens[:, 1:]]).sum(axis=1)


@pytest.mark.parametrize("vocab", [2, 7, 96])
def test_noise_is_uniform_and_independent(vocab):
    tokens = draw(Noise(vocab_size=vocab, length=32), 3000)
    counts = np.bincount(tokens.ravel(), minlength=vocab)
    assert five_errors(counts, tokens.size, 1 / vocab)
    same = (tokens[:, 1:] == tokens[:, :-1]).sum()
    assert five_errors(same, tokens[:, 1:].size, 1 / vocab)
    info = opened(Noise(vocab_size=vocab, length=32)).info
    assert info.entropy_rate_nats == math.log(vocab)
    assert info.has_bos


def test_neighbouring_numbers_do_not_run_together_in_a_fingerprint():
    one, other = opened(Noise(vocab_size=12, length=34)), opened(Noise(vocab_size=123, length=4))
    assert one.info.fingerprint != other.info.fingerprint


@pytest.mark.parametrize("rows", CHAINS.values(), ids=CHAINS)
def test_transitions_follow_the_matrix(rows):
    matrix = np.array(rows)
    tokens = draw(Markov(matrix=rows, length=50), 4000)
    moves = np.zeros_like(matrix)
    np.add.at(moves, (tokens[:, :-1], tokens[:, 1:]), 1)
    assert five_errors(moves, moves.sum(axis=1, keepdims=True), matrix)


@pytest.mark.parametrize("uniform", [0.0, float(np.nextafter(np.float32(1), np.float32(0)))])
@pytest.mark.parametrize("rows", CHAINS.values(), ids=CHAINS)
def test_the_ends_of_the_unit_interval_draw_nothing_forbidden(monkeypatch, rows, uniform):
    """A uniform draw is 0 about once in 1e7 tokens, and may be next to 1 as well."""
    monkeypatch.setattr(jax.random, "uniform", lambda key, shape: jnp.full(shape, uniform))
    source = opened(Markov(matrix=rows, length=9))
    tokens = np.asarray(source.sampler(source.parameters, jax.random.key(0), 2))
    assert np.isfinite(sequence_nats(np.array(rows), tokens)).all()


@pytest.mark.parametrize("position", [0, 1, 49])
@pytest.mark.parametrize("rows", CHAINS.values(), ids=CHAINS)
def test_every_position_has_the_stationary_distribution(rows, position):
    stationary = stationary_distribution(np.array(rows))
    tokens = draw(Markov(matrix=rows, length=50), 4000)[:, position]
    assert five_errors(np.bincount(tokens, minlength=len(rows)), 4000, stationary)


@pytest.mark.parametrize("rows", CHAINS.values(), ids=CHAINS)
def test_the_entropy_rate_is_that_of_all_sequences(rows):
    """The entropy of the distribution over every sequence of 5 tokens, by enumeration."""
    length = 5
    tokens = np.array(list(itertools.product(range(len(rows)), repeat=length)))
    with np.errstate(divide="ignore"):
        nats = sequence_nats(np.array(rows), tokens)
    likely = np.isfinite(nats)
    entropy = float((np.exp(-nats[likely]) * nats[likely]).sum())
    rate = opened(Markov(matrix=rows, length=length)).info.entropy_rate_nats
    assert rate == pytest.approx(entropy / length, rel=1e-12)


def test_the_entropy_rate_of_two_states_in_closed_form():
    stay, leave, length = 0.9, 0.3, 128
    pi = leave / (1 - stay + leave)
    step = pi * entropy_nats(np.array([stay, 1 - stay])) + (1 - pi) * entropy_nats(
        np.array([leave, 1 - leave])
    )
    expected = (entropy_nats(np.array([pi, 1 - pi])) + (length - 1) * step) / length
    source = opened(Markov(matrix=CHAINS["two states"], length=length))
    assert source.info.entropy_rate_nats == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("concentration", [0.1, 1.0, 10.0])
def test_the_true_chain_codes_its_samples_at_the_entropy_rate(concentration):
    config = Markov(vocab_size=6, length=64, concentration=concentration, table_seed=3)
    source = opened(config)
    cumulative = np.asarray(source.parameters[1], np.float64)
    matrix = np.diff(cumulative, axis=1, prepend=0.0)
    matrix /= matrix.sum(axis=1, keepdims=True)
    per_token = sequence_nats(matrix, draw(config, 3000)) / 64
    error = per_token.std(ddof=1) / np.sqrt(len(per_token))
    assert abs(per_token.mean() - source.info.entropy_rate_nats) < 5 * error
    assert error < 0.01 * source.info.entropy_rate_nats + 0.005


def test_rows_are_scaled_to_sum_1_exactly():
    """A third written with 6 digits is a third."""
    third = 0.333333
    rough = opened(Markov(matrix=((third,) * 3,) * 3, length=10)).info
    assert rough.entropy_rate_nats == pytest.approx(math.log(3), rel=1e-12)


def test_stationary_distributions_near_the_edge():
    """Rare moves decide the distribution; they need no tolerance."""
    stationary = stationary_distribution(np.array([[1 - 1e-9, 1e-9], [3e-9, 1 - 3e-9]]))
    assert stationary == pytest.approx([0.75, 0.25], rel=1e-6)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"matrix": ((1.0,),)}, "matrix: must be square with 2 rows or more, got 1 rows"),
        ({"matrix": ((0.5, 0.5),)}, "matrix: must be square with 2 rows or more, got 1 rows"),
        (
            {"matrix": ((0.5, 0.5), (0.2, 0.3, 0.5))},
            "matrix: must be square with 2 rows or more, got 2 rows",
        ),
        (
            {"matrix": ((0.5, 0.5), (0.2, 0.7))},
            "matrix: row 1 must hold probabilities that sum to 1, got [0.2, 0.7], sum 0.9",
        ),
        (
            {"matrix": ((1.5, -0.5), (0.5, 0.5))},
            "matrix: row 0 must hold probabilities that sum to 1, got [1.5, -0.5], sum 1",
        ),
        (
            {"matrix": ((float("nan"), 0.5), (0.5, 0.5))},
            "matrix: row 0 must hold probabilities that sum to 1",
        ),
        (
            {"matrix": ((1.0, 0.0), (0.0, 1.0))},
            "matrix: has 2 sets of states that are never left, so no unique stationary",
        ),
        (
            {"matrix": ((0.5, 0.5), (0.5, 0.5)), "vocab_size": 3},
            "vocab_size: the matrix has 2 rows, got 3",
        ),
        ({"concentration": 0.0}, "concentration: input should be greater than 0, got 0.0"),
        ({"vocab_size": 1}, "vocab_size: input should be greater than or equal to 2, got 1"),
    ],
)
def test_wrong_chains_are_refused(config, sentence):
    with pytest.raises(ConfigError) as caught:
        Markov(**config)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_random_matrix_without_a_unique_distribution_is_refused():
    """Rows so peaked that each holds a single 1 fall apart into separate cycles."""
    config = Markov(vocab_size=32, concentration=1e-9, table_seed=0)
    with pytest.raises(ConfigError, match="raise concentration or change table_seed"):
        open_source(config)
