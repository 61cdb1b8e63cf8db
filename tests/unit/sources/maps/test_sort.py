"""Sorted sequences: the same tokens, and the entropy that their order had is gone."""

import itertools
import math
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import (
    ElementaryCA,
    Markov,
    Mix,
    Noise,
    Repeat,
    Retokenise,
    Shuffle,
    Sort,
    Text,
    from_array,
    from_labelled,
)
from epiplexity_jax.sources import open_source as _open
from epiplexity_jax.sources.maps.sort import multiset_entropy

NUMBERED = np.arange(60).reshape(5, 12)
AUTOMATON = ElementaryCA(rule=30, cells=4, steps=1)  # [X; Y], 4 tokens each; Y is paid for


def opened(source, **options) -> Any:
    return _open(Sort(source=source, **options))


def draw(source, count=40):
    return np.asarray(source.sampler(source.parameters, jax.random.key(0), count))


def entropy(rows):
    """Nats of the sequences of a finite source, each of which is as probable."""
    _, counts = np.unique(rows, axis=0, return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        (None, [1, 1, 3, 4, 5, 9]),
        (2, [1, 3, 4, 1, 5, 9]),
        (3, [1, 3, 1, 4, 5, 9]),
    ],
)
def test_sorted_by_hand(segments, expected):
    source = opened(from_array(np.array([[3, 1, 4, 1, 5, 9]] * 3)), segments=segments)
    assert source.read(np.array([1])).tolist() == [expected]


def test_parts_of_different_length():
    """Two inputs and a label: the label keeps its place, and alphabets may differ."""
    given = from_labelled(np.array([[19, 3]] * 9), np.arange(9) % 5, input_vocab_size=20)
    source = opened(given)
    assert source.read(np.array([1, 4])).tolist() == [[3, 19, 1], [3, 19, 4]]
    assert source.info.input_vocab_size == 20


@pytest.mark.parametrize("segments", [None, 4])
def test_a_drawn_source_is_sorted_in_its_parts(segments):
    """Of the same key both draw the same sequences."""
    source, inner = opened(AUTOMATON, segments=segments), _open(AUTOMATON)
    parts = draw(inner).reshape(40, segments or 2, -1)
    assert np.array_equal(draw(source), np.sort(parts).reshape(40, 8))
    assert np.array_equal(source.info.label_mask, inner.info.label_mask)


@pytest.mark.parametrize("places", [3, 4, 5])
def test_sorting_random_permutations_takes_log_n_factorial(places):
    """Of all n! orders, each as probable, one is left."""
    orders = np.array(list(itertools.permutations(range(places))))
    assert math.isclose(entropy(orders), math.lgamma(places + 1))
    count = len(orders)
    assert entropy(opened(from_array(orders)).read(np.arange(count))) == 0


def test_a_sorted_shuffle_of_a_constant_is_a_constant():
    rows = np.tile(np.arange(7), (60, 1))
    shuffled = Shuffle(source=from_array(rows))
    assert entropy(_open(shuffled).read(np.arange(60))) > 4
    assert np.array_equal(opened(shuffled).read(np.arange(60)), rows)


@pytest.mark.parametrize(("count", "vocab_size"), [(1, 3), (2, 2), (4, 3), (3, 5), (6, 2)])
def test_the_entropy_of_a_multiset_is_that_of_all_sequences(count, vocab_size):
    """All V^n sequences, sorted and counted."""
    rows = np.array(list(itertools.product(range(vocab_size), repeat=count)))
    assert math.isclose(multiset_entropy(count, vocab_size), entropy(np.sort(rows, axis=1)))


def test_the_entropy_of_a_large_multiset():
    """Two symbols: that of a binomial count, close to 0.5 ln(2 pi e n / 4)."""
    large = multiset_entropy(100_000, 2)
    assert math.isclose(large, 0.5 * math.log(math.pi * math.e * 50_000), rel_tol=1e-5)
    assert multiset_entropy(1, 1000) == pytest.approx(math.log(1000), rel=1e-12)


def test_the_entropy_rate_of_sorted_noise():
    source = opened(Noise(vocab_size=3, length=4))
    rows = np.array(list(itertools.product(range(3), repeat=4)))
    assert math.isclose(source.info.entropy_rate_nats, entropy(np.sort(rows)) / 4)
    parts = opened(Noise(vocab_size=3, length=8), segments=2)
    assert math.isclose(parts.info.entropy_rate_nats, source.info.entropy_rate_nats)
    assert not source.info.rate_is_unbounded
    measured = entropy(draw(source, 200_000)) / 4
    assert abs(measured - source.info.entropy_rate_nats) < 2e-3


@pytest.mark.parametrize("symbols", [5, 8, 10])
def test_chunks_of_noise_are_noise(symbols):
    """Three times ln V is not ln V^3 to the last bit."""
    noise = Noise(vocab_size=symbols, length=6)
    chunks = Retokenise(into="chunk", group=3, source=noise)
    assert _open(chunks).info.entropy_rate_nats != math.log(symbols**3)
    expected = multiset_entropy(2, symbols**3) / 2
    assert opened(chunks).info.entropy_rate_nats == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("inner", [Markov(vocab_size=5, length=12), AUTOMATON, Repeat(length=9)])
def test_other_entropy_rates_are_not_known(inner):
    info = opened(inner).info
    assert info.entropy_rate_nats is None
    assert not info.rate_is_unbounded


def test_origins_stay_and_bits_per_byte_are_not_given(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("the quick brown fox " * 100, encoding="ascii")
    text = Text(path=str(path), length=20, alphabet="bytes")
    source = opened(text)
    assert bytes(source.read(np.arange(1))[0].astype("u1")) == b"    bcefhiknooqrtuwx"
    assert _open(text).info.bytes_per_token == 1
    assert source.info.bytes_per_token is None
    assert source.info.origins == _open(text).info.origins
    assert source.info.documents.places is None


def test_components_of_a_mix():
    mix = Mix(sources=[{"source": Noise(vocab_size=v, length=4)} for v in (2, 9)])
    source, inner = opened(mix), _open(mix)
    key = jax.random.key(1)
    found = source.sampler.component_of(source.parameters, key, 50)
    assert np.array_equal(found, inner.sampler.component_of(inner.parameters, key, 50))


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (
            lambda: from_labelled(np.eye(4) / 2, np.arange(4)),
            {},
            "source: its inputs are vectors of real numbers, which sort does not know; use",
        ),
        (
            lambda: from_array(NUMBERED, mask=NUMBERED % 5 > 0),
            {},
            "source: its labels vary by sequence, which sort does not know; use",
        ),
        (
            lambda: AUTOMATON,
            {"segments": 1},
            "segments: expected inputs and labels in segments of their own, got both in places 0 t",
        ),
        (
            lambda: Noise(length=10),
            {"segments": 3},
            "segments: expected a divisor of the sequence's length, which is 10, got 3",
        ),
        (
            lambda: Noise(length=10),
            {"segments": 10},
            "segments: expected segments of 2 tokens or more, got 1 token each, which has no",
        ),
    ],
)
def test_what_cannot_be_sorted(make, options, sentence):
    with pytest.raises(ConfigError) as caught:
        opened(make(), **options)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
