"""Ciphers: known answers, any order of reading, what bits become which tokens."""

import builtins
import math

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import Cipher, open_source
from epiplexity_jax.sources.spec import FiniteSource
from epiplexity_jax.sources.synthetic.arx import chacha_blocks, threefry_blocks
from epiplexity_jax.sources.synthetic.cipher import aes_stream, chacha20_stream


def threefry_stream(key, nonce, counter, count):
    counters = np.arange(counter, counter + -(-count // 8), dtype=np.uint64)
    return threefry_blocks(key, nonce, counters, 20).reshape(-1)[:count]


ALGORITHMS = ["chacha20", "aes", "threefry"]
STREAMS = {"chacha20": chacha20_stream, "aes": aes_stream, "threefry": threefry_stream}
BLOCKS = {"chacha20": 64, "aes": 16, "threefry": 8}
KEY = bytes(range(32))


def opened(**config) -> FiniteSource:
    source = open_source(Cipher(**config))
    assert isinstance(source, FiniteSource)
    return source


def read_all(source):
    return source.read(np.arange(source.sequences))


def test_chacha20_gives_the_key_stream_of_rfc_8439():
    """Section 2.4.2: two blocks, and the ciphertext that they make of a sentence."""
    stream = chacha20_stream(KEY, bytes.fromhex("000000000000004a00000000"), 1, 114)
    expected = bytes.fromhex(
        "224f51f3401bd9e12fde276fb8631ded8c131f823d2c06e27e4fcaec9ef3cf788a3b0aa372600a92b57974cd"
        "ed2b9334794cba40c63e34cdea212c4cf07d41b769a6749f3f630f4122cafe28ec4dc47e26d4346d70b98c73"
        "f3e9c53ac40c5945398b6eda1a832c89c167eacd901d7e2bf363"
    )
    assert stream.tobytes() == expected
    sentence = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
        b"future, sunscreen would be it."
    )
    text = bytes(a ^ b for a, b in zip(stream.tolist(), sentence, strict=True))
    assert text[:16].hex() == "6e2e359a2568f98041ba0728dd0d6981"
    assert text[-16:].hex() == "0bbf74a35be6b40b8eedf2785e42874d"


def test_chacha20_gives_the_block_of_rfc_8439():
    """Section 2.3.2, where the nonce begins with other bytes than zero."""
    stream = chacha20_stream(KEY, bytes.fromhex("000000090000004a00000000"), 1, 64)
    assert stream.tobytes().hex() == (
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
    )


def test_aes_gives_the_output_blocks_of_sp_800_38a():
    """Section F.5.5, CTR-AES256; the counter's last byte wraps after the first block."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    start = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    blocks = [
        "0bdf7df1591716335e9a8b15c860c502",
        "5a6e699d536119065433863c8f657b94",
        "1bc12c9c01610d5d0d8bd6a3378eca62",
        "2956e1c8693536b1bee99c73a31576b6",
    ]
    assert aes_stream(key, start, 0, 64).tobytes().hex() == "".join(blocks)
    for i, block in enumerate(blocks):
        assert aes_stream(key, start, i, 16).tobytes().hex() == block
    end = aes_stream(key, bytes([255] * 16), 1, 16)
    assert np.array_equal(end, aes_stream(key, bytes(16), 0, 16))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_counter_seeks(algorithm):
    stream, block = STREAMS[algorithm], BLOCKS[algorithm]
    whole = stream(KEY, KEY, 0, 10 * block)
    for start in range(10):
        assert np.array_equal(stream(KEY, KEY, start, block), whole[start * block :][:block])
    assert np.array_equal(stream(KEY, KEY, 3, block + 3), whole[3 * block :][: block + 3])


@pytest.mark.parametrize("group", [1, 100, 4096])
@pytest.mark.parametrize("vocab", [2, 4, 16, 256])
@pytest.mark.parametrize("length", [1, 5, 100])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_sequences_are_the_key_stream_cut_up(monkeypatch, algorithm, vocab, length, group):
    """Whatever is made at once; each starts with a fresh byte, its lowest bits first."""
    from epiplexity_jax.sources.synthetic import cipher

    monkeypatch.setattr(cipher, "_GROUP", group)
    monkeypatch.setattr(cipher, "_TOGETHER", group)
    source = opened(algorithm=algorithm, vocab_size=vocab, length=length, sequences=30)
    bits = int(math.log2(vocab))
    size = math.ceil(length * bits / 8)
    stream = STREAMS[algorithm](
        cipher.derived("key", 0), cipher.derived("nonce", 0), 0, 30 * size
    ).tobytes()
    order = [29, 3, 3, 0, 17, 29]
    for row, i in zip(source.read(np.array(order)).tolist(), order, strict=True):
        number = int.from_bytes(stream[i * size : (i + 1) * size], "little")
        assert row == [number >> (bits * j) & (vocab - 1) for j in range(length)]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_order_and_company_of_a_reading_do_not_matter(algorithm):
    source = opened(algorithm=algorithm, length=50, sequences=1000)
    whole = read_all(source)
    order = np.random.Generator(np.random.Philox(0)).permutation(1000)
    assert np.array_equal(source.read(order), whole[order])
    assert np.array_equal(source.read(order[:7]), whole[order[:7]])
    assert np.array_equal(read_all(opened(algorithm=algorithm, length=50, sequences=1000)), whole)
    assert whole.dtype == np.uint8
    assert len(np.unique(whole, axis=0)) == 1000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_more_sequences_go_on_where_fewer_end(algorithm):
    few = read_all(opened(algorithm=algorithm, length=9, sequences=20))
    assert np.array_equal(read_all(opened(algorithm=algorithm, length=9, sequences=50))[:20], few)


@pytest.mark.parametrize("vocab", [2, 4, 16, 256])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tokens_look_uniform_and_independent(algorithm, vocab):
    """Counts of tokens, and of equal neighbours, within 5 standard errors."""
    source = opened(algorithm=algorithm, vocab_size=vocab, length=100, sequences=500)
    tokens = read_all(source)
    error = math.sqrt(tokens.size / vocab * (1 - 1 / vocab))
    counts = np.bincount(tokens.ravel(), minlength=vocab)
    assert (abs(counts - tokens.size / vocab) < 5 * error).all()
    same = (tokens[:, 1:] == tokens[:, :-1]).sum()
    assert abs(same - tokens[:, 1:].size / vocab) < 5 * error
    assert source.info.entropy_rate_nats == math.log(vocab)


@pytest.mark.parametrize("length", [1, 5, 64, 100, 128])
@pytest.mark.parametrize("rounds", [0, 1, 8, 19])
def test_few_rounds_are_cut_up_alike(rounds, length):
    from epiplexity_jax.sources.synthetic import cipher

    source = opened(rounds=rounds, length=length, sequences=30)
    key, nonce = cipher.derived("key", 0), cipher.derived("nonce", 0)
    blocks = np.arange(-(-30 * length // 64), dtype=np.uint64)
    stream = chacha_blocks(key, nonce, blocks, rounds).reshape(-1)
    order = np.array([29, 3, 3, 0, 17])
    expected = stream[: 30 * length].reshape(30, length)[order]
    assert np.array_equal(source.read(order), expected)


@pytest.mark.parametrize("algorithm", ["chacha20", "threefry"])
def test_all_rounds_are_the_default(algorithm):
    """Given or not, they are the same data; one fewer makes other ones."""
    whole = opened(algorithm=algorithm, sequences=50)
    same = opened(algorithm=algorithm, sequences=50, rounds=20)
    assert same.info.fingerprint == whole.info.fingerprint
    assert same.info.origins == whole.info.origins
    assert np.array_equal(read_all(same), read_all(whole))
    less = opened(algorithm=algorithm, sequences=50, rounds=19)
    assert less.info.fingerprint != whole.info.fingerprint
    assert less.info.origins != whole.info.origins
    assert less.info.entropy_rate_nats is None
    assert (read_all(less) != read_all(whole)).mean() > 0.98


def test_fingerprints_of_all_rounds_are_those_of_before_there_were_fewer():
    kept = [
        ({}, "7438243d95b3a2ca"),
        ({"algorithm": "aes", "vocab_size": 2}, "8ebd355e0d1e3cc4"),
        ({"algorithm": "threefry", "key_seed": 3, "length": 9}, "5f83472d2f965cbb"),
    ]
    for config, name in kept:
        assert opened(**config).info.fingerprint == name


def test_the_default_is_twenty_million_tokens():
    source = opened()
    assert source.sequences == 20_000_000 // 128
    assert (source.info.vocab_size, source.info.length) == (256, 128)
    assert source.info.bytes_per_token is None


@pytest.mark.parametrize("rounds", [None, 8])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_far_end_of_a_key_stream_can_be_read(algorithm, rounds):
    most = (1 << 38) // 100
    rounds = None if algorithm == "aes" else rounds
    source = opened(algorithm=algorithm, length=100, sequences=most, rounds=rounds)
    last = source.read(np.array([most - 1, 0]))
    assert last.shape == (2, 100)
    assert not np.array_equal(last[0], last[1])


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"vocab_size": 8}, "vocab_size: input should be 2, 4, 16 or 256, got 8"),
        ({"algorithm": "des"}, "algorithm: input should be 'chacha20', 'aes' or 'threefry', got"),
        ({"length": 100, "sequences": (1 << 38) // 100 + 1}, "sequences: one key stream has 256 G"),
        (
            {"length": 1e12},
            "length: one key stream has 256 GiB, 274877906944 tokens of 256 symbols, got 100000000",
        ),
        (
            {"length": (1 << 40) + 1, "vocab_size": 4},
            "length: one key stream has 256 GiB, 1099511627776 tokens",
        ),
        ({"rounds": 21}, "rounds: input should be less than or equal to 20, got 21"),
        ({"rounds": -1}, "rounds: input should be greater than or equal to 0, got -1"),
        (
            {"algorithm": "aes", "rounds": 14},
            "rounds: expected none, as algorithm is aes, got 14; leave it out, or use chacha20",
        ),
        ({"key_seed": -1}, "key_seed: input should be greater than or equal to 0, got -1"),
    ],
)
def test_wrong_configs_are_refused(config, sentence):
    with pytest.raises(ConfigError) as caught:
        Cipher(**config)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["chacha20", "aes"])
def test_a_missing_package_is_one_sentence_with_the_cure(monkeypatch, algorithm):
    load = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "cryptography":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError) as caught:
        opened(algorithm=algorithm)
    assert str(caught.value) == (
        f"algorithm: {algorithm} needs the package cryptography: pip install cryptography, "
        "or use threefry"
    )
    assert opened(algorithm="threefry", sequences=3).read(np.array([0])).shape == (1, 128)
    assert opened(rounds=8, sequences=3).read(np.array([0])).shape == (1, 128)
