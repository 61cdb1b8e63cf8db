"""Bytes as symbols of 6 bits: four for three bytes, as base64 has them."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources.maps.inner import map_alike, mapped_info
from epiplexity_jax.sources.spec import Batch, Source

_BYTES, _SYMBOLS = 3, 4  # both of 24 bits


@dataclass(frozen=True)
class DrawnBase64:
    """Cuts every 24 bits into four symbols instead of three bytes, on the device."""

    def __call__(self, own: Any, batch: Batch) -> Batch:
        """Cut [n, L] bytes into [n, 4 L / 3] symbols."""
        return self.symbols(batch.astype(jnp.int32))

    def symbols(self, batch: Any) -> Batch:
        """Cut bytes of NumPy or JAX, as 32-bit integers."""
        words = batch.reshape(len(batch), -1, _BYTES)
        joined = (words[:, :, 0] << 16) | (words[:, :, 1] << 8) | words[:, :, 2]
        shifts = np.arange(18, -1, -6, dtype=np.int32)[None, None]
        return ((joined[:, :, None] >> shifts) & 63).reshape(len(batch), -1)


def open_base64(inner: Source) -> Source:
    """Open a source of bytes as one of the 64 symbols of base64.

    A sequence holds the same as before, so four symbols have the entropy and the bytes of three.

    Raises:
        ConfigError: when the source has no bytes, its length is not a multiple of three, or three
            bytes hold inputs and labels.
    """
    info = inner.info
    if info.vocab_size != 256 or info.input_vocab_size not in (None, 256):
        raise ConfigError(
            f"source: expected the 256 bytes, got {info.vocab_size} symbols; open text with "
            "alphabet: bytes, or give its characters here as alphabet"
        )
    if info.length % _BYTES:
        raise ConfigError(
            f"source: expected a length that 3 divides, got {info.length}; change its length"
        )
    masks = info.label_mask.reshape(-1, _BYTES)
    mask = np.asarray(masks.all(axis=1))
    if (masks.any(axis=1) != mask).any():
        raise ConfigError(
            "source: expected inputs alone or labels alone in every three bytes, got both; leave "
            "base64 out"
        )
    known = {"entropy_rate_nats": info.entropy_rate_nats, "bytes_per_token": info.bytes_per_token}
    share = _BYTES / _SYMBOLS
    changes = {
        "vocab_size": 64,
        "input_vocab_size": None,
        "length": info.length // _BYTES * _SYMBOLS,
        "label_mask": np.repeat(mask, _SYMBOLS),
        **{name: None if value is None else value * share for name, value in known.items()},
    }
    mapped = mapped_info(info, "retokenise", "base64", **changes)
    drawn = DrawnBase64()

    def read(batch: Batch) -> Batch:
        return drawn.symbols(np.asarray(batch).astype(np.int32)).astype(np.uint8)

    return map_alike(inner, mapped, drawn, read)
