"""Mixes: exact shares, no sequence twice, no data in two components."""

from fractions import Fraction
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.keys import key as derived
from epiplexity_jax.sources import (
    ElementaryCA,
    FlipLabels,
    Mix,
    Noise,
    Shuffle,
    Subsample,
    TicTacToe,
    from_array,
    from_labelled,
    open_source,
)
from epiplexity_jax.sources.maps.mix import exact_counts
from epiplexity_jax.sources.opening import parse


def opened(config) -> Any:
    return open_source(parse(config, "a") if isinstance(config, dict) else config)


def numbered(first=0, count=100, length=2, vocab_size=1 << 16):
    """Sequence i holds the number first + i."""
    numbers = np.arange(first, first + count)
    return from_array(np.repeat(numbers[:, None], length, 1), vocab_size=vocab_size)


def numbers(source):
    return source.read(np.arange(source.sequences))[:, 0].astype(int).tolist()


@pytest.mark.parametrize(
    ("have", "weights", "counts"),
    [
        ([100, 100], [0.25, 0.75], [33, 100]),
        ([100, 100], [0.1, 0.9], [11, 100]),
        ([100, 1000, 1000], [0.1, 0.2, 0.7], [100, 200, 700]),
        ([7, 7, 7], [1 / 3, 1 / 3, 1 / 3], [7, 7, 7]),
        ([10, 1], [0.5, 0.5], [1, 1]),
    ],
)
def test_exact_counts(have, weights, counts):
    written = [Fraction(repr(weight)) for weight in weights]
    fractions = [weight / sum(written) for weight in written]
    assert exact_counts(have, fractions) == counts


def test_no_larger_mix_fits():
    drawn = np.random.default_rng(0)
    for _ in range(300):
        have = drawn.integers(1, 60, 3).tolist()
        parts = drawn.integers(1, 9, 3).tolist()
        weights = [Fraction(part, sum(parts)) for part in parts]
        counts = exact_counts(have, weights)
        total = sum(counts)
        assert all(abs(c - total * w) < 1 for c, w in zip(counts, weights, strict=True))
        assert all(c <= n for c, n in zip(counts, have, strict=True))
        assert any((total + 1) * w > n for w, n in zip(weights, have, strict=True))


def test_a_finite_mix():
    parts = [numbered(), numbered(1000, 300), numbered(2000, 5000, vocab_size=1 << 17)]
    weights = [0.1, 0.3, 0.6]
    source = opened(
        Mix(sources=[{"weight": w, "source": s} for w, s in zip(weights, parts, strict=True)])
    )
    read = numbers(source)
    assert source.sequences == len(set(read)) == 1000
    assert np.bincount(np.array(read) // 1000 > 0).tolist() == [100, 900]
    assert np.bincount(np.minimum(np.array(read) // 1000, 2)).tolist() == [100, 300, 600]
    assert source.info.vocab_size == 1 << 17
    assert max(read) > 6000  # of the third, not the first 600
    first_half = np.array(read[:500]) // 1000
    assert abs((first_half == 1).mean() - 0.3) < 5 * np.sqrt(0.21 / 500 / 2)
    scaled = [{"weight": 10 * w, "source": s} for w, s in zip(weights, parts, strict=True)]
    assert opened(Mix(sources=scaled)).info.fingerprint == source.info.fingerprint


def test_mixed_labels_keep_their_inputs():
    i = np.arange(50)
    one = from_labelled(i[:, None] / 2, i % 3)
    other = from_labelled((i[:, None] + 50) / 2, (i + 50) % 3, classes=7)
    source = opened(Mix(sources=[{"source": one}, {"source": other}]))
    read = source.read(np.arange(100))
    assert source.info.vocab_size == 7
    assert sorted((2 * read.inputs).ravel().tolist()) == list(range(100))
    assert np.array_equal(read.labels.ravel(), (2 * read.inputs).ravel() % 3)


def test_alphabets_of_inputs_are_mixed_too():
    rows = np.arange(40).reshape(20, 2)
    one, other = from_labelled(rows, rows[:, 0] % 3), from_labelled(rows + 5, rows[:, 0] % 2)
    info = opened(Mix(sources=[{"source": one}, {"source": other}])).info
    assert (info.vocab_size, info.input_vocab_size, info.entropy_rate_nats) == (3, 45, None)
    assert set(info.origins) == {*one.info.origins, *other.info.origins}


def test_a_drawn_mix():
    """Every sequence is that of one component's own draw, so often as its weight says."""
    configs = [ElementaryCA(rule=rule, cells=16, steps=2, burn_in=0) for rule in (30, 54, 110)]
    weights = [1, 2, 5]
    source = opened(
        Mix(sources=[{"weight": w, "source": s} for w, s in zip(weights, configs, strict=True)])
    )
    key, count = jax.random.key(0), 4000
    drawn = np.asarray(source.sampler(source.parameters, key, count))
    jitted = jax.jit(source.sampler, static_argnums=2)
    assert np.array_equal(drawn, jitted(source.parameters, key, count))
    seen: list[Any] = []
    for k, config in enumerate(configs):
        part = opened(config)
        own = part.sampler(part.parameters, derived(key, "source", k), count)
        seen.append((drawn == np.asarray(own)).all(axis=1))
    assert (np.sum(seen, axis=0) == 1).all()  # two X of 16 random cells may be equal, rarely
    for mine, weight in zip(seen, weights, strict=True):
        p = weight / 8
        assert abs(mine.mean() - p) < 5 * np.sqrt(p * (1 - p) / count)
    other = opened(Mix(sources=[{"source": config} for config in configs]))
    assert other.sampler == source.sampler  # weights are values
    assert other.info.fingerprint != source.info.fingerprint
    assert source.info.entropy_rate_nats is None


def test_a_mix_of_one_is_that_one():
    info = opened(Mix(sources=[{"weight": 0.2, "source": Noise(vocab_size=4)}])).info
    assert info.entropy_rate_nats == np.log(4)
    one = opened(Mix(sources=[{"weight": 3, "source": numbered()}]))
    assert sorted(numbers(one)) == list(range(100))


RULE = {"kind": "elementary_ca", "rule": 54, "cells": 4}


@pytest.mark.parametrize(
    ("sources", "error", "sentence"),
    [
        (
            [numbered(), Noise(length=2)],
            ConfigError,
            "sources.1.source: is drawn without end, and another source of the mix is finite; wrap",
        ),
        (
            [Noise(), Noise(length=3)],
            ConfigError,
            "sources.1.source: its length is 3, but 12",
        ),
        (
            [Noise(length=8), ElementaryCA(rule=54, cells=4)],
            ConfigError,
            "sources.1.source: pays for other tokens than sources.0.source; all must agree",
        ),
        (
            [Noise(length=18), TicTacToe()],
            ConfigError,
            "sources.1.source: its labels vary by sequence, which a mix of drawn sources does not",
        ),
        (
            [
                from_labelled(np.ones((9, 1)), np.arange(9)),
                from_labelled(np.ones((9, 2)), np.arange(9)),
            ],
            ConfigError,
            "sources.1.source: its features is 2, but 1 in sources.0.source; all must agree",
        ),
        (
            [numbered(), numbered(5), numbered()],
            DataError,
            "sources.2.source: holds the same data as sources.0.source, or a part of it, so held-o",
        ),
        (
            [Shuffle(source=numbered()), FlipLabels(source=numbered(), rate=0.1)],
            DataError,
            "sources.1.source: holds the same data as sources.0.source, or a part of it, so held-o",
        ),
    ],
)
def test_what_does_not_mix(sources, error, sentence):
    with pytest.raises(error) as caught:
        opened(Mix(sources=[{"source": source} for source in sources]))
    assert str(caught.value).startswith(sentence)


def twice(one, other):
    return Mix(sources=[{"source": one}, {"source": other}])


STREAM = {"kind": "cipher", "algorithm": "threefry", "length": 32, "sequences": 1000}
CHAIN = {"kind": "markov", "vocab_size": 4, "length": 8}
SOME = {"kind": "subsample", "sequences": 500, "source": CHAIN}
SHUFFLED = {"kind": "shuffle", "source": CHAIN}
FLIPPED = {"kind": "flip_labels", "rate": 0.5, "source": CHAIN}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (STREAM, {**STREAM, "sequences": 2000}),
        (STREAM, {**STREAM, "vocab_size": 16}),
        (STREAM, {"kind": "shuffle", "source": {**STREAM, "sequences": 90}}),
        (SOME, {**SOME, "sequences": 400}),
        (SOME, {"kind": "subsample", "share": 0.5, "source": SOME}),
        (SOME, {"kind": "shuffle", "source": SOME}),
        ({**SOME, "source": FLIPPED}, {**SOME, "source": SHUFFLED}),
        ({**SOME, "source": FLIPPED}, {**SOME, "source": {**FLIPPED, "rate": 0.1}}),
        (
            {"kind": "subsample", "share": 0.5, "map_seed": 1, "source": STREAM},
            {"kind": "subsample", "share": 0.5, "map_seed": 2, "source": STREAM},
        ),
    ],
)
def test_two_views_of_one_data_do_not_mix(one, other):
    with pytest.raises(DataError, match="^sources.1.source: holds the same data as sources.0.so"):
        opened(twice(one, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (STREAM, {**STREAM, "key_seed": 1}),
        (SOME, {**SOME, "map_seed": 1}),
        (SOME, {**SOME, "source": {**CHAIN, "table_seed": 1}}),
        ({**SOME, "source": FLIPPED}, {**SOME, "source": FLIPPED, "map_seed": 1}),
    ],
)
def test_independent_draws_mix(one, other):
    source = opened(twice(one, other))
    assert source.sequences == sum(opened(part).sequences for part in (one, other))


def test_maps_of_one_drawn_source_share_its_draws():
    """Why they are refused: with no flips at all, the two are the same sequences."""
    parts = [
        opened(Subsample(source={**FLIPPED, "rate": 0, "map_seed": seed}, sequences=300))
        for seed in (0, 1)
    ]
    one, other = (part.read(np.arange(300)) for part in parts)
    assert np.array_equal(one, other)
    assert parts[0].info.fingerprint != parts[1].info.fingerprint
    assert parts[0].info.origins == parts[1].info.origins


def test_no_component_is_left_out():
    parts = [{"weight": 9, "source": numbered(0, 1)}, {"weight": 1, "source": numbered(1, 50)}]
    with pytest.raises(DataError) as caught:
        opened(Mix(sources=parts))
    assert str(caught.value) == (
        "sources.1.source: contributes no sequence: at these weights the mix has 1 in all; "
        "bring more data or change the weights"
    )


def test_equal_drawn_sources_may_be_mixed():
    """Their draws are apart, and nothing is held out of them."""
    source = opened(Mix(sources=[{"source": RULE}, {"source": RULE}]))
    assert source.info.origins == (opened(ElementaryCA(rule=54, cells=4)).info.fingerprint,)
