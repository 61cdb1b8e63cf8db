"""Boolean functions: labels against plain definitions, and what there is to learn of them."""

import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import Boolean, FlipLabels, open_source
from epiplexity_jax.sources.synthetic.boolean import truth_table
from epiplexity_jax.sources.synthetic.zipf import expected_seen, zipf_law


def draw(config, count=2000, seed=0):
    source: Any = open_source(config)
    return np.asarray(source.sampler(source.parameters, jax.random.key(seed), count))


def relevant_bits(config):
    return np.flatnonzero(truth_table(config)[0])


@pytest.mark.parametrize("relevant", [None, 1, 2, 3])
def test_parity_is_the_xor_of_the_relevant_bits(relevant):
    config = Boolean(function="parity", bits=9, relevant=relevant, table_seed=3)
    rows, chosen = draw(config), relevant_bits(config)
    assert len(chosen) == (relevant or 9)
    assert np.array_equal(rows[:, -1], np.bitwise_xor.reduce(rows[:, chosen], axis=1))


@pytest.mark.parametrize("relevant", [None, 1, 5])
def test_majority_is_that_of_the_relevant_bits(relevant):
    config = Boolean(function="majority", bits=7, relevant=relevant)
    rows, chosen = draw(config), relevant_bits(config)
    assert np.array_equal(rows[:, -1], rows[:, chosen].mean(axis=1) > 0.5)


def test_a_random_function_is_a_function_of_fair_entries():
    config = Boolean(bits=10)
    rows = draw(config, 20_000)
    number = rows[:, :-1] @ (1 << np.arange(10))
    table = truth_table(config)[1]
    assert np.array_equal(rows[:, -1], table[number])
    assert len(np.unique(number)) == 1024
    assert abs(table.mean() - 0.5) < 4 * 0.5 / 32
    assert not np.array_equal(table, truth_table(Boolean(bits=10, table_seed=1))[1])


def test_bits_are_uniform():
    rows = draw(Boolean(function="parity", bits=40), 4000)
    assert (abs(rows[:, :40].mean(axis=0) - 0.5) < 5 * 0.5 / math.sqrt(4000)).all()


def test_any_k_minus_1_bits_of_a_parity_say_nothing():
    """All 8 of their values have labels of mean 1/2, within 5 standard errors."""
    rows = draw(Boolean(function="parity", bits=4), 8000)
    part = rows[:, :3] @ (1 << np.arange(3))
    for value in range(8):
        labels = rows[part == value, -1]
        assert abs(labels.mean() - 0.5) < 5 * 0.5 / math.sqrt(len(labels))


def test_a_table_learner_pays_a_bit_for_each_new_input():
    """On average 2^d (1 - (1 - 2^-d)^n) bits after n examples; the others are still to be paid."""
    size, examples, paid = 2**6, 100, []
    for seed in range(60):
        number = draw(Boolean(bits=6), examples, seed)[:, :-1] @ (1 << np.arange(6))
        paid.append(len(np.unique(number)))
    expected = size * (1 - (1 - 1 / size) ** examples)
    assert expected_seen(zipf_law(size, 0.0), examples) == pytest.approx(expected)
    assert abs(np.mean(paid) - expected) < 4 * np.std(paid) / math.sqrt(60)


@pytest.mark.parametrize("function", ["random", "parity", "majority"])
def test_flips_raise_the_entropy_by_their_own(function):
    config = Boolean(function=function, bits=5)
    assert open_source(config).info.entropy_rate_nats == 0
    rate = open_source(FlipLabels(source=config, rate=0.1)).info.entropy_rate_nats
    assert rate == pytest.approx(-0.1 * math.log(0.1) - 0.9 * math.log(0.9))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"relevant": 3}, "relevant: a random function is of all bits; leave it out"),
        ({"bits": 21}, "bits: expected at most 20 for a random function, got 21"),
        (
            {"function": "parity", "bits": 4, "relevant": 5},
            "relevant: expected at most bits, which is 4, got 5",
        ),
        (
            {"function": "majority", "bits": 4},
            "relevant: expected an odd number of bits for a majority, got 4",
        ),
    ],
)
def test_what_is_no_function(config, sentence):
    with pytest.raises(ConfigError) as caught:
        Boolean(**config)
    assert str(caught.value) == sentence
