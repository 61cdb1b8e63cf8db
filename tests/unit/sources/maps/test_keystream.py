"""Symbols of key streams: those of the ciphers, the same on host and device, and without bias."""

import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.sources.maps.keystream import DrawnKeystream, HostKeystream, combine
from epiplexity_jax.sources.synthetic.arx import threefry
from epiplexity_jax.sources.synthetic.cipher import aes_stream, chacha20_stream

ALGORITHMS = ["chacha20", "aes", "threefry"]


def host(algorithm="chacha20", vocab_size=256, length=100, seed=3):
    return HostKeystream(algorithm, seed, vocab_size, length)


def test_bytes_are_the_key_streams_of_the_ciphers():
    number, count = 0x0102030405, 100
    chacha, aes = (host(name).symbols(np.array([number]))[0] for name in ALGORITHMS[:2])
    key = host().key
    nonce = number.to_bytes(8, "little") + bytes(4)
    assert chacha.tolist() == chacha20_stream(key, nonce, 0, count).tolist()
    assert aes.tolist() == aes_stream(key, number.to_bytes(8, "big") + bytes(8), 0, count).tolist()


def test_threefry_encrypts_a_counter_under_a_key_made_of_the_nonce():
    stream = host("threefry", length=16)
    main = stream.key_words()
    words = np.array([1], np.uint32), np.array([2], np.uint32)
    own = np.concatenate(threefry(main, *words))
    counters = np.zeros(2, np.uint32), np.arange(2, dtype=np.uint32)
    blocks = np.stack(threefry(own, *counters), axis=1)
    made = stream.symbols(np.array([(1 << 32) + 2]))[0]
    assert made.tolist() == list(blocks.astype("<u4").tobytes())


@pytest.mark.parametrize("algorithm", ["chacha20", "threefry"])
@pytest.mark.parametrize("vocab_size", [2, 16, 256, 3, 96, 1000, 1 << 16, 3 << 29])
@pytest.mark.parametrize("length", [1, 33])
def test_the_device_makes_the_symbols_of_the_host(algorithm, vocab_size, length):
    """Over 2^30 most words are replaced in some round, as 3 2^29 is 3/8 of all."""
    numbers = np.array([0, 1, 5, (7 << 32) + 9])
    expected = host(algorithm, vocab_size, length).symbols(numbers)
    high, low = (numbers >> 32).astype(np.uint32), numbers.astype(np.uint32)
    words = [high, low] if algorithm == "threefry" else [low, high, high * 0]
    made = DrawnKeystream(algorithm, vocab_size, length)(
        jnp.asarray(host(algorithm).key_words()), jnp.asarray(np.stack(words, axis=1))
    )
    assert np.array_equal(made, expected)
    assert expected.shape == (4, length)


def test_words_over_the_largest_multiple_are_replaced():
    """Of V = 3 2^29 only words under 6 2^29 count; symbol t is the first one of its rounds."""
    vocab, length = 3 << 29, 40
    stream = host(vocab_size=vocab, length=length)
    nonce, key = (6).to_bytes(8, "little") + bytes(4), host().key
    blocks = -(-4 * length // 64)
    rounds = [
        chacha20_stream(key, nonce, turn * blocks, 4 * length).view("<u4") for turn in range(20)
    ]
    expected = [next(w % vocab for w in words if w < 2 * vocab) for words in np.array(rounds).T]
    assert (rounds[0] >= 2 * vocab).any()
    assert stream.symbols(np.array([6]))[0].tolist() == expected


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("vocab_size", [4, 10])
def test_symbols_are_uniform(algorithm, vocab_size):
    """Chi square under its mean + 5 standard deviations, and so are pairs of neighbours."""
    made = host(algorithm, vocab_size, 100).symbols(np.arange(200)).astype(int)
    pairs = made[:, :-1] * vocab_size + made[:, 1:]
    for symbols, count in ((made, vocab_size), (pairs[:, ::2], vocab_size**2)):
        expected = symbols.size / count
        counts = np.bincount(symbols.ravel(), minlength=count)
        assert ((counts - expected) ** 2 / expected).sum() < count + 5 * np.sqrt(2 * count)


def test_combining_by_hand():
    tokens, stream = np.array([[3, 2, 1]]), np.array([[2, 2, 3]])
    assert combine(tokens, stream, 4).tolist() == [[1, 0, 2]]
    assert combine(tokens, stream, 5).tolist() == [[0, 4, 4]]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("vocab_size", [256, 96])
def test_streams_of_nonces_and_keys_differ(algorithm, vocab_size):
    rows = [
        host(algorithm, vocab_size, 64, seed).symbols(np.array([0, 1, 1 << 33])) for seed in (0, 1)
    ]
    assert len({row.tobytes() for row in np.concatenate(rows)}) == 6
