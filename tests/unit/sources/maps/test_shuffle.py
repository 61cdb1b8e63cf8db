"""Shuffles keep the tokens of a sequence or of a corpus, in a uniform order."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import (
    Noise,
    Shuffle,
    from_array,
    from_labelled,
)
from epiplexity_jax.sources import open_source as _open
from epiplexity_jax.sources.maps.shuffle import DrawnShuffle

N = 400


def opened(config) -> Any:
    return _open(config)


def numbered(first=0, count=N):
    """Tokens: the inputs name the sequence, in either order: [i // 20, 20 + i % 20, label]."""
    i = np.arange(first, first + count)
    return from_labelled(np.stack([i // 20, 20 + i % 20], 1), i % 5)


def vectors(first=0, count=N):
    """The same as vectors: the sum of the three features is the sequence's number."""
    i = np.arange(first, first + count)
    return from_labelled(np.stack([i, i * 0, -i / 2], 1), i % 5)


def test_shuffled_tokens_stay_in_their_sequence_and_part():
    rows = np.arange(600).reshape(100, 6) % 7
    given = from_labelled(rows, np.arange(100) % 7)
    read = opened(Shuffle(source=given)).read(np.arange(100))
    assert np.array_equal(read[:, -1], np.arange(100) % 7)
    assert np.array_equal(np.sort(read[:, :-1]), np.sort(rows))
    assert not np.array_equal(read[:, :-1], rows)


@pytest.mark.parametrize("drawn", [False, True])
def test_permutations_are_uniform(drawn):
    """Of three places, six orders; chi square under its mean + 5 standard deviations."""
    count = 6000
    if drawn:
        batch = jnp.tile(jnp.arange(3), (count, 1))
        read = np.asarray(DrawnShuffle(((0, 1, 2),))(jax.random.key(0), (), batch))
    else:
        given = from_array(np.tile(np.arange(3), (count, 1)))
        read = opened(Shuffle(source=given)).read(np.arange(count))
    counts = np.bincount(read.astype(int) @ [9, 3, 1])
    counts = counts[counts > 0]
    assert len(counts) == 6
    assert ((counts - 1000) ** 2 / 1000).sum() < 5 + 5 * math.sqrt(10)


def test_a_shuffled_corpus_has_the_same_tokens_elsewhere():
    tokens = np.arange(20_000)
    source = opened(Shuffle(source=from_array(tokens, length=20), scope="corpus"))
    read = source.read(np.arange(1000))
    assert read.shape == (1000, 20)
    assert np.array_equal(np.sort(read.ravel()), tokens)
    moved = np.abs(read.ravel().astype(int) - tokens)
    assert abs(moved.mean() - 20_000 / 3) < 5 * 20_000 / math.sqrt(18 * 20_000)
    assert np.array_equal(source.read(np.array([3])), read[[3]])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (Noise(), "scope: corpus needs a finite source, and this one is drawn without end; wrap"),
        (numbered(), "scope: corpus needs a source of which every token is paid for, as inputs"),
        (vectors(), "scope: corpus needs a source of which every token is paid for, as inputs"),
    ],
)
def test_what_has_no_corpus(given, sentence):
    with pytest.raises(ConfigError) as caught:
        opened(Shuffle(source=given, scope="corpus"))
    assert str(caught.value).startswith(sentence)
