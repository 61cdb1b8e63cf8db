"""Other tokens of the same data: what was joined or taken apart comes back, with its facts."""

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
    Retokenise,
    Subsample,
    Text,
    from_array,
    from_labelled,
)
from epiplexity_jax.sources import open_source as _open

NUMBERED = np.arange(60).reshape(5, 12)
AUTOMATON = ElementaryCA(rule=30, cells=4, steps=1)  # [X; Y], 4 tokens each; Y is paid for
CHAIN = Markov(vocab_size=5, length=12)


def opened(source, **options) -> Any:
    return _open(Retokenise(source=source, **options))


def draw(source, count=40):
    return np.asarray(source.sampler(source.parameters, jax.random.key(0), count))


def test_chunks_by_hand():
    source = opened(from_array(np.array([[1, 2, 3, 4], [4, 0, 0, 1]])), into="chunk", group=2)
    assert source.read(np.array([1, 0])).tolist() == [[20, 1], [7, 19]]
    assert source.info.vocab_size == 25
    assert source.info.length == 2


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("group", [2, 3, 6])
def test_digits_of_a_chunk_are_its_tokens(drawn, group):
    inner: Any = CHAIN if drawn else Subsample(source=CHAIN, sequences=40)
    source, before = opened(inner, into="chunk", group=group), _open(inner)
    read = draw if drawn else lambda each: each.read(np.arange(40))
    chunks = read(source).astype(int)
    digits = [chunks // 5**place % 5 for place in reversed(range(group))]
    assert np.array_equal(np.stack(digits, axis=2).reshape(40, 12), read(before))
    assert math.isclose(
        source.info.entropy_rate_nats * source.info.label_tokens,
        before.info.entropy_rate_nats * before.info.label_tokens,
    )


def test_bits_of_bytes_are_the_same_by_chunks(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("the quick brown fox " * 100, encoding="ascii")
    text = Text(path=str(path), length=20, alphabet="bytes")
    source = opened(text, into="chunk", group=2)
    assert source.info.bytes_per_token == 2
    assert source.info.origins == _open(text).info.origins
    twice = source.read(np.arange(3)).astype(">u2")
    assert twice.tobytes() == b"the quick brown fox " * 3
    again = opened(Retokenise(source=text, into="chunk", group=2), into="bytes")
    assert np.array_equal(again.read(np.arange(100)), _open(text).read(np.arange(100)))
    assert again.info.bytes_per_token == 1


def test_chunks_of_inputs_and_labels_stay_apart():
    source, inner = opened(AUTOMATON, into="chunk", group=4), _open(AUTOMATON)
    assert source.info.label_mask.tolist() == [False, True]
    assert np.array_equal(draw(source), draw(inner).reshape(40, 2, 4) @ [8, 4, 2, 1])
    assert source.info.entropy_rate_nats == 0
    labels = from_labelled(np.arange(40).reshape(20, 2) % 20, np.arange(20) % 5)
    pairs = from_labelled(np.arange(80).reshape(20, 4) % 20, np.arange(20) % 5)
    with pytest.raises(ConfigError, match="^group: expected a divisor"):
        opened(pairs, into="chunk", group=2)
    with pytest.raises(ConfigError, match="^group: expected chunks of inputs or of labels, got bo"):
        opened(labels, into="chunk", group=3)


@pytest.mark.parametrize("drawn", [False, True])
def test_numbers_as_bytes(drawn):
    """Of 70,000 symbols three bytes each, the highest first."""
    noise: Any = Noise(vocab_size=70_000, length=5)
    noise = noise if drawn else Subsample(source=noise, sequences=40)
    source, inner = opened(noise, into="bytes"), _open(noise)
    read = draw if drawn else lambda each: each.read(np.arange(40))
    digits = read(source).reshape(40, 5, 3).astype(int)
    assert np.array_equal(digits @ [1 << 16, 1 << 8, 1], read(inner))
    assert (source.info.vocab_size, source.info.length) == (256, 15)
    assert math.isclose(source.info.entropy_rate_nats, math.log(70_000) / 3)


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize(("alphabet", "width"), [("acgtn", 1), ("äöüßé", 2)])
def test_characters_as_utf_8(drawn, alphabet, width):
    inner: Any = CHAIN if drawn else Subsample(source=CHAIN, sequences=40)
    source, before = opened(inner, into="bytes", alphabet=alphabet), _open(inner)
    read = draw if drawn else lambda each: each.read(np.arange(40))
    text = "".join(alphabet[token] for token in read(before).ravel().tolist())
    assert read(source).astype("u1").tobytes().decode() == text
    assert source.info.length == 12 * width
    rate = before.info.entropy_rate_nats / width
    assert math.isclose(source.info.entropy_rate_nats, rate)
    assert source.info.rate_is_unbounded == before.info.rate_is_unbounded


def test_a_text_becomes_its_bytes(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("the quick brown fox\n" * 100, encoding="ascii")
    source = opened(Text(path=str(path), length=20), into="bytes", alphabet="ascii96")
    direct: Any = _open(Text(path=str(path), length=20, alphabet="bytes"))
    assert np.array_equal(source.read(np.arange(100)), direct.read(np.arange(100)))
    assert source.info.bytes_per_token == direct.info.bytes_per_token == 1


def test_components_of_a_mix():
    mix = Mix(sources=[{"source": Noise(vocab_size=v, length=4)} for v in (2, 9)])
    source = opened(mix, into="chunk", group=2)
    found = source.sampler.component_of(source.parameters, jax.random.key(1), 50)
    assert set(np.asarray(found).tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (
            lambda: from_labelled(np.eye(4) / 2, np.arange(4)),
            {"into": "bytes"},
            "source: its inputs are vectors of real numbers, which retokenise does not know; use",
        ),
        (
            lambda: from_array(NUMBERED, mask=NUMBERED % 5 > 0),
            {"into": "bytes"},
            "source: its labels vary by sequence, which retokenise does not know; use",
        ),
        (
            lambda: from_labelled(np.arange(40).reshape(20, 2) % 20, np.arange(20) % 5),
            {"into": "bytes"},
            "source: its inputs have 20 symbols and its labels 5, and bytes needs one alphabet;",
        ),
        (
            lambda: Noise(vocab_size=256, length=12),
            {"into": "chunk", "group": 4},
            "group: 4 tokens of 256 symbols make more than 16777216 symbols; lower group",
        ),
        (
            lambda: CHAIN,
            {"into": "bytes", "alphabet": "acgt"},
            "alphabet: expected the source's 5 characters, got 4",
        ),
        (
            lambda: CHAIN,
            {"into": "bytes", "alphabet": "acgtä"},
            "alphabet: expected characters of as many bytes in UTF-8, got 1 to 2; open the text",
        ),
        (
            lambda: CHAIN,
            {"into": "bytes", "alphabet": "acgta"},
            "alphabet: 'a' is given twice; every symbol needs its own",
        ),
        (
            lambda: CHAIN,
            {"into": "bytes", "group": 2},
            "group: is an option of chunk; leave it out",
        ),
        (lambda: CHAIN, {"into": "bpe"}, "vocab_size: is required by bpe; give the number of its"),
        (
            lambda: CHAIN,
            {"into": "bytes", "length": 9},
            "length: is an option of bpe and tokeniser; leave it out",
        ),
        (
            lambda: CHAIN,
            {"into": "tokeniser"},
            "vocabulary: is required by tokeniser; give the folder of its files",
        ),
        (
            lambda: CHAIN,
            {"into": "bpe", "vocab_size": 9, "vocabulary": "gpt2"},
            "vocabulary: is an option of tokeniser; leave it out",
        ),
        (
            lambda: Subsample(source=CHAIN, sequences=9),
            {"into": "tokeniser", "vocabulary": "gpt2"},
            "source: expected the 256 bytes of a text, got 5 symbols; open it with alphabet: bytes",
        ),
        (
            lambda: Noise(vocab_size=256),
            {"into": "tokeniser", "vocabulary": "gpt2"},
            "source: is drawn without end, and tokeniser gives sequences that differ in length;",
        ),
        (lambda: CHAIN, {"into": "chunk"}, "group: is required by chunk; give the number of tok"),
    ],
)
def test_what_cannot_be_retokenised(make, options, sentence):
    with pytest.raises(ConfigError) as caught:
        opened(make(), **options)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
