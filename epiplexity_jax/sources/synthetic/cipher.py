"""Key streams of ciphers in counter mode: noise to every observer that cannot try all keys."""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Int64, UInt8
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import bytes_digest, fingerprint
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.keys import Seed
from epiplexity_jax.sources.spec import FiniteSource, SourceInfo
from epiplexity_jax.sources.synthetic.arx import chacha_blocks, threefry_blocks

_TOKENS = 20_000_000  # of a source whose `sequences` are not named
_MAX_BYTES = 1 << 38  # ChaCha20 counts its blocks of 64 bytes with 32 bits
_GROUP = 4096  # bytes; making so many takes about as long as setting up a cipher
_ROUNDS = 20  # of the whole cipher, ChaCha20 as Threefry
BLOCKS = {"chacha20": 64, "aes": 16, "threefry": 8}  # bytes
_TOGETHER = 1 << 14  # blocks that NumPy makes at once
Bytes = UInt8[np.ndarray, " count"]
ReadBytes = Callable[[Int64[np.ndarray, " n"]], UInt8[np.ndarray, "n size"]]


class Cipher(Config):
    """The key stream of a cipher: structure that no bounded observer finds.

    ChaCha20, AES-256 or Threefry in counter mode under a key made of `key_seed`: the output of a
    short program, which no bounded observer can tell from noise. So S_T is 0 and H_T is log2 V bits
    per token. `chacha20` and `aes` need `pip install epiplexity-jax[cipher]`.

    With few `rounds` it is no noise: a bit depends on few bits of key and counter, which an
    observer may find. The more rounds, the more an observer needs.
    """

    kind: Literal["cipher"] = "cipher"
    algorithm: Literal["chacha20", "aes", "threefry"] = "chacha20"
    """`chacha20` (RFC 8439) and `aes` (AES-256 in counter mode) need the package `cryptography`;
    `threefry` (2x32, 20 rounds) is the generator behind JAX's random numbers."""
    rounds: int | None = Field(default=None, ge=0, le=_ROUNDS)
    """Rounds of `chacha20` or `threefry`; default: all 20, of which fewer are a weaker cipher."""
    key_seed: Seed = 0
    """Key and nonce are derived from it by SHA-256."""
    vocab_size: Literal[2, 4, 16, 256] = 256
    """V; 256 makes every byte a token, the others cut a byte into parts, its lowest bits first."""
    length: int = Field(default=128, ge=1)
    """L, tokens of a sequence."""
    sequences: int | None = Field(default=None, ge=1)
    """Number of sequences; default: so many that they hold 20 million tokens."""

    @model_validator(mode="after")
    def _aes_is_whole(self) -> "Cipher":
        if self.algorithm == "aes" and self.rounds is not None:
            raise ValueError(
                f"rounds: expected none, as algorithm is aes, got {self.rounds}; leave it out, or "
                "use chacha20 or threefry"
            )
        return self

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
    def is_reduced(self) -> bool:
        """True if it has fewer rounds than the whole cipher."""
        return self.rounds is not None and self.rounds < _ROUNDS

    @property
    def bytes_per_sequence(self) -> int:
        """Bytes of the key stream that a sequence takes; each starts with a fresh byte."""
        return -(-self.length * (self.vocab_size.bit_length() - 1) // 8)


def open_cipher(config: Cipher) -> FiniteSource:
    """Open a key stream; sequence i is the same stretch of it, whatever `sequences` is.

    Its entropy rate is given as ln V, which is true of every observer that cannot try all keys;
    one that can needs the key alone. It is not known of fewer rounds than 20, which NumPy makes.

    Raises:
        ConfigError: when the package `cryptography`, which `chacha20` and `aes` need, is missing.
    """
    sequences = config.sequences or max(1, _TOKENS // config.length)
    vocab, length = config.vocab_size, config.length
    algorithm, seed = config.algorithm, config.key_seed
    # All 20 rounds, given or not, are one source.
    weaker = (config.rounds,) if config.is_reduced else ()
    name = fingerprint("cipher", algorithm, seed, vocab, length, sequences, *weaker)
    # Others of the same key are the same bits, cut up differently.
    origins = (fingerprint("key stream", algorithm, seed, *weaker),)
    rate = None if config.is_reduced else math.log(vocab)
    info = SourceInfo.all_labels(vocab, length, name, entropy_rate_nats=rate, origins=origins)
    in_numpy = algorithm == "threefry" or config.is_reduced
    make = _by_numpy(config) if in_numpy else _by_package(config, sequences)
    return FiniteSource(info, sequences, lambda rows: _digits(make(rows), vocab)[:, :length])


def _by_package(config: Cipher, sequences: int) -> ReadBytes:
    """Make a reader of key streams of the package `cryptography`: [n] rows to [n, size].

    Raises:
        ConfigError: when the package is missing.
    """
    check_installed(config.algorithm)
    make = STREAMS[config.algorithm]
    block, size = BLOCKS[config.algorithm], config.bytes_per_sequence
    key, nonce = derived("key", config.key_seed), derived("nonce", config.key_seed)
    together = max(1, _GROUP // size)  # sequences that are made at once

    def read(indices: Int64[np.ndarray, " n"]) -> UInt8[np.ndarray, "n size"]:
        order = np.argsort(indices, kind="stable")
        _, starts = np.unique(indices[order] // together, return_index=True)
        made = np.empty((len(indices), size), np.uint8)
        for chosen in np.split(order, starts)[1:]:
            first = int(indices[chosen[0]]) // together * together
            count = min(together, sequences - first)  # ChaCha20 makes none past its counter
            counter, behind = divmod(first * size, block)
            stream = make(key, nonce, counter, behind + count * size)[behind:]
            made[chosen] = stream.reshape(count, size)[indices[chosen] - first]
        return made

    return read


def _by_numpy(config: Cipher) -> ReadBytes:
    """Make a reader of key streams of NumPy, where any blocks can be made together."""
    make = threefry_blocks if config.algorithm == "threefry" else chacha_blocks
    rounds = _ROUNDS if config.rounds is None else config.rounds
    block, size = BLOCKS[config.algorithm], config.bytes_per_sequence
    key, nonce = derived("key", config.key_seed), derived("nonce", config.key_seed)
    aligned = size % block == 0 or block % size == 0
    blocks = -(-size // block) + (not aligned)  # that a sequence may lie in
    together = max(1, _TOGETHER // blocks)

    def read(indices: Int64[np.ndarray, " n"]) -> UInt8[np.ndarray, "n size"]:
        made = np.empty((len(indices), size), np.uint8)
        for first in range(0, len(indices), together):
            starts, behind = np.divmod(indices[first : first + together] * size, block)
            counters = (starts[:, None] + np.arange(blocks)).astype(np.uint64)
            stream = make(key, nonce, counters.reshape(-1), rounds).reshape(len(starts), -1)
            places = behind[:, None] + np.arange(size)
            made[first : first + together] = np.take_along_axis(stream, places, axis=1)
        return made

    return read


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


STREAMS = {"chacha20": chacha20_stream, "aes": aes_stream}
"""Key streams of the package `cryptography`, by algorithm."""


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
