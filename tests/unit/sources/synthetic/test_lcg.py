"""Linear congruential generators: tokens, periods and entropies against plain integers."""

import math
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import LCG, open_source
from epiplexity_jax.sources.synthetic.lcg import counted_nats

KEY = jax.random.key(0)


def draw(count=1, **config):
    """Tokens at a fixed key, [count, L], and the facts of the source."""
    source: Any = open_source(LCG(**config))
    return np.asarray(source.sampler(source.parameters, KEY, count)), source.info


def least_period(row):
    """Smallest p with row[t + p] = row[t] throughout, seen twice or more."""
    return next(p for p in range(1, len(row) // 2 + 1) if (row[p:] == row[:-p]).all())


def shown(state, config):
    """The token of a state, of which only the bits under the modulus count."""
    state %= 1 << config.modulus_bits
    if config.output == "high":
        return state >> (config.modulus_bits - config.bits)
    return state % (1 << config.bits)


@pytest.mark.parametrize("output", ["low", "high"])
@pytest.mark.parametrize(
    ("modulus_bits", "bits", "multiplier", "increment"),
    [(32, 8, 1664525, 1013904223), (32, 1, 69069, 0), (31, 16, 1103515245, 12345), (5, 5, 29, 7)],
)
def test_tokens_are_those_of_plain_integers(output, modulus_bits, bits, multiplier, increment):
    config = LCG(
        modulus_bits=modulus_bits,
        multiplier=multiplier,
        increment=increment,
        output=output,
        bits=bits,
        length=50,
    )
    tokens, info = draw(9, **config.model_dump())
    assert info.vocab_size == 1 << bits
    first = jax.random.bits(KEY, (9, 1), jnp.uint32)
    for state, row in zip(map(int, first[:, 0]), tokens.tolist(), strict=True):
        expected = []
        for _ in range(50):
            expected.append(shown(state, config))
            state = (multiplier * state + increment) % (1 << modulus_bits)
        assert row == expected


@pytest.mark.parametrize(
    ("multiplier", "increment", "expected"),
    [
        (214013, 2531011, [41, 18467, 6334, 26500, 19169, 15724]),  # Microsoft's C library
        (1103515245, 12345, [16838, 5758, 10113, 17515, 31051, 5627]),  # the example of ISO C
    ],
)
def test_truncated_generators_give_the_numbers_of_rand(multiplier, increment, expected):
    """`rand()` from seed 1: the highest 15 of 31 bits, behind the first state."""
    config = LCG(
        modulus_bits=31,
        multiplier=multiplier,
        increment=increment,
        output="high",
        bits=15,
        length=7,
    )
    jumps = open_source(config).parameters  # pyright: ignore[reportAttributeAccessIssue]
    states = jumps.factors + jumps.offsets  # the first state is 1
    assert ((states >> jumps.shift) & 0x7FFF).tolist()[1:] == expected


def test_low_bit_j_has_period_2_to_the_j():
    """Knuth, volume 2, section 3.2.1.1: a generator of full period, its bits one by one."""
    row = draw(bits=10, length=2050)[0][0]
    assert least_period(row) == 1 << 10
    for j in range(1, 11):
        assert least_period(row >> (j - 1) & 1) == 1 << j


def test_the_highest_bit_has_the_period_of_the_state():
    row = draw(modulus_bits=10, output="high", bits=1, length=2050)[0][0]
    assert least_period(row) == 1 << 10


def test_without_the_conditions_the_period_is_shorter():
    """a = 3 modulo 4, and an even increment."""
    for multiplier, increment in ((1664527, 1), (1664525, 2)):
        row = draw(bits=10, length=2050, multiplier=multiplier, increment=increment)[0][0]
        assert least_period(row) < 1 << 10


def test_first_tokens_are_uniform():
    """Chi square under its mean + 5 standard deviations."""
    for output in ("low", "high"):
        tokens, _ = draw(8000, output=output, bits=4, length=2)
        counts = np.bincount(tokens[:, 0], minlength=16)
        assert ((counts - 500) ** 2 / 500).sum() < 15 + 5 * math.sqrt(30)


@pytest.mark.parametrize(
    ("multiplier", "increment", "modulus_bits", "bits", "length"),
    [(5, 3, 8, 1, 3), (5, 3, 8, 1, 9), (5, 3, 8, 1, 200), (1, 0, 7, 2, 50), (29, 7, 6, 5, 2)],
)
def test_the_entropy_of_high_bits_is_counted(multiplier, increment, modulus_bits, bits, length):
    """Against the frequencies of whole sequences, one for each first state."""
    config = LCG(
        modulus_bits=modulus_bits,
        multiplier=multiplier,
        increment=increment,
        output="high",
        bits=bits,
        length=length,
    )
    sequences = []
    for state in range(1 << modulus_bits):
        tokens = []
        for _ in range(length):
            tokens.append(shown(state, config))
            state = (multiplier * state + increment) % (1 << modulus_bits)
        sequences.append(tuple(tokens))
    shares = [count / len(sequences) for count in Counter(sequences).values()]
    expected = -math.fsum(p * math.log(p) for p in shares)
    assert math.isclose(
        counted_nats(multiplier, increment, modulus_bits, bits, length), expected, abs_tol=1e-12
    )
    info = open_source(config).info
    assert math.isclose(info.entropy_rate_nats or 0, expected / length)
    assert info.rate_is_unbounded


def test_the_entropy_of_low_bits_is_that_of_the_first_token():
    for config in (LCG(bits=3, length=40), LCG(modulus_bits=3, output="high", bits=3, length=40)):
        info = open_source(config).info
        assert info.entropy_rate_nats == 3 * math.log(2) / 40
        assert not info.rate_is_unbounded
        assert info.has_bos


def test_the_entropy_of_many_states_is_not_known():
    info = open_source(LCG(modulus_bits=17, output="high")).info
    assert info.entropy_rate_nats is None


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"multiplier": 8}, "multiplier: expected an odd number, got 8"),
        (
            {"modulus_bits": 4, "bits": 5},
            "bits: expected at most modulus_bits, which is 4, got 5",
        ),
    ],
)
def test_what_is_no_generator(config, sentence):
    with pytest.raises(ConfigError) as caught:
        LCG(**config)
    assert str(caught.value) == sentence
