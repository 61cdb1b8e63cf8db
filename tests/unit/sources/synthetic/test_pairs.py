"""Pairs of answers: their joint distribution, the function behind them, their entropies."""

import itertools
import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base import hash_rng
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import Pairs, open_source
from epiplexity_jax.sources.synthetic.arx import threefry
from epiplexity_jax.sources.synthetic.pairs import teacher_probabilities

MANY = 40_000


def draw(count, seed=0, **config):
    """Bits x [count, n], answers [count, 1 or 2], and the facts."""
    source: Any = open_source(Pairs(**config))
    drawn = jax.jit(source.sampler, static_argnums=2)(
        source.parameters, jax.random.key(seed), count
    )
    tokens, inputs = np.asarray(drawn), Pairs(**config).inputs
    return tokens[:, :inputs], tokens[:, inputs:], source.info


def coin_bits(p):
    """Entropy of a coin."""
    return -sum(q * math.log2(q) for q in (p, 1 - p) if q > 0)


def within(share, expected, count):
    """True within 5 standard errors."""
    return abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / count)


def flips(inputs, seed=0):
    return hash_rng.below(2, seed, "pairs teacher", np.arange(inputs))


@pytest.mark.parametrize("inputs", [1, 5, 32, 33, 64])
@pytest.mark.parametrize("answers", ["coin", "prg", "teacher"])
def test_questions_are_uniform_bits(answers, inputs):
    """Single bits and neighbours; the same for every kind of answers."""
    x, y, info = draw(MANY, answers=answers, inputs=inputs)
    assert y.shape == (MANY, 2)
    assert all(within(column.mean(), 0.5, MANY) for column in x.T)
    assert all(within((a ^ b).mean(), 0.5, MANY) for a, b in itertools.pairwise(x.T))
    assert np.array_equal(x, draw(MANY, answers="coin", inputs=inputs)[0])
    assert info.label_mask.tolist() == [False] * inputs + [True, True]


def test_coins_are_fair_and_independent():
    x, y, info = draw(MANY, answers="coin")
    first, second = y.T
    for bits in (first, second, first ^ second, first ^ x[:, 0], second ^ x[:, -1]):
        assert within(bits.mean(), 0.5, MANY)
    assert info.entropy_rate_nats == math.log(2)
    assert not info.rate_is_unbounded


@pytest.mark.parametrize("inputs", [7, 32, 40, 64])
def test_the_keyed_bit_is_that_of_threefry(inputs):
    """As the source of ciphers makes it, whose answers are Random123's: the same for both."""
    x, y, info = draw(3000, answers="prg", inputs=inputs, key_seed=5)
    padded = np.zeros((3000, 64), np.uint64)
    padded[:, :inputs] = x
    places = np.uint64(1) << np.arange(32, dtype=np.uint64)
    words = [(part @ places).astype(np.uint32) for part in np.split(padded, 2, axis=1)]
    key = hash_rng.bits(5, "pairs key", np.arange(2)).astype(np.uint32)
    expected = threefry(key, *words)[0] & 1
    assert np.array_equal(y, np.stack([expected, expected], axis=1))
    assert info.entropy_rate_nats == 0
    assert info.rate_is_unbounded


def test_the_keyed_bit_looks_like_a_coin():
    """Its mean and its correlation with each bit of x and with each pair of bits."""
    x, y, _ = draw(MANY, answers="prg", inputs=16)
    bit = y[:, 0]
    assert within(bit.mean(), 0.5, MANY)
    tests = [*x.T, *(x[:, i] ^ x[:, j] for i, j in itertools.combinations(range(16), 2))]
    agree = np.array([(bit ^ test).mean() for test in tests])
    assert (abs(agree - 0.5) < 5 * 0.5 / math.sqrt(MANY)).all()


def test_another_key_is_another_function():
    one, other = (draw(MANY, answers="prg", key_seed=seed)[1][:, 0] for seed in (0, 1))
    assert within((one ^ other).mean(), 0.5, MANY)


@pytest.mark.parametrize("sharpness", [None, 0.5, 6.0])
def test_the_teacher_answers_with_its_probability(sharpness):
    x, y, _ = draw(MANY, answers="teacher", inputs=9, sharpness=sharpness, key_seed=3)
    ones = (x ^ flips(9, 3)).sum(axis=1)
    for number, p in enumerate(teacher_probabilities(9, sharpness or 2.0)):
        votes = 2 * number - 9
        assert math.isclose(p, 1 / (1 + math.exp(-(sharpness or 2.0) * votes / 3)))
        chosen = y[ones == number]
        assert within(chosen[:, 0].mean(), p, len(chosen))
        assert within(chosen[:, 1].mean(), p, len(chosen))
        both = p * p + (1 - p) ** 2  # independent, given x
        assert within((chosen[:, 0] == chosen[:, 1]).mean(), both, len(chosen))


@pytest.mark.parametrize("inputs", [1, 2, 9])
def test_the_teachers_entropy_is_exact(inputs):
    """By enumeration of all x."""
    table = teacher_probabilities(inputs, 2.0)
    every = [coin_bits(table[sum(x)]) for x in itertools.product((0, 1), repeat=inputs)]
    info = open_source(Pairs(answers="teacher", inputs=inputs)).info
    assert math.isclose((info.entropy_rate_nats or 0) / math.log(2), sum(every) / len(every))
    assert not info.rate_is_unbounded


@pytest.mark.parametrize("answers", ["coin", "prg", "teacher"])
def test_the_gap_of_an_observer_that_knows_nothing(answers):
    """H(y2) - H(y2 | y1) of the counts of pairs: 0, 1, and the number of the docstring."""
    y = draw(MANY, answers=answers)[1]
    shares = np.bincount(2 * y[:, 0] + y[:, 1], minlength=4).reshape(2, 2) / MANY
    joint = -sum(p * math.log2(p) for p in shares.ravel() if p > 0)
    gap = coin_bits(shares.sum(axis=0)[1]) + coin_bits(shares.sum(axis=1)[1]) - joint
    table = teacher_probabilities(32, 2.0)
    weights = [math.comb(32, k) / 2**32 for k in range(33)]
    agree = sum(w * (p * p + (1 - p) ** 2) for w, p in zip(weights, table, strict=True))
    expected = {"coin": 0.0, "prg": 1.0, "teacher": 1 - coin_bits(agree)}[answers]
    assert abs(gap - expected) < 0.02
    assert 0.05 < 1 - coin_bits(agree) < 0.5


@pytest.mark.parametrize("answers", ["coin", "prg", "teacher"])
def test_one_answer_is_the_first_of_two(answers):
    x, y, info = draw(500, answers=answers)
    once_x, once_y, once = draw(500, answers=answers, second=False)
    assert np.array_equal(x, once_x)
    assert np.array_equal(y[:, :1], once_y)
    assert (once.length, once.label_tokens) == (33, 1)
    assert once.entropy_rate_nats == info.entropy_rate_nats


def test_what_does_not_decide_the_answers_is_not_in_the_fingerprint():
    def name(**config):
        return open_source(Pairs(**config)).info.fingerprint

    assert name(answers="prg") == name(answers="prg", key_seed=0)
    assert name(answers="teacher") == name(answers="teacher", sharpness=2)
    assert name(answers="prg") != name(answers="prg", key_seed=1)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "answers: "),
        ({"answers": "dice"}, "answers: input should be 'coin', 'prg' or 'teacher', got 'dice'"),
        ({"answers": "coin", "inputs": 65}, "inputs: "),
        (
            {"answers": "coin", "key_seed": 0},
            "key_seed: expected none, as a coin has no key; leave it out",
        ),
        (
            {"answers": "prg", "sharpness": 2},
            "sharpness: expected none, as answers is prg; leave it out",
        ),
        ({"answers": "teacher", "sharpness": 0}, "sharpness: "),
    ],
)
def test_wrong_configs_are_refused(config, sentence):
    with pytest.raises(ConfigError) as caught:
        Pairs(**config)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
