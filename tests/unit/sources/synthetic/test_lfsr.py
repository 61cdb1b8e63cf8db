"""Shift registers: bits, periods, recurrences and entropies against plain integers."""

import math
from collections import Counter
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import LFSR, open_source
from epiplexity_jax.sources.synthetic.lfsr import lfsr_taps, parity_masks

DEGREES = range(2, 33)


def draw(count=1, **config):
    """Tokens at a fixed key, [count, L]."""
    source: Any = open_source(LFSR(**config))
    return np.asarray(source.sampler(source.parameters, jax.random.key(0), count))


def prime_factors(number):
    found, divisor = set(), 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found.add(divisor)
            number //= divisor
        divisor += 1
    return found | ({number} if number > 1 else set())


def polynomial(taps):
    """x^n + sum of x^(n - d), bit i the coefficient of x^i."""
    degree = max(taps)
    return (1 << degree) ^ sum(1 << (degree - tap) for tap in taps)


def power_of_x(exponent, modulus):
    """x^exponent modulo a polynomial over two elements, by squaring."""

    def times(a, b):
        product = 0
        while b:
            product ^= a if b & 1 else 0
            a, b = a << 1, b >> 1
            a ^= modulus if a.bit_length() == modulus.bit_length() else 0
        return product

    result, square = 1, 2
    while exponent:
        result = times(result, square) if exponent & 1 else result
        square, exponent = times(square, square), exponent >> 1
    return result


def berlekamp_massey(bits):
    """Shortest recurrence of a sequence (Massey 1969): its order, and how far back its bits are."""
    current, before, order, since = 1, 1, 0, 1  # connection polynomials, bit d for d steps back
    for t, bit in enumerate(bits):
        for d in range(1, order + 1):
            bit ^= (current >> d & 1) & bits[t - d]
        if not bit:
            since += 1
            continue
        changed = current ^ (before << since)
        if 2 * order <= t:
            before, order, since = current, t + 1 - order, 1
        else:
            since += 1
        current = changed
    return order, tuple(d for d in range(1, order + 1) if current >> d & 1)


@pytest.mark.parametrize("degree", DEGREES)
def test_bits_are_those_of_a_plain_register(degree):
    """A shift register of n cells, stepped one bit at a time from the first n bits."""
    taps = lfsr_taps(LFSR(degree=degree))
    for row in draw(5, degree=degree, length=100).tolist():
        cells = row[:degree]
        assert any(cells)
        for bit in row[degree:]:
            new = 0
            for tap in taps:
                new ^= cells[-tap]
            assert bit == new
            cells = [*cells[1:], new]


@pytest.mark.parametrize("degree", range(2, 17))
def test_the_period_is_2_to_the_degree_less_1(degree):
    period = (1 << degree) - 1
    row = draw(degree=degree, length=2 * period)[0]
    assert (row[period:] == row[:-period]).all()
    for factor in prime_factors(period):
        shorter = period // factor
        assert (row[shorter:] != row[:-shorter]).any()


@pytest.mark.parametrize("degree", DEGREES)
def test_default_taps_are_primitive(degree):
    """The order of x is 2^n - 1 and no divisor of it."""
    modulus, period = polynomial(lfsr_taps(LFSR(degree=degree))), (1 << degree) - 1
    assert power_of_x(period, modulus) == 1
    assert all(power_of_x(period // factor, modulus) != 1 for factor in prime_factors(period))


@pytest.mark.parametrize("degree", DEGREES)
def test_berlekamp_and_massey_find_degree_and_taps(degree):
    for row in draw(3, degree=degree, length=2 * degree + 10).tolist():
        assert berlekamp_massey(row) == (degree, lfsr_taps(LFSR(degree=degree)))


@pytest.mark.parametrize("degree", [3, 8, 10])
def test_a_galois_register_has_the_same_sequences(degree):
    modulus, width = polynomial(lfsr_taps(LFSR(degree=degree))), 2 * degree
    state, made = 1, []
    for _ in range((1 << degree) - 1 + width):
        made.append(state >> (degree - 1))
        state <<= 1
        state ^= modulus if state >> degree else 0
    galois = {tuple(made[t : t + width]) for t in range((1 << degree) - 1)}
    masks = parity_masks(lfsr_taps(LFSR(degree=degree)), width).tolist()
    states = range(1, 1 << degree)
    assert galois == {tuple((s & mask).bit_count() & 1 for mask in masks) for s in states}


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_states_are_uniform_and_never_0(degree):
    """Chi square under its mean + 5 standard deviations."""
    states = (1 << degree) - 1
    rows = draw(1000 * states, degree=degree, length=degree)
    counts = np.bincount(rows @ (1 << np.arange(degree)), minlength=states + 1)
    assert counts[0] == 0
    assert ((counts[1:] - 1000) ** 2 / 1000).sum() < states - 1 + 5 * math.sqrt(2 * (states - 1))


def test_high_bits_of_large_states_are_uniform():
    rows = draw(4000, degree=32, length=32)
    assert (abs(rows.mean(axis=0) - 0.5) < 5 * 0.5 / math.sqrt(4000)).all()


@pytest.mark.parametrize("bits", [3, 16])
def test_tokens_are_successive_bits(bits):
    tokens = draw(7, degree=21, bits=bits, length=5)
    parts = (tokens[:, :, None] >> np.arange(bits)) & 1
    assert np.array_equal(parts.reshape(7, 5 * bits), draw(7, degree=21, length=5 * bits))


@pytest.mark.parametrize(("bits", "length"), [(1, 1), (1, 4), (2, 3), (1, 7), (3, 2), (4, 9)])
@pytest.mark.parametrize("taps", [(3, 7), (7,), (1, 2)])
def test_entropy_rates(taps, bits, length):
    """Against the frequencies of whole sequences, one for each state."""
    masks = parity_masks(taps, bits * length).tolist()
    states = range(1, 1 << max(taps))
    counts = Counter(tuple((s & mask).bit_count() & 1 for mask in masks) for s in states)
    expected = -math.fsum(c / len(states) * math.log(c / len(states)) for c in counts.values())
    info = open_source(LFSR(taps=taps, bits=bits, length=length)).info
    assert math.isclose(info.entropy_rate_nats or 0, expected / length)
    assert info.rate_is_unbounded
    assert info.has_bos


def test_degrees_and_taps_that_are_the_same_register():
    named = {open_source(LFSR(**c)).info.fingerprint for c in ({}, {"degree": 16})}
    taps = ((2, 3, 5, 16), (16, 5, 3, 2))
    named |= {open_source(LFSR(taps=each)).info.fingerprint for each in taps}
    assert len(named) == 1


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"taps": (3, 3)}, "taps: expected different numbers, got [3, 3]"),
        ({"taps": ()}, "taps: expected numbers from 1 to 32, the largest 2 or more, got []"),
        *(
            (
                {"taps": taps},
                f"taps: expected numbers from 1 to 32, the largest 2 or more, got {list(taps)}",
            )
            for taps in [(0, 3), (3, 33), (1,)]
        ),
        (
            {"taps": (3, 7), "degree": 8},
            "degree: expected the largest of taps, which is 7, got 8",
        ),
    ],
)
def test_what_is_no_register(config, sentence):
    with pytest.raises(ConfigError) as caught:
        LFSR(**config)
    assert str(caught.value) == sentence


def test_primitive_polynomials_with_the_fewest_terms():
    """Two taps are the default wherever any two are primitive."""
    for degree in range(2, 17):
        period = (1 << degree) - 1
        factors = prime_factors(period)
        pairs = [
            tap
            for tap in range(1, degree)
            if power_of_x(period, polynomial((tap, degree))) == 1
            and all(power_of_x(period // f, polynomial((tap, degree))) != 1 for f in factors)
        ]
        taps = lfsr_taps(LFSR(degree=degree))
        assert len(taps) == (2 if pairs else 4)
        assert not pairs or taps == (pairs[0], degree)
