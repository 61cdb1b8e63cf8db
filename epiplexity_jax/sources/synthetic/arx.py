"""ChaCha and Threefry with any number of rounds, on arrays of blocks."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8, UInt32, UInt64

CHACHA_CONSTANTS = np.frombuffer(b"expand 32-byte k", "<u4")
_CHACHA_TURNS = (16, 12, 8, 7)
_THREEFRY_TURNS = (13, 15, 26, 6, 17, 29, 16, 24)
Blocks = UInt8[np.ndarray, "n bytes"]
Counters = UInt64[np.ndarray, " n"]
AnyWords = UInt32[np.ndarray | Array, "..."]
Rows = tuple[AnyWords, AnyWords, AnyWords, AnyWords]


def chacha_blocks(key: bytes, nonce: bytes, counters: Counters, rounds: int) -> Blocks:
    """Make blocks of ChaCha (Nir and Langley 2018, section 2.3) with some of its 20 rounds.

    Rounds alternate between the columns and the diagonals of a block, columns first. Without any, a
    block is twice its first state.

    Args:
        key: 32 bytes.
        nonce: the first 12 bytes count.
        counters: numbers of the blocks, of which 32 bits count.
        rounds: number of rounds.

    Returns:
        Blocks of 64 bytes.
    """
    first = np.empty((4, 4, len(counters)), np.uint32)
    first[0] = CHACHA_CONSTANTS[:, None]
    first[1:3] = np.frombuffer(key, "<u4").reshape(2, 4, 1)
    first[3, 0] = counters.astype(np.uint32)
    first[3, 1:] = np.frombuffer(nonce[:12], "<u4")[:, None]
    rows = (first[0], first[1], first[2], first[3])
    for i in range(rounds):
        rows = chacha_round(rows, diagonal=i % 2 == 1)
    words = (np.stack(rows) + first).reshape(16, -1)
    return words.T.astype("<u4", order="C").view(np.uint8)


def chacha_round(rows: Rows, diagonal: bool) -> Rows:
    """Apply one round of ChaCha to blocks of 4 by 4 words, of NumPy or of JAX.

    Args:
        rows: the four rows of the blocks, [4, ...] each.
        diagonal: whether quarter rounds go along the diagonals, else along the columns.
    """
    a, b, c, d = rows
    if diagonal:  # rows are turned until diagonals stand in columns, and back
        b, c, d = _rolled(b, 1), _rolled(c, 2), _rolled(d, 3)
    for turns in (_CHACHA_TURNS[:2], _CHACHA_TURNS[2:]):
        a = a + b
        d = _turned(d ^ a, turns[0])
        c = c + d
        b = _turned(b ^ c, turns[1])
    if diagonal:
        b, c, d = _rolled(b, 3), _rolled(c, 2), _rolled(d, 1)
    return a, b, c, d


def _rolled(row: AnyWords, places: int) -> AnyWords:
    """Move the four words of a row to the left, those of the left end to the right one."""
    roll = np.roll if isinstance(row, np.ndarray) else jnp.roll
    return roll(row, -places, axis=0)


def threefry_blocks(key: bytes, nonce: bytes, counters: Counters, rounds: int) -> Blocks:
    """Make blocks of Threefry-2x32 (Salmon et al. 2011), with 20 rounds those of `jax.random`.

    Args:
        key: the first 8 bytes count, two words with the lowest byte first.
        nonce: not used: all 64 bits of a block are its counter.
        counters: numbers of the blocks; the high word comes first.
        rounds: number of rounds.

    Returns:
        Blocks of 8 bytes.
    """
    high, low = (counters >> np.uint64(32)).astype(np.uint32), counters.astype(np.uint32)
    words = threefry(np.frombuffer(key[:8], "<u4").astype(np.uint32), high, low, rounds)
    return np.stack(words, axis=1).astype("<u4").view(np.uint8)


def threefry(
    key: AnyWords, x0: AnyWords, x1: AnyWords, rounds: int = 20
) -> tuple[AnyWords, AnyWords]:
    """Apply Threefry-2x32 to blocks of two words, of NumPy or of JAX.

    The key is added before the first round and after every fourth one.

    Args:
        key: [2], or [2, ...] for a key to each block, whose first axis is then 1.
        x0: first words of the blocks.
        x1: second words.
        rounds: number of rounds.
    """
    keys = (key[:1], key[1:], key[:1] ^ key[1:] ^ np.uint32(0x1BD11BDA))  # arrays wrap silently
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for i in range(rounds):
        x0 = x0 + x1
        x1 = _turned(x1, _THREEFRY_TURNS[i % 8]) ^ x0
        if i % 4 == 3:
            j = i // 4 + 1
            x0, x1 = x0 + keys[j % 3], x1 + keys[(j + 1) % 3] + np.uint32(j)
    return x0, x1


def _turned(words: AnyWords, places: int) -> AnyWords:
    """Rotate the bits of words to the left."""
    return (words << np.uint32(places)) | (words >> np.uint32(32 - places))
