"""Byte-pair encoded sources: the stream comes back, with its bytes and its entropy."""

import math
from typing import Any

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import (
    Cipher,
    ElementaryCA,
    Markov,
    Noise,
    Retokenise,
    Subsample,
    Text,
    from_array,
)
from epiplexity_jax.sources import open_source as _open
from epiplexity_jax.sources.maps import rejoined
from epiplexity_jax.sources.maps.pair_encoding import learn_pairs

BOOK = "it was the best of times, it was the worst of times. "


def opened(source, **options) -> Any:
    return _open(Retokenise(source=source, into="bpe", **options))


def read_all(source):
    return source.read(np.arange(source.sequences))


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text(BOOK * 60, encoding="ascii")
    return Text(path=str(path), alphabet="bytes", length=20)


@pytest.mark.parametrize("chunk", [1, 100, 1 << 20])
def test_a_text_comes_back(text, monkeypatch, chunk):
    """Windows are joined; where parts that are encoded at a time meet, no token reaches over."""
    coding = learn_pairs(np.frombuffer((BOOK * 4).encode(), "u1"), np.zeros(212, bool), 256, 280)
    monkeypatch.setattr(rejoined, "_CHUNK", chunk)
    source = opened(text, vocab_size=280, train_tokens=212, length=8)
    tokens = read_all(source).ravel()
    decoded = bytes(coding.decode(tokens).tolist())
    whole = read_all(_open(text)).tobytes()
    assert whole.startswith(decoded)
    assert len(whole) - len(decoded) < 8 * coding.lengths().max()
    assert source.info.bytes_per_token == pytest.approx(len(decoded) / len(tokens), rel=1e-12)
    assert (source.info.vocab_size, source.info.length) == (280, 8)
    assert source.info.origins == _open(text).info.origins
    assert source.info.notes[-1].startswith("retokenise: a token is ")
    if chunk > len(whole):
        symbols = np.frombuffer(whole, "u1")
        expected = coding.encode(symbols, np.zeros(len(whole), bool))
        assert np.array_equal(tokens, expected[: len(tokens)])


def test_rows_keep_their_borders_and_their_names():
    """Of rows 'abab' and 'baba' no token is of both; sequences know which rows they are of."""
    rows = from_array(np.tile([[0, 1, 0, 1], [1, 0, 1, 0]], (30, 1)))
    source = opened(rows, vocab_size=3, length=5)
    # The pair ab is as frequent as ba and has the lower tokens: [ab ab] and [b ab a].
    assert read_all(source).ravel()[:10].tolist() == [2, 2, 1, 2, 0] * 2
    assert source.info.documents.kind == "files"
    assert source.info.documents.spans[:2].tolist() == [[0, 1], [2, 3]]
    assert source.info.documents.places.tolist() == list(range(30))


def test_windows_that_were_left_out_are_borders(text):
    half = Subsample(source=text, share=0.5, map_seed=1)
    whole: Any = _open(half)
    source = opened(half, vocab_size=270, length=4)
    places = np.asarray(whole.info.documents.places)
    starts = np.zeros((whole.sequences, 20), bool)
    starts[:, 0] = np.append(True, np.diff(places) != 1)
    symbols = read_all(whole).ravel()
    coding = learn_pairs(symbols, starts.ravel(), 256, 270)
    expected = coding.encode(symbols, starts.ravel())
    assert np.array_equal(read_all(source).ravel(), expected[: source.sequences * 4])


def test_a_held_out_file_is_encoded_on_its_own(tmp_path):
    (tmp_path / "a").write_text("abab" * 50)
    (tmp_path / "b").write_text("abcc" * 40)
    path, other = str(tmp_path / "a"), str(tmp_path / "b")
    source = opened(Text(path=path, heldout=other, alphabet="abc", length=10), vocab_size=4)
    assert source.info.documents.heldout_from == 10
    assert read_all(source)[:10].tolist() == [[3] * 10] * 10
    assert read_all(source)[10:].ravel()[:9].tolist() == [3, 2, 2] * 3


def entropy(counts):
    counts = counts[counts > 0]
    return -(counts / counts.sum() * np.log(counts / counts.sum())).sum()


def predicted(tokens, vocab_size):
    """Nats of a token given the one before, in a long row."""
    pairs = np.bincount(tokens[:-1].astype(int) * vocab_size + tokens[1:], minlength=vocab_size**2)
    return entropy(pairs) - entropy(pairs.reshape(vocab_size, -1).sum(axis=1))


def test_a_markov_chain_has_the_same_entropy_per_byte_in_any_tokens():
    """Its symbols, of which each is called one byte: H per byte is the chain's entropy rate.

    A token tells little less of the next one than all tokens before it: 1 % is left for that. The
    plug-in estimate of 2 x 10^5 tokens with 12 contexts is biased by under 4 x 10^-4 nats.
    """
    matrix = (
        (0.7, 0.2, 0.05, 0.05),
        (0.1, 0.1, 0.7, 0.1),
        (0.2, 0.2, 0.2, 0.4),
        (0.5, 0.3, 0.1, 0.1),
    )
    chain: Any = _open(Subsample(source=Markov(matrix=matrix, length=4096), sequences=120))
    rate = chain.info.entropy_rate_nats
    given = from_array(read_all(chain), vocab_size=4, bytes_per_token=1)
    for vocab_size in (8, 12):
        source = opened(given, vocab_size=vocab_size, length=64)
        tokens = read_all(source).ravel()
        per_byte = predicted(tokens, vocab_size) / source.info.bytes_per_token
        assert source.info.bytes_per_token > 1.5
        assert abs(per_byte - rate) < 0.01 * rate
    per_symbol = predicted(read_all(chain).ravel(), 4)
    assert math.isclose(per_symbol, rate, rel_tol=0.01)


@pytest.mark.parametrize(
    ("make", "options", "error", "sentence"),
    [
        (
            Noise,
            {"vocab_size": 200},
            ConfigError,
            "source: is drawn without end, and bpe gives sequences that differ in length; wrap",
        ),
        (
            lambda: Subsample(source=ElementaryCA(rule=30, cells=4, steps=1), sequences=9),
            {"vocab_size": 9},
            ConfigError,
            "source: has inputs that are not paid for, and bpe joins all tokens of a sequence;",
        ),
        (
            lambda: from_array(np.arange(60) % 9, length=6),
            {"vocab_size": 9},
            ConfigError,
            "vocab_size: expected more than the source's 9 symbols, got 9",
        ),
        (
            lambda: Cipher(algorithm="threefry", length=10, sequences=20),
            {"vocab_size": 4096},
            ConfigError,
            "vocab_size: expected at most ",
        ),
        (
            lambda: from_array(np.arange(60) % 9, length=6),
            {"vocab_size": 10, "length": 100},
            DataError,
            "source: has ",
        ),
    ],
)
def test_what_cannot_be_encoded(make, options, error, sentence):
    with pytest.raises(error) as caught:
        opened(make(), **options)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
