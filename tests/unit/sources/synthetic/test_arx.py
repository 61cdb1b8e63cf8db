"""ChaCha and Threefry with any number of rounds: known answers, slow twins, and how random."""

import math

import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.sources.synthetic.arx import chacha_blocks, threefry, threefry_blocks
from epiplexity_jax.sources.synthetic.cipher import chacha20_stream

KEY = bytes(range(32))
QUARTERS = [
    [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)],
    [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)],
]


def turned(word, places):
    return (word << places | word >> (32 - places)) & 0xFFFFFFFF


def chacha_block(key, nonce, counter, rounds):
    """A block by RFC 8439, section 2.3, in plain integers."""
    state = b"expand 32-byte k" + key + counter.to_bytes(4, "little") + nonce
    first = [int.from_bytes(state[i : i + 4], "little") for i in range(0, 64, 4)]
    words = list(first)
    for i in range(rounds):
        for a, b, c, d in QUARTERS[i % 2]:
            for up, by, over, places in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                words[up] = (words[up] + words[by]) & 0xFFFFFFFF
                words[over] = turned(words[over] ^ words[up], places)
    made = [(x + y) & 0xFFFFFFFF for x, y in zip(words, first, strict=True)]
    return b"".join(word.to_bytes(4, "little") for word in made)


def chacha(key, nonce, counters, rounds):
    return chacha_blocks(key, nonce, np.array(counters, np.uint64), rounds)


def test_twenty_rounds_of_chacha_are_rfc_8439():
    """Section 2.3.2, of the slow twin too, and any other block as the package has it."""
    nonce = bytes.fromhex("000000090000004a00000000")
    expected = (
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
    )
    assert chacha_block(KEY, nonce, 1, 20).hex() == expected
    assert chacha(KEY, nonce, [1], 20).tobytes().hex() == expected
    stream = chacha20_stream(KEY, nonce, 1 << 31, 5 * 64)
    assert np.array_equal(chacha(KEY, nonce, range(1 << 31, (1 << 31) + 5), 20).ravel(), stream)


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        (8, "3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e"),
        (12, "9bf49a6a0755f953811fce125f2683d50429c3bb49e074147e0089a52eae155f"),
        (20, "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"),
    ],
)
def test_fewer_rounds_of_chacha_are_those_of_the_test_vectors(rounds, expected):
    """Strombergson 2013, TC1: key, nonce and counter are zero."""
    made = chacha(bytes(32), bytes(12), [0], rounds)
    assert made.tobytes()[:32].hex() == expected
    assert chacha_block(bytes(32), bytes(12), 0, rounds) == made.tobytes()


@pytest.mark.parametrize("rounds", range(21))
def test_chacha_is_its_slow_twin(rounds):
    counters = [0, 7, (1 << 32) - 1]
    made = chacha(KEY, KEY[:12], counters, rounds)
    for counter, block in zip(counters, made, strict=True):
        assert block.tobytes() == chacha_block(KEY, KEY[:12], counter, rounds)


def test_chacha_without_rounds_is_twice_its_state():
    words = chacha(KEY, bytes(12), [5], 0).view("<u4")[0]
    assert np.array_equal(words[4:12], 2 * np.frombuffer(KEY, "<u4"))
    assert words[12:].tolist() == [10, 0, 0, 0]


@pytest.mark.parametrize(
    ("rounds", "block", "key", "expected"),
    [
        (13, (0, 0), (0, 0), (0x9D1C5EC6, 0x8BD50731)),
        (13, (0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0xFD36D048, 0x2D17272C)),
        (13, (0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xBA3E4725, 0xF27D669E)),
        (20, (0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        (20, (0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        (20, (0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
        (32, (0, 0), (0, 0), (0xCEE3D47E, 0xA23DFD5C)),
        (32, (0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xE2827716, 0xC3C05CDF)),
    ],
)
def test_threefry_gives_the_answers_of_random123(rounds, block, key, expected):
    """Its file kat_vectors."""
    key, *words = (np.array(v, np.uint32) for v in (key, [block[0]], [block[1]]))
    assert [int(word[0]) for word in threefry(key, *words, rounds)] == list(expected)


def test_threefry_is_jaxs_own():
    """The key's and the words' bytes lowest first, the counter's high word first."""
    first = (1 << 32) - 2  # the counter's low word wraps on the way
    blocks = np.arange(first, first + 5, dtype=np.uint64)
    stream = threefry_blocks(KEY, b"", blocks, 20).view("<u4")
    key = jnp.asarray(np.frombuffer(KEY[:8], "<u4").astype(np.uint32))
    counters = [divmod(first + i, 1 << 32) for i in range(5)]
    counts = jnp.asarray(np.array(counters, np.uint32).T.reshape(-1))
    expected = np.asarray(jax.extend.random.threefry_2x32(key, counts)).reshape(2, 5).T
    assert np.array_equal(stream, expected)


@pytest.mark.parametrize("rounds", range(21))
def test_threefry_is_its_slow_twin(rounds):
    """Salmon et al. 2011: keys are added before the first round and after each fourth one."""
    keys = [0x03020100, 0x07060504]
    keys.append(keys[0] ^ keys[1] ^ 0x1BD11BDA)
    x0, x1 = keys[0], (9 + keys[1]) & 0xFFFFFFFF
    for i in range(rounds):
        x0 = (x0 + x1) & 0xFFFFFFFF
        x1 = turned(x1, (13, 15, 26, 6, 17, 29, 16, 24)[i % 8]) ^ x0
        if (i + 1) % 4 == 0:
            s = (i + 1) // 4
            x0 = (x0 + keys[s % 3]) & 0xFFFFFFFF
            x1 = (x1 + keys[(s + 1) % 3] + s) & 0xFFFFFFFF
    made = threefry_blocks(KEY, b"", np.array([9], np.uint64), rounds)
    assert made.view("<u4")[0].tolist() == [x0, x1]


def bits_of(make, rounds):
    """Bits of 4096 successive blocks under a fixed key, [4096, bits of a block]."""
    return np.unpackbits(make(KEY, KEY[:12], np.arange(4096, dtype=np.uint64), rounds), axis=1)


def farthest(bits):
    """Largest distance of a column's mean from 1/2, standard errors."""
    return abs(bits.mean(axis=0) - 0.5).max() * 2 * math.sqrt(len(bits))


def chi_square(bits):
    """Distance of the chi square of bytes from that of uniform ones, standard deviations."""
    counts = np.bincount(np.packbits(bits, axis=1).ravel(), minlength=256)
    mean = counts.sum() / 256
    return float((((counts - mean) ** 2 / mean).sum() - 255) / math.sqrt(510))


@pytest.mark.parametrize(
    ("make", "rounds"),
    [(chacha_blocks, 8), (chacha_blocks, 20)] + [(threefry_blocks, r) for r in (13, 20)],
)
def test_with_many_rounds_blocks_look_independent(make, rounds):
    """Bits, changes from block to block and bytes, at a fixed key: 5 standard errors."""
    bits = bits_of(make, rounds)
    assert farthest(bits) < 5
    assert farthest(bits[1:] ^ bits[:-1]) < 5
    assert abs(chi_square(bits)) < 5


@pytest.mark.parametrize(
    ("make", "rounds"),
    [(chacha_blocks, 1), (chacha_blocks, 2), (threefry_blocks, 1), (threefry_blocks, 2)],
)
def test_with_few_rounds_bytes_are_not_uniform_and_bits_stand_still(make, rounds):
    bits = bits_of(make, rounds)
    assert chi_square(bits) > 100
    assert (bits == bits[0]).all(axis=0).any()


@pytest.mark.parametrize(("make", "rounds"), [(chacha_blocks, 3), (threefry_blocks, 4)])
def test_a_little_later_changes_from_block_to_block_are_left(make, rounds):
    bits = bits_of(make, rounds)
    assert farthest(bits[1:] ^ bits[:-1]) > 5.5
    assert not (bits == bits[0]).all(axis=0).any()
