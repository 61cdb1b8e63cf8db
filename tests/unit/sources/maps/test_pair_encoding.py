"""Byte-pair encoding: merges by hand, and equal to a plain implementation."""

from collections import Counter

import numpy as np
import pytest

from epiplexity_jax.sources.maps.pair_encoding import PairEncoding, learn_pairs


def row(text):
    return np.array([ord(c) - ord("a") for c in text], np.int32)


def no_starts(symbols):
    return np.zeros(len(symbols), bool)


def plainly_merged(tokens, pair, token):
    """Merge with a loop; None is the border of two parts."""
    made, k = [], 0
    while k < len(tokens):
        hit = tuple(tokens[k : k + 2]) == pair
        made.append(token if hit else tokens[k])
        k += 1 + hit
    return made


def plainly_learnt(tokens, count, vocab_size):
    merges = []
    for size in range(count, vocab_size):
        pairs = Counter(
            (a, b) for a, b in zip(tokens, tokens[1:], strict=False) if None not in (a, b)
        )
        most = max(pairs.values(), default=0)
        if most < 2:
            break
        merges.append(min(pair for pair, times in pairs.items() if times == most))
        tokens = plainly_merged(tokens, merges[-1], size)
    return tuple(merges), [token for token in tokens if token is not None]


def test_merges_by_hand():
    """In 'abababac' the pair ab occurs three times, then the token for it twice in a row."""
    symbols = row("abababac")
    coding = learn_pairs(symbols, no_starts(symbols), 3, 5)
    assert coding.merges == ((0, 1), (3, 3))
    assert coding.encode(symbols, no_starts(symbols)).tolist() == [4, 3, 0, 2]
    assert coding.lengths().tolist() == [1, 1, 1, 2, 4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("aa", [2]), ("aaa", [2, 0]), ("aaaa", [2, 2]), ("aabaaab", [2, 1, 2, 0, 1])],
)
def test_a_run_is_merged_from_left_to_right(text, expected):
    symbols = row(text)
    assert PairEncoding(2, ((0, 0),)).encode(symbols, no_starts(symbols)).tolist() == expected


def test_no_token_reaches_over_a_border():
    symbols, starts = row("ababab"), np.array([1, 0, 0, 1, 0, 0]) > 0
    coding = PairEncoding(2, ((0, 1),))
    assert coding.encode(symbols, starts).tolist() == [2, 0, 1, 2]
    assert learn_pairs(row("abcabcabc"), np.array([1, 0, 0] * 3) > 0, 3, 9).merges == (
        (0, 1),
        (3, 2),
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_plain_implementation_learns_and_encodes_the_same(seed):
    drawn = np.random.default_rng(seed)
    parts = [drawn.integers(0, 3, size).tolist() for size in drawn.integers(1, 40, 8)]
    with_borders = [token for part in parts for token in (None, *part)]
    symbols = np.array([token for part in parts for token in part], np.int32)
    starts = np.zeros(len(symbols), bool)
    starts[np.cumsum([0, *map(len, parts[:-1])])] = True
    merges, tokens = plainly_learnt(with_borders, 3, 14)
    coding = learn_pairs(symbols, starts, 3, 14)
    assert coding.merges == merges
    assert len(merges) > 3
    encoded = coding.encode(symbols, starts)
    assert encoded.tolist() == tokens
    assert np.array_equal(coding.decode(encoded), symbols)
    assert coding.lengths()[encoded].sum() == len(symbols)
