"""Any source of tokens, encrypted."""

import functools
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int64, Key

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.keys import Seed, key
from epiplexity_jax.sources.maps.inner import (
    Nested,
    is_noise,
    map_batches,
    mapped_info,
    open_inner,
    refuse_all_but_tokens,
)
from epiplexity_jax.sources.maps.keystream import (
    NONCE_WORDS,
    DrawnKeystream,
    HostKeystream,
    combine,
)
from epiplexity_jax.sources.spec import Batch, HostSource, Source, SourceInfo
from epiplexity_jax.sources.synthetic.cipher import check_installed


class Encrypt(Config):
    """Any source of tokens, encrypted: its structure stays, and no bounded observer finds it.

    Every token is combined with a symbol of the key stream of ChaCha20, AES-256 in counter mode or
    Threefry: by XOR where V is a power of two, else by addition modulo V. The symbols are uniform
    without bias. Inputs are encrypted as labels are, as one message, so of [X; Y] nothing remains
    in the clear, and the same tokens are paid for. With a nonce for every sequence a bounded
    observer sees noise: S_T is 0 and H_T is log2 V bits per token. No sequence shows its
    nonce, without which the key does not decrypt it. Of V = 256 the tokens are the bytes that the
    cipher makes of the source's bytes. Encrypting again, where V is a power of two, decrypts a
    finite source. Sources that are mixed need keys of their own.
    """

    kind: Literal["encrypt"] = "encrypt"
    source: Nested
    """The source to encrypt."""
    algorithm: Literal["chacha20", "aes", "threefry"] = "chacha20"
    """The cipher, as of `cipher`; `aes` is not computed on the device, so a drawn source needs one
    of the others, and `chacha20` and `aes` need `pip install epiplexity-jax[cipher]`."""
    key_seed: Seed = 0
    """The secret key is derived from it by SHA-256."""
    nonce: Literal["per_sequence", "reused"] = "per_sequence"
    """`per_sequence`: every sequence has a key stream of its own, by its index or, of a drawn
    source, by its random key. `reused`: the same key stream for all, the classical mistake: each
    place then has one substitution of symbols, which can be learnt."""


def open_encrypt(config: Encrypt) -> Source:
    """Open an encrypted source.

    Of noise the entropy rate stays that of noise. Of other sources it is not known where every
    sequence has a nonce of its own: no sequence shows its nonce, so its tokens are hard to predict
    even with the key. With a reused key stream it is the source's: no model goes below it, and only
    one that has found the stream comes near it, so it is no floor.

    Raises:
        ConfigError: when inputs are or have vectors, or have an alphabet of their own, labels vary
            by sequence, the cipher is not computed on the device where the source is drawn, or its
            package is missing.
    """
    inner = open_inner(config.source)
    info = inner.info
    refuse_all_but_tokens(info, "encrypt")
    if info.input_vocab_size not in (None, info.vocab_size):
        raise ConfigError(
            f"source: its inputs have {info.input_vocab_size} symbols and its labels "
            f"{info.vocab_size}, and encrypt needs one alphabet; use a source that has one"
        )
    check_installed(config.algorithm)
    stream = HostKeystream(config.algorithm, config.key_seed, info.vocab_size, info.length)
    drawn, own = None, ()
    if not isinstance(inner, HostSource):
        drawn, own = _drawn_map(config, stream)
    changes = {"documents": info.documents.unjoined(), **_rate(info, config.nonce)}
    names = (config.algorithm, config.key_seed, config.nonce)
    mapped = mapped_info(info, "encrypt", *names, **changes)
    read = functools.partial(_encrypted, stream, config.nonce == "reused")
    return map_batches(inner, mapped, "encrypt", config.key_seed, drawn, read, own)


def _drawn_map(config: Encrypt, stream: HostKeystream) -> tuple[Any, Any]:
    """Make the map of a drawn source, and the values that it takes."""
    if config.nonce == "reused":
        return DrawnSubstitution(stream.vocab_size), stream.symbols(np.zeros(1, np.int64))[0]
    if config.algorithm not in NONCE_WORDS:
        raise ConfigError(
            f"algorithm: {config.algorithm} is not computed on the device, where this source is "
            "drawn; use chacha20 or threefry, or wrap the source in subsample"
        )
    drawn = DrawnKeystream(config.algorithm, stream.vocab_size, stream.length)
    return DrawnEncryption(drawn), stream.key_words()


def _rate(info: SourceInfo, nonce: str) -> dict[str, Any]:
    """Entropy rate of the ciphertext, as changed fields of `SourceInfo`."""
    if is_noise(info):
        return {}
    return {"rate_is_unbounded": True} if nonce == "reused" else {"entropy_rate_nats": None}


@dataclass(frozen=True)
class DrawnEncryption:
    """Encrypts a batch on the device, every sequence under a random nonce of its own."""

    stream: DrawnKeystream

    def __call__(self, key_: Key[Array, ""], own: Any, batch: Batch) -> Batch:
        """Encrypt [n, L] under the words `own` of the secret key."""
        words = NONCE_WORDS[self.stream.algorithm]
        nonces = jax.random.bits(key(key_, "nonce"), (len(batch), words), jnp.uint32)
        return _combined(batch, self.stream(own, nonces), self.stream.vocab_size)


@dataclass(frozen=True)
class DrawnSubstitution:
    """Encrypts a batch on the device, every sequence with the same key stream."""

    vocab_size: int

    def __call__(self, key_: Key[Array, ""], own: Any, batch: Batch) -> Batch:
        """Encrypt [n, L] with the symbols `own`, [L]."""
        return _combined(batch, jnp.broadcast_to(own[None], batch.shape), self.vocab_size)


def _combined(batch: Batch, stream: Array, vocab_size: int) -> Batch:
    # Both are under 2^31, so their sum does not wrap.
    symbols = combine(batch.astype(jnp.uint32), stream, vocab_size)
    return symbols.astype(batch.dtype)


def _encrypted(
    stream: HostKeystream, reused: bool, indices: Int64[np.ndarray, " n"], batch: Batch
) -> Batch:
    """The host's twin of `DrawnEncryption`: the nonce is the sequence's index."""
    nonces = np.zeros_like(indices) if reused else indices
    symbols = stream.symbols(nonces).astype(np.int64)
    mapped = combine(np.asarray(batch).astype(np.int64), symbols, stream.vocab_size)
    return mapped.astype(np.min_scalar_type(stream.vocab_size - 1))
