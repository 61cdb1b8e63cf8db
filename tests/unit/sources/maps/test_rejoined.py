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
from epiplexity_jax.sources.maps.vocabulary_files import read_vocabulary
from tests.unit.sources.maps import vocabularies

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


@pytest.mark.parametrize("alphabet", ["bytes", "ascii96", "it washebofmr,.\n", "characters"])
@pytest.mark.parametrize("chunk", [7, 1 << 20])
def test_a_text_in_the_tokens_of_a_vocabulary(tmp_path, monkeypatch, alphabet, chunk):
    """Whatever alphabet the text is opened with, and however large the parts that are encoded."""
    texts, merges = vocabularies.learnt(BOOK, 30)
    (tmp_path / "book.txt").write_text(BOOK * 60, encoding="ascii")
    given = Text(path=str(tmp_path / "book.txt"), alphabet=alphabet, length=20)
    letters = "".join(sorted(set(BOOK))) if alphabet == "characters" else alphabet
    monkeypatch.setattr(rejoined, "_CHUNK", chunk)
    source = _open(
        Retokenise(
            source=given,
            into="tokeniser",
            vocabulary=vocabularies.write(tmp_path / "tiny", texts, merges),
            alphabet=None if alphabet == "bytes" and chunk == 7 else letters,
            length=8,
        )
    )
    tokens = read_all(source).ravel()
    decoded = "".join(texts[token] for token in tokens).replace("Ġ", " ")
    assert (BOOK * 60).startswith(decoded)
    assert len(BOOK * 60) - len(decoded) < 20 + 8 * 6
    assert source.info.bytes_per_token == pytest.approx(len(decoded) / len(tokens), rel=1e-12)
    assert (source.info.vocab_size, source.info.length) == (len(texts) + 1, 8)
    assert source.info.notes[-1].startswith("retokenise: a token is ")
    assert source.info.notes[-1].endswith(" bytes on average")
    whole = read_vocabulary(str(tmp_path / "tiny"))
    symbols = np.frombuffer((BOOK * 60).encode()[: 20 * (53 * 60 // 20)], np.uint8)
    (first, last) = whole.encode_parts([(symbols, np.zeros(len(symbols), bool))])
    assert np.array_equal(tokens, np.append(first, last)[: len(tokens)])


def test_a_vocabulary_over_files_and_characters_of_two_bytes(tmp_path):
    """Bytes per token are those of the text in UTF-8; sequences know the files they are of."""
    texts, merges = vocabularies.learnt("äöä üö " * 9, 6)
    vocabulary = vocabularies.write(tmp_path / "tiny", texts, merges)
    (tmp_path / "books").mkdir()
    for name, text in {"a": "äöäüö" * 4, "b": "üüäö" * 5}.items():
        (tmp_path / "books" / name).write_text(text, encoding="utf-8")
    options = {"into": "tokeniser", "vocabulary": vocabulary, "length": 2}
    given = Text(path=str(tmp_path / "books"), alphabet="äöü", length=4)
    source: Any = _open(Retokenise(source=given, alphabet="äöü", **options))
    raw: Any = _open(Text(path=given.path, alphabet="bytes", length=8))
    direct: Any = _open(Retokenise(source=raw, **options))
    assert np.array_equal(read_all(source), read_all(direct))
    sizes = read_vocabulary(vocabulary).lengths()[read_all(source)]
    assert source.info.bytes_per_token == pytest.approx(sizes.mean(), rel=1e-12)
    assert direct.info.bytes_per_token == pytest.approx(sizes.mean(), rel=1e-12)
    spans = np.searchsorted([40, 80], np.cumsum(sizes.sum(axis=1)) - 1, side="right")
    assert source.info.documents.spans[:, 1].tolist() == spans.tolist()
    with pytest.raises(DataError, match="^vocabulary: no-folder: no such file"):
        _open(Retokenise(source=raw, into="tokeniser", vocabulary="no-folder"))
    rows = from_array(np.full((8, 6), 97), vocab_size=256)
    assert _open(Retokenise(source=rows, **options)).info.bytes_per_token is None


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
