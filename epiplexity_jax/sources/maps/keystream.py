"""Uniform symbols from the key streams of ciphers: one stream for each nonce.

Of V = 2, 4, ..., 256, symbol t is the low bits of byte t of the key stream. Of any other V it is w
modulo V, where w is 32-bit word t, lowest byte first. A word at or above the largest multiple of V
is replaced by word t of the next round, which begins with a fresh block, until none is left. So
every symbol is uniform without bias, whatever V is.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int64, Integer, UInt32

from epiplexity_jax.sources.synthetic.arx import (
    CHACHA_CONSTANTS,
    Rows,
    chacha_round,
    threefry,
)
from epiplexity_jax.sources.synthetic.cipher import BLOCKS, STREAMS, derived

_WORD = 4  # bytes
NONCE_WORDS = {"chacha20": 3, "threefry": 2}  # of those that are computed on the device
Symbols = Integer[np.ndarray | Array, "n length"]
DeviceWords = UInt32[Array, "n words"]


def is_power(vocab_size: int) -> bool:
    """Return whether V is a power of two: then symbols are combined by XOR, else by addition."""
    return vocab_size & (vocab_size - 1) == 0


def _takes_bytes(vocab_size: int) -> bool:
    return vocab_size <= 256 and is_power(vocab_size)


def _limit(vocab_size: int) -> int:
    """Find the largest multiple of V that a word can lie under."""
    return (1 << 32) // vocab_size * vocab_size


@dataclass(frozen=True)
class HostKeystream:
    """Symbols of key streams on the host.

    Attributes:
        algorithm: `chacha20`, `aes` or `threefry`.
        key_seed: seed of the secret key.
        vocab_size: V.
        length: L, symbols of each stream.
    """

    algorithm: str
    key_seed: int
    vocab_size: int
    length: int

    @functools.cached_property
    def key(self) -> bytes:
        """The secret key, 32 bytes."""
        return derived("encryption key", self.key_seed)

    def key_words(self) -> UInt32[np.ndarray, " words"]:
        """Read the key as words, lowest byte first: 2 of Threefry, else 8."""
        count = 2 if self.algorithm == "threefry" else 8
        return np.frombuffer(self.key, "<u4")[:count].astype(np.uint32)

    def symbols(self, nonces: Int64[np.ndarray, " n"]) -> UInt32[np.ndarray, "n length"]:
        """Make the symbols of each nonce: [n, L] in [0, V)."""
        if _takes_bytes(self.vocab_size):
            return self._bytes(nonces, 0, self.length) & np.uint32(self.vocab_size - 1)
        found, turn = self._words(nonces, 0), 1
        rejected = found >= _limit(self.vocab_size)
        while rejected.any():
            rows = np.flatnonzero(rejected.any(axis=1))
            found[rows] = np.where(rejected[rows], self._words(nonces[rows], turn), found[rows])
            rejected, turn = found >= _limit(self.vocab_size), turn + 1
        return found % np.uint32(self.vocab_size)

    def _words(self, nonces: Int64[np.ndarray, " n"], turn: int) -> UInt32[np.ndarray, "n length"]:
        size = _WORD * self.length
        block = BLOCKS[self.algorithm]
        made = self._bytes(nonces, turn * -(-size // block), size).astype(np.uint8)
        return made.view("<u4").astype(np.uint32)

    def _bytes(
        self, nonces: Int64[np.ndarray, " n"], first: int, count: int
    ) -> UInt32[np.ndarray, "n count"]:
        """Make so many bytes of each stream, from a block on."""
        if self.algorithm == "threefry":
            return self._threefry(nonces, first, count)
        make = STREAMS[self.algorithm]
        made = [make(self.key, self._nonce(i), first, count) for i in nonces.tolist()]
        return np.array(made, np.uint32).reshape(len(nonces), count)

    def _nonce(self, number: int) -> bytes:
        """Write a number below 2^63 as a nonce; what follows it counts blocks, or is zero."""
        if self.algorithm == "aes":
            return number.to_bytes(8, "big") + bytes(8)
        return number.to_bytes(8, "little") + bytes(4)

    def _threefry(
        self, nonces: Int64[np.ndarray, " n"], first: int, count: int
    ) -> UInt32[np.ndarray, "n count"]:
        high, low = (nonces >> 32).astype(np.uint32), nonces.astype(np.uint32)
        own = np.stack(threefry(self.key_words(), high, low))[:, :, None]
        blocks = np.arange(first, first + -(-count // (2 * _WORD)), dtype=np.uint64)
        high, low = (blocks >> np.uint64(32)).astype(np.uint32), blocks.astype(np.uint32)
        words = np.stack(threefry(own, high, low), axis=-1)[0]
        made = words.reshape(len(nonces), -1).astype("<u4").view(np.uint8)
        return made[:, :count].astype(np.uint32)


@dataclass(frozen=True)
class DrawnKeystream:
    """Symbols of key streams on the device, equal to those of `HostKeystream`.

    Attributes:
        algorithm: `chacha20` or `threefry`.
        vocab_size: V.
        length: L, symbols of each stream.
    """

    algorithm: str
    vocab_size: int
    length: int

    def __call__(
        self, key: UInt32[Array, " words"], nonces: UInt32[Array, "n parts"]
    ) -> UInt32[Array, "n length"]:
        """Make the symbols of each nonce, whose words are in [n, 3], of Threefry [n, 2]."""
        make = _threefry_words if self.algorithm == "threefry" else _chacha20_words
        if _takes_bytes(self.vocab_size):
            words = make(key, nonces, 0, -(-self.length // _WORD))
            shifts = 8 * jnp.arange(_WORD, dtype=jnp.uint32)[None, None]
            parts = (words[:, :, None] >> shifts) & jnp.uint32(self.vocab_size - 1)
            return parts.reshape(len(nonces), -1)[:, : self.length]
        found = make(key, nonces, 0, self.length)
        if not is_power(self.vocab_size):
            found = self._without_bias(functools.partial(make, key, nonces), found)
        return found % jnp.uint32(self.vocab_size)

    def _without_bias(self, make: Callable[..., DeviceWords], first: DeviceWords) -> DeviceWords:
        limit = jnp.uint32(_limit(self.vocab_size))

        def again(state: tuple[Array, Array]) -> tuple[Array, Array]:
            turn, found = state
            return turn + 1, jnp.where(found < limit, found, make(turn, self.length))

        start = (jnp.uint32(1), first)
        return jax.lax.while_loop(lambda state: (state[1] >= limit).any(), again, start)[1]


def _blocks(turn: Array | int, count: int, size: int) -> UInt32[Array, " blocks"]:
    """Number the blocks of `size` words that hold `count` words of a round."""
    blocks = -(-count // size)
    return jnp.uint32(turn) * jnp.uint32(blocks) + jnp.arange(blocks, dtype=jnp.uint32)


def _threefry_words(
    key: UInt32[Array, "2"], nonces: UInt32[Array, "n 2"], turn: Array | int, count: int
) -> DeviceWords:
    """Make words of Threefry in counter mode, under the key that encrypting a nonce makes."""
    own = jnp.stack(threefry(key, nonces[:, 0], nonces[:, 1]))[:, :, None]
    blocks = _blocks(turn, count, 2)[None, None]
    words = jnp.stack(threefry(own, jnp.zeros_like(blocks), blocks), axis=-1)[0]
    return words.reshape(len(nonces), -1)[:, :count]


def _chacha20_words(
    key: UInt32[Array, "8"], nonces: UInt32[Array, "n 3"], turn: Array | int, count: int
) -> DeviceWords:
    """Make words of ChaCha20 (RFC 8439, section 2.3)."""
    blocks = _blocks(turn, count, 16)
    words = [*map(jnp.uint32, CHACHA_CONSTANTS), *key, blocks[None], *nonces.T[:, :, None]]
    shape = (len(nonces), len(blocks))
    first = jnp.stack([jnp.broadcast_to(word, shape) for word in words]).reshape(4, 4, *shape)
    rows = (first[0], first[1], first[2], first[3])
    mixed = jax.lax.fori_loop(0, 10, lambda _, rows: _double_round(rows), rows)
    made = (jnp.stack(mixed) + first).reshape(16, *shape)
    return jnp.moveaxis(made, 0, -1).reshape(len(nonces), -1)[:, :count]


def _double_round(rows: Rows) -> Rows:
    return chacha_round(chacha_round(rows, diagonal=False), diagonal=True)


def combine(tokens: Symbols, stream: Symbols, vocab_size: int) -> Symbols:
    """Encrypt tokens: XOR with the stream where V is a power of two, else addition modulo V.

    Args:
        tokens: integers in [0, V), of a type that holds 2 V.
        stream: as many symbols of the key stream.
        vocab_size: V.
    """
    return tokens ^ stream if is_power(vocab_size) else (tokens + stream) % vocab_size
