"""Key streams of ciphers in counter mode: noise to every observer that cannot try all keys."""

import math
from typing import Literal

import numpy as np
from jaxtyping import Array, Int64, UInt8, UInt32
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import bytes_digest, fingerprint
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.keys import Seed
from epiplexity_jax.sources.spec import FiniteSource, HostTokens, SourceInfo

_TOKENS = 20_000_000  # of a source whose `sequences` are not named
_MAX_BYTES = 1 << 38  # ChaCha20 counts its blocks of 64 bytes with 32 bits
_GROUP = 4096  # bytes; making so many takes about as long as setting up a cipher
_THREEFRY_TURNS = ((13, 15, 26, 6), (17, 29, 16, 24))
Bytes = UInt8[np.ndarray, " count"]
Words = UInt32[np.ndarray | Array, "..."]


class Cipher(Config):
    """The key stream of a cipher: structure that no bounded observer finds.

    ChaCha20, AES-256 or Threefry in counter mode under a key made of `key_seed`: the output of a
    short program, which no bounded observer can tell from noise. So S_T is 0 and H_T is log2 V bits
    per token. `chacha20` and `aes` need `pip install epiplexity-jax[cipher]`.
    """

    kind: Literal["cipher"] = "cipher"
    algorithm: Literal["chacha20", "aes", "threefry"] = "chacha20"
    """`chacha20` (RFC 8439) and `aes` (AES-256 in counter mode) need the package `cryptography`;
    `threefry` (2x32, 20 rounds) is the generator behind JAX's random numbers."""
    key_seed: Seed = 0
    """Key and nonce are derived from it by SHA-256."""
    vocab_size: Literal[2, 4, 16, 256] = 256
    """V; 256 makes every byte a token, the others cut a byte into parts, its lowest bits first."""
    length: int = Field(default=128, ge=1)
    """L, tokens of a sequence."""
    sequences: int | None = Field(default=None, ge=1)
    """Number of sequences; default: so many that they hold 20 million tokens."""

    @model_validator(mode="after")
    def _one_nonce_lasts(self) -> "Cipher":
        most = _MAX_BYTES // self.bytes_per_sequence
        if not most:
            longest = _MAX_BYTES * 8 // (self.vocab_size.bit_length() - 1)
            raise ValueError(
                f"length: one key stream has 256 GiB, {longest} tokens of {self.vocab_size} "
                f"symbols, got {self.length}"
            )
        if (self.sequences or 1) > most:
            raise ValueError(
                f"sequences: one key stream has 256 GiB, {most} sequences of this length, "
                f"got {self.sequences or 1}"
            )
        return self

    @property
    def bytes_per_sequence(self) -> int:
        """Bytes of the key stream that a sequence takes; each starts with a fresh byte."""
        return -(-self.length * (self.vocab_size.bit_length() - 1) // 8)


def open_cipher(config: Cipher) -> FiniteSource:
    """Open a key stream; sequence i is the same stretch of it, whatever `sequences` is.

    Its entropy rate is given as ln V, which is true of every observer that cannot try all keys;
    one that can needs the key alone.

    Raises:
        ConfigError: when the package `cryptography`, which `chacha20` and `aes` need, is missing.
    """
    check_installed(config.algorithm)
    sequences = config.sequences or max(1, _TOKENS // config.length)
    vocab, length = config.vocab_size, config.length
    algorithm, seed = config.algorithm, config.key_seed
    name = fingerprint("cipher", algorithm, seed, vocab, length, sequences)
    # Others of the same key are the same bits, cut up differently.
    origins = (fingerprint("key stream", algorithm, seed),)
    info = SourceInfo.all_labels(
        vocab, length, name, entropy_rate_nats=math.log(vocab), origins=origins
    )
    make, block = STREAMS[algorithm]
    key, nonce = derived("key", seed), derived("nonce", seed)
    size = config.bytes_per_sequence
    together = max(1, _GROUP // size)  # sequences that are made at once

    def read(indices: Int64[np.ndarray, " n"]) -> HostTokens:
        order = np.argsort(indices, kind="stable")
        _, starts = np.unique(indices[order] // together, return_index=True)
        made = np.empty((len(indices), size), np.uint8)
        for chosen in np.split(order, starts)[1:]:
            first = int(indices[chosen[0]]) // together * together
            count = min(together, sequences - first)  # ChaCha20 makes none past its counter
            counter, behind = divmod(first * size, block)
            stream = make(key, nonce, counter, behind + count * size)[behind:]
            made[chosen] = stream.reshape(count, size)[indices[chosen] - first]
        return _digits(made, vocab)[:, :length]

    return FiniteSource(info, sequences, read)


def check_installed(algorithm: str) -> None:
    """Refuse a cipher whose package is missing.

    Raises:
        ConfigError: when `cryptography`, which `chacha20` and `aes` need, is missing.
    """
    if algorithm == "threefry":
        return
    try:
        import cryptography  # noqa: F401 - the streams import what they need
    except ImportError:
        raise ConfigError(
            f"algorithm: {algorithm} needs the package cryptography: pip install cryptography, or "
            "use threefry"
        ) from None


def chacha20_stream(key: bytes, nonce: bytes, counter: int, count: int) -> Bytes:
    """Make a key stream of ChaCha20 (RFC 8439, section 2.4).

    Args:
        key: 32 bytes.
        nonce: the first 12 bytes count.
        counter: the block of 64 bytes to start with, under 2^32.
        count: bytes wanted.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

    start = counter.to_bytes(4, "little") + nonce[:12]
    encryptor = Cipher(algorithms.ChaCha20(key, start), mode=None).encryptor()
    return np.frombuffer(encryptor.update(bytes(count)), np.uint8)


def aes_stream(key: bytes, nonce: bytes, counter: int, count: int) -> Bytes:
    """Make a key stream of AES in counter mode (NIST SP 800-38A, section 6.5).

    Args:
        key: 32 bytes for AES-256.
        nonce: the first 16 bytes are the counter block of block 0, highest byte first.
        counter: the block of 16 bytes to start with.
        count: bytes wanted.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    start = (int.from_bytes(nonce[:16], "big") + counter) % (1 << 128)
    mode = modes.CTR(start.to_bytes(16, "big"))
    encryptor = Cipher(algorithms.AES(key), mode).encryptor()
    return np.frombuffer(encryptor.update(bytes(count)), np.uint8)


def threefry_stream(key: bytes, nonce: bytes, counter: int, count: int) -> Bytes:
    """Make a key stream of Threefry-2x32 with 20 rounds (Salmon et al. 2011), as in `jax.random`.

    Args:
        key: the first 8 bytes count, two words with the lowest byte first.
        nonce: not used: all 64 bits of a block are its counter.
        counter: the block of 8 bytes to start with; its high word comes first.
        count: bytes wanted.
    """
    blocks = np.arange(counter, counter + -(-count // 8), dtype=np.uint64)
    high, low = (blocks >> np.uint64(32)).astype(np.uint32), blocks.astype(np.uint32)
    words = threefry(np.frombuffer(key[:8], "<u4").astype(np.uint32), high, low)
    return np.stack(words, axis=1).astype("<u4").view(np.uint8).reshape(-1)[:count]


def threefry(key: Words, x0: Words, x1: Words) -> tuple[Words, Words]:
    """Apply Threefry-2x32-20 to blocks of two words, of NumPy or of JAX.

    Args:
        key: [2], or [2, ...] for a key to each block, whose first axis is then 1.
        x0: first words of the blocks.
        x1: second words.
    """
    keys = (key[:1], key[1:], key[:1] ^ key[1:] ^ np.uint32(0x1BD11BDA))  # arrays wrap silently
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for i in range(5):
        for turn in _THREEFRY_TURNS[i % 2]:
            x0 = x0 + x1
            x1 = ((x1 << np.uint32(turn)) | (x1 >> np.uint32(32 - turn))) ^ x0
        x0, x1 = x0 + keys[(i + 1) % 3], x1 + keys[(i + 2) % 3] + np.uint32(i + 1)
    return x0, x1


STREAMS = {
    "chacha20": (chacha20_stream, 64),
    "aes": (aes_stream, 16),
    "threefry": (threefry_stream, 8),
}


def derived(what: str, seed: int) -> bytes:
    """Hash a seed to 32 bytes."""
    return bytes.fromhex(bytes_digest([f"epiplexity_jax cipher {what} {seed}"], digits=64))


def _digits(made: UInt8[np.ndarray, "n b"], vocab_size: int) -> UInt8[np.ndarray, "n digits"]:
    """Cut bytes into tokens, lowest bits first: [n, 8 b / log2 V]."""
    if vocab_size == 256:
        return made
    bits = vocab_size.bit_length() - 1
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    parts = (made[:, :, None] >> shifts) & np.uint8(vocab_size - 1)
    return parts.reshape(len(made), made.shape[1] * len(shifts))
