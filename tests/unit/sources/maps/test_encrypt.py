"""Encryption: what was encrypted comes back with the key, and is noise without it."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import (
    Cipher,
    ElementaryCA,
    Encrypt,
    Markov,
    Mix,
    Noise,
    Repeat,
    Retokenise,
    Shuffle,
    Subsample,
    Text,
    from_array,
    from_labelled,
)
from epiplexity_jax.sources import open_source as _open
from epiplexity_jax.sources.synthetic.cipher import chacha20_stream, derived

ALGORITHMS = ["chacha20", "aes", "threefry"]


def opened(source, **options) -> Any:
    return _open(Encrypt(source=source, **options))


def tokens(vocab_size, rows=50, length=24):
    drawn = np.random.default_rng(0).integers(0, vocab_size, (rows, length))
    drawn[:, 0] = vocab_size - 1
    return drawn


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("nonce", ["per_sequence", "reused"])
@pytest.mark.parametrize("vocab_size", [2, 256, 1 << 16])
def test_encrypting_twice_decrypts(algorithm, nonce, vocab_size):
    given = from_array(tokens(vocab_size), vocab_size=vocab_size)
    options: Any = {"algorithm": algorithm, "nonce": nonce, "key_seed": 8}
    once = Encrypt(source=given, **options)
    rows = np.arange(50)
    assert not np.array_equal(_open(once).read(rows), tokens(vocab_size))
    assert np.array_equal(opened(once, **options).read(rows), tokens(vocab_size))
    other = opened(once, **{**options, "key_seed": 9}).read(rows)
    assert not np.array_equal(other, tokens(vocab_size))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("vocab_size", [3, 96, 1000])
def test_subtracting_the_stream_decrypts(algorithm, vocab_size):
    """The stream is what zeros are encrypted to."""
    given, rows = tokens(vocab_size), np.array([7, 0, 7, 49])
    zeros = from_array(given * 0, vocab_size=vocab_size)
    read, stream = (
        opened(source, algorithm=algorithm).read(rows).astype(int)
        for source in (from_array(given, vocab_size=vocab_size), zeros)
    )
    assert np.array_equal((read - stream) % vocab_size, given[rows])


def test_bytes_are_those_of_the_cipher(tmp_path):
    """Sequence i is encrypted under the nonce i, as any tool does it."""
    path = tmp_path / "book.txt"
    path.write_text("the quick brown fox " * 100, encoding="ascii")
    text = Text(path=str(path), length=20, alphabet="bytes")
    source = opened(text, key_seed=5)
    key, nonce = derived("encryption key", 5), (3).to_bytes(8, "little") + bytes(4)
    stream = chacha20_stream(key, nonce, 0, 20).tolist()
    expected = [a ^ b for a, b in zip(b"the quick brown fox ", stream, strict=True)]
    assert source.read(np.array([3]))[0].tolist() == expected
    assert source.info.bytes_per_token == 1
    assert source.info.origins == _open(text).info.origins
    assert source.info.documents.places is None


@pytest.mark.parametrize("algorithm", ["chacha20", "threefry"])
@pytest.mark.parametrize("vocab_size", [16, 10])
def test_the_drawn_map_adds_a_stream(algorithm, vocab_size):
    """Of one key: the map of zeros is the stream, another for every sequence and every key."""
    source = opened(Noise(vocab_size=vocab_size, length=24), algorithm=algorithm)
    change, own = source.sampler.change, source.parameters.own
    given = tokens(vocab_size)
    batch = jnp.asarray(given, jnp.int32)
    streams = [np.asarray(change(jax.random.key(k), own, batch * 0)) for k in (0, 1)]
    read = np.asarray(change(jax.random.key(0), own, batch))
    undone = read ^ streams[0] if vocab_size == 16 else (read - streams[0]) % vocab_size
    assert np.array_equal(undone, given)
    assert len(np.unique(np.concatenate(streams), axis=0)) == 100


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("vocab_size", [4, 5])
def test_one_symbol_becomes_noise(drawn, vocab_size):
    """The entropy of pairs of a repeated token is 2 log2 V: chi square, mean + 5 deviations."""
    repeat: Any = Repeat(vocab_size=vocab_size, length=40)
    repeat = repeat if drawn else Subsample(source=repeat, sequences=500)
    source = opened(repeat, algorithm="threefry")
    if drawn:
        read = np.asarray(source.sampler(source.parameters, jax.random.key(0), 500))
    else:
        read = source.read(np.arange(500)).astype(int)
    pairs = (read[:, ::2] * vocab_size + read[:, 1::2]).ravel()
    cells = vocab_size**2
    counts, expected = np.bincount(pairs, minlength=cells), len(pairs) / cells
    assert ((counts - expected) ** 2 / expected).sum() < cells + 5 * math.sqrt(2 * cells)


@pytest.mark.parametrize("drawn", [False, True])
def test_a_reused_stream_is_one_substitution_for_each_place(drawn):
    repeat: Any = Repeat(vocab_size=5, length=40)
    repeat = repeat if drawn else Subsample(source=repeat, sequences=200)
    source = opened(repeat, nonce="reused")
    if drawn:
        read = np.asarray(source.sampler(source.parameters, jax.random.key(0), 200))
    else:
        read = source.read(np.arange(200)).astype(int)
    assert len(np.unique((read - read[:, :1]) % 5, axis=0)) == 1
    assert len(np.unique(read, axis=0)) == 5


def test_inputs_are_encrypted_and_labels_stay_labels():
    """Of rule 15 Y follows from X, and not from its ciphertext."""
    automaton = ElementaryCA(rule=15, cells=9, steps=1)
    source, inner = opened(automaton, algorithm="threefry"), _open(automaton)
    assert np.array_equal(source.info.label_mask, inner.info.label_mask)
    read = np.asarray(source.sampler(source.parameters, jax.random.key(0), 2000))
    assert abs(read[:, :9].mean() - 0.5) < 0.02
    follows = read[:, 9:] == 1 - np.roll(read[:, :9], 1, axis=1)
    assert abs(follows.mean() - 0.5) < 5 * 0.5 / math.sqrt(follows.size)


@pytest.mark.parametrize(
    ("inner", "vocab_size"),
    [
        (Noise(vocab_size=5, length=12), 5),
        (Cipher(length=12, sequences=100), 256),
        (Retokenise(into="chunk", group=3, source=Noise(vocab_size=5, length=12)), 125),
    ],
)
@pytest.mark.parametrize("nonce", ["per_sequence", "reused"])
def test_encrypted_noise_is_noise(inner, vocab_size, nonce):
    info = opened(inner, nonce=nonce, algorithm="threefry").info
    assert info.entropy_rate_nats == pytest.approx(math.log(vocab_size), rel=1e-12)
    assert not info.rate_is_unbounded


@pytest.mark.parametrize(
    ("inner", "known"),
    [
        (Markov(vocab_size=5, length=12), True),
        (ElementaryCA(rule=30, cells=4, steps=1), True),
        (Shuffle(source=Markov(vocab_size=5, length=12)), False),
    ],
)
def test_entropy_rates(inner, known):
    """A reused stream, once found, gives the source back; nonces that are not shown do not."""
    before = _open(inner).info.entropy_rate_nats
    assert (before is not None) == known
    reused = opened(inner, nonce="reused", algorithm="threefry").info
    assert (reused.entropy_rate_nats, reused.rate_is_unbounded) == (before, known)
    own = opened(inner, algorithm="threefry").info
    assert (own.entropy_rate_nats, own.rate_is_unbounded) == (None, False)


def test_the_key_alone_does_not_give_the_ciphertext_of_a_constant():
    """One sequence, encrypted 200 times: the nonces make 200 of it."""
    zeros: Any = from_array(np.zeros((200, 4), int), vocab_size=1 << 16)
    assert opened(zeros).info.entropy_rate_nats is None
    read = opened(zeros).read(np.arange(200))
    assert len(np.unique(read, axis=0)) == 200


def test_components_of_a_mix():
    mix = Mix(sources=[{"source": Noise(vocab_size=v, length=4)} for v in (2, 9)])
    source = opened(mix)
    found = source.sampler.component_of(source.parameters, jax.random.key(1), 50)
    assert set(np.asarray(found).tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (
            lambda: from_labelled(np.eye(4) / 2, np.arange(4)),
            {},
            "source: its inputs are vectors of real numbers, which encrypt does not know; use",
        ),
        (
            lambda: from_array(tokens(9), mask=tokens(9) > 3),
            {},
            "source: its labels vary by sequence, which encrypt does not know; use",
        ),
        (
            lambda: from_labelled(np.arange(40).reshape(20, 2) % 20, np.arange(20) % 5),
            {},
            "source: its inputs have 20 symbols and its labels 5, and encrypt needs one alphabet;",
        ),
        (
            lambda: Noise(),
            {"algorithm": "aes"},
            "algorithm: aes is not computed on the device, where this source is drawn; use chacha",
        ),
    ],
)
def test_what_cannot_be_encrypted(make, options, sentence):
    with pytest.raises(ConfigError) as caught:
        opened(make(), **options)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
