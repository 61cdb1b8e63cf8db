"""Reorderings move tokens with their labels, alike in every sequence."""

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
    Reorder,
    Retokenise,
    Text,
    from_array,
    from_labelled,
)
from epiplexity_jax.sources import open_source as _open
from epiplexity_jax.sources.verbatim import stands_in

NUMBERED = np.arange(60).reshape(5, 12)
CHUNKS = Retokenise(into="chunk", group=3, source=Noise(vocab_size=5, length=12))
AUTOMATON = ElementaryCA(rule=30, cells=4, steps=1)  # [X; Y], 4 tokens each; Y is paid for
ORDERS = [
    {"order": "reverse"},
    {"order": "reverse", "segments": 1},
    {"order": "reverse", "segments": 2, "of": "segments"},
    {"order": "permute"},
    {"order": "permute", "segments": 1},
    {"order": "permute", "segments": 4, "of": "segments"},
    {"order": "label_first"},
]


def opened(source, **options) -> Any:
    return _open(Reorder(source=source, **options))


def placed(source, **options):
    """The place in the inner sequence of each token."""
    return opened(source, **options).read(np.arange(1))[0].tolist()


def labelled():
    """Two inputs of 20 symbols and a label of 5."""
    return from_labelled(np.arange(40).reshape(20, 2) % 20, np.arange(20) % 5)


def draw(source, count=20):
    return np.asarray(source.sampler(source.parameters, jax.random.key(0), count))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"order": "reverse"}, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ({"order": "reverse", "segments": 3}, [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8]),
        (
            {"order": "reverse", "segments": 3, "of": "segments"},
            [8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3],
        ),
        ({"order": "reverse", "segments": 6}, [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]),
    ],
)
def test_orders_by_hand(options, expected):
    source = opened(from_array(NUMBERED), **options)
    assert source.read(np.array([0, 3])).tolist() == [expected, [36 + place for place in expected]]


@pytest.mark.parametrize("options", [{}, {"segments": 3}, {"segments": 4, "of": "segments"}])
def test_reverse_twice_is_the_identity(options):
    finite, drawn = from_array(NUMBERED), Markov(vocab_size=5, length=12)
    for source in (finite, drawn):
        inner: Any = _open(source) if isinstance(source, Markov) else source
        once = Reorder(source=source, order="reverse", **options)
        twice = opened(once, order="reverse", **options)
        assert np.array_equal(twice.info.label_mask, inner.info.label_mask)
        if source is finite:
            rows = np.arange(5)
            assert not np.array_equal(_open(once).read(rows), inner.read(rows))
            assert np.array_equal(twice.read(rows), inner.read(rows))
        else:
            assert np.array_equal(draw(twice), draw(inner))


@pytest.mark.parametrize("seed", [0, 1, 2**63])
def test_a_permutation_has_an_inverse(seed):
    """One permutation for all sequences, which undoes what it did."""
    read = opened(from_array(NUMBERED), order="permute", map_seed=seed).read(np.arange(5))
    places = read[0].astype(int)
    assert sorted(places.tolist()) == list(range(12))
    assert np.array_equal(read, NUMBERED[:, places])
    assert np.array_equal(read[:, np.argsort(places)], NUMBERED)


def test_permutations_of_seeds_are_uniform():
    """Of three places, six orders; chi square under its mean + 5 standard deviations."""
    given = from_array(np.tile(np.arange(3), (2, 1)))
    drawn = [placed(given, order="permute", map_seed=seed) for seed in range(600)]
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(counts) == 6
    assert ((counts - 100) ** 2 / 100).sum() < 5 + 5 * math.sqrt(10)


def test_segments_are_permuted_within_or_as_wholes():
    within = np.array(placed(from_array(NUMBERED), order="permute", segments=3)).reshape(3, 4)
    assert np.array_equal(np.sort(within), NUMBERED[0].reshape(3, 4))
    assert len({tuple(row) for row in (within % 4).tolist()}) > 1
    wholes = placed(from_array(NUMBERED), order="permute", segments=6, of="segments")
    pairs = np.array(wholes).reshape(6, 2)
    assert np.array_equal(pairs[:, 1], pairs[:, 0] + 1)
    assert sorted(pairs[:, 0].tolist()) == [0, 2, 4, 6, 8, 10]
    assert wholes != list(range(12))


@pytest.mark.parametrize(
    ("options", "places", "paid"),
    [
        ({"order": "reverse"}, [3, 2, 1, 0, 7, 6, 5, 4], "00001111"),
        ({"order": "reverse", "segments": 1}, [7, 6, 5, 4, 3, 2, 1, 0], "11110000"),
        ({"order": "reverse", "of": "segments"}, [4, 5, 6, 7, 0, 1, 2, 3], "11110000"),
        ({"order": "reverse", "segments": 4}, [1, 0, 3, 2, 5, 4, 7, 6], "00001111"),
        (
            {"order": "reverse", "segments": 4, "of": "segments"},
            [6, 7, 4, 5, 2, 3, 0, 1],
            "11110000",
        ),
        ({"order": "label_first"}, [4, 5, 6, 7, 0, 1, 2, 3], "11110000"),
    ],
)
def test_labels_follow_their_tokens(options, places, paid):
    """A drawn source and its reordering draw the same sequences of one key."""
    source = opened(AUTOMATON, **options)
    assert np.array_equal(draw(source), draw(_open(AUTOMATON))[:, places])
    assert "".join("01"[paid] for paid in source.info.label_mask.tolist()) == paid


@pytest.mark.parametrize("options", ORDERS)
def test_paid_tokens_stay_the_same(options):
    inner: Any = _open(AUTOMATON)
    before, source = draw(inner), opened(AUTOMATON, **options)
    after = draw(source)
    for paid in (True, False):
        kept, moved = (
            np.sort(tokens[:, info.label_mask == paid])
            for tokens, info in ((before, inner.info), (after, source.info))
        )
        assert np.array_equal(kept, moved)
    assert source.info.label_tokens == inner.info.label_tokens


def test_the_seed_decides_and_not_the_sort_of_source():
    """A drawn and a read source of equal length have the same permutation."""
    chain: Any = Noise(vocab_size=50, length=12)
    drawn = draw(opened(chain, order="permute", map_seed=4))
    places = placed(from_array(NUMBERED), order="permute", map_seed=4)
    assert np.array_equal(drawn, draw(_open(chain))[:, places])


def test_fingerprints_differ_by_order_and_seed():
    """Two descriptions of one order are one source."""
    seeds = [{"order": "permute", "map_seed": seed} for seed in (1, 2)]
    halves = {"order": "reverse", "of": "segments"}
    same = {"order": "label_first"}, {**halves, "segments": 2}
    assert len({opened(AUTOMATON, **o).info.fingerprint for o in (*same, halves)}) == 1
    orders = [o for o in ORDERS if o not in same]
    names = {opened(AUTOMATON, **o).info.fingerprint for o in (*orders, *seeds, halves)}
    names.add(_open(AUTOMATON).info.fingerprint)
    assert len(names) == len(orders) + 4


def test_bytes_and_origins_stay(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("the quick brown fox " * 100, encoding="ascii")
    text = Text(path=str(path), length=20, alphabet="bytes")
    inner, source = _open(text), opened(text, order="reverse")
    assert source.info.bytes_per_token == inner.info.bytes_per_token == 1
    assert source.info.origins == inner.info.origins
    assert opened(text, order="permute").info.documents.places is None
    assert source.sequences == 100
    assert bytes(source.read(np.arange(1))[0].astype("u1")) == b" xof nworb kciuq eht"


def test_a_text_read_backwards_holds_the_same_at_any_place():
    """Windows whose text stands across two others, backwards too; permuted ones are compared whole.

    Window 1 is 'abcdefgh', which windows 2 and 3 hold between them.
    """
    text = "--------abcdefgh....abcdefgh...."
    codes = np.frombuffer(text.encode(), "u1")
    given = from_array(codes, vocab_size=256, length=8)
    wanted, training = np.array([1]), np.array([0, 2, 3])
    assert stands_in(given, wanted, training).all()
    assert stands_in(opened(given, order="reverse"), wanted, training).all()
    assert not stands_in(opened(given, order="permute"), wanted, training).any()


@pytest.mark.parametrize(
    ("inner", "options", "rate", "unbounded"),
    [
        (Noise(vocab_size=5, length=12), {"order": "permute"}, math.log(5), False),
        (CHUNKS, {"order": "permute"}, "kept", False),
        (Markov(vocab_size=5, length=12), {"order": "reverse"}, "kept", True),
        (AUTOMATON, {"order": "permute"}, 0.0, True),
        (AUTOMATON, {"order": "label_first"}, None, False),
        (AUTOMATON, {"order": "reverse", "segments": 1}, None, False),
    ],
)
def test_entropy_rates(inner, options, rate, unbounded):
    info = opened(inner, **options).info
    before = _open(inner).info.entropy_rate_nats
    assert info.entropy_rate_nats == (before if rate == "kept" else rate)
    assert info.rate_is_unbounded == unbounded


def test_alphabets_that_stay_apart():
    """Of parts that keep their places, the alphabets may differ."""
    given = labelled()
    assert given.info.input_vocab_size == 20
    source = opened(given, order="reverse")
    assert source.read(np.array([1])).tolist() == [[3, 2, 1]]
    assert source.info.input_vocab_size == 20


def varying():
    return from_array(NUMBERED, mask=NUMBERED % 5 > 0)


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (
            lambda: from_labelled(np.eye(4) / 2, np.arange(4)),
            {"order": "reverse"},
            "source: its inputs are vectors of real numbers, which reorder does not know; use",
        ),
        (
            varying,
            {"order": "reverse"},
            "source: its labels vary by sequence, which reorder does not know; use",
        ),
        (
            labelled,
            {"order": "label_first"},
            "source: its inputs have 20 symbols and its labels 5, so they cannot change places;",
        ),
        (
            lambda: Noise(length=10),
            {"order": "reverse", "segments": 3},
            "segments: expected a divisor of the sequence's length, which is 10, got 3",
        ),
        (
            lambda: Noise(length=10),
            {"order": "permute", "segments": 10},
            "segments: expected segments of 2 tokens or more, got 1 token each, which has no",
        ),
        (
            lambda: Noise(length=10),
            {"order": "permute", "of": "segments"},
            "of: expected 2 segments or more to reorder, got 1; give segments, or use of:",
        ),
        (
            lambda: Noise(length=10),
            {"order": "label_first"},
            "order: expected a source with inputs before its labels for label_first, got one",
        ),
    ],
)
def test_what_cannot_be_reordered(make, options, sentence):
    with pytest.raises(ConfigError) as caught:
        opened(make(), **options)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"order": "label_first", "segments": 2},
            "segments: label_first orders the whole sequence; leave it out",
        ),
        (
            {"order": "label_first", "of": "segments"},
            "of: label_first orders the whole sequence; leave it out",
        ),
        (
            {"order": "reverse", "map_seed": 1},
            "map_seed: reverse draws nothing at random; leave it out",
        ),
    ],
)
def test_options_that_would_do_nothing(options, sentence):
    with pytest.raises(ConfigError) as caught:
        Reorder(source=AUTOMATON, **options)
    assert str(caught.value) == sentence


def test_components_of_a_mix():
    mix = Mix(sources=[{"source": Noise(vocab_size=v, length=4)} for v in (2, 9)])
    source, inner = opened(mix, order="reverse"), _open(mix)
    key = jax.random.key(1)
    found = source.sampler.component_of(source.parameters, key, 50)
    assert np.array_equal(found, inner.sampler.component_of(inner.parameters, key, 50))
    assert set(np.asarray(found).tolist()) == {0, 1}
