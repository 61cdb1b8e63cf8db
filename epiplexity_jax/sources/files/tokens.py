"""Token ids: a file of integers, mapped and not loaded, or an array."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.npy import NPY, map_npy, opening
from epiplexity_jax.sources.token_array import (
    MAX_VOCAB,
    TokenSequences,
    as_array,
    file_origin,
    open_tokens,
    readable,
)


class Tokens(Config):
    """A file of token ids: a NumPy array (.npy), or plain integers one after another."""

    kind: Literal["tokens"] = "tokens"
    path: str = Field(min_length=1)
    """The file, relative to the current folder. A `.npy` file holds a row of tokens, or a matrix
    whose rows are the sequences; any other ending is read as plain integers."""
    dtype: (
        Literal["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"] | None
    ) = None
    """Type of plain integers, default uint16; a .npy file names its own."""
    byte_order: Literal["little", "big"] | None = None
    """Byte order of plain integers, default little; a .npy file names its own."""
    vocab_size: int | None = Field(default=None, ge=2, le=MAX_VOCAB)
    """V, symbols of the alphabet; default: the largest token + 1."""
    length: int | None = Field(default=None, ge=1)
    """L, tokens of a sequence; default 128. A matrix has its own."""
    bytes_per_token: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Bytes of the original data per token, for results in bits per byte."""


def open_file(config: Tokens) -> TokenSequences:
    """Read a file once, to check every token, then map it: it need not fit into memory.

    Leave it as it is while a sweep runs.

    Raises:
        DataError: when the file is missing, unreadable, empty, damaged, of another type or shape,
            too short for a sequence, or holds a token outside the vocabulary.
    """
    path = Path(config.path)
    if path.suffix.lower() != ".npy":
        tokens = _map_plain(path, config)
    elif config.dtype or config.byte_order:
        key = "dtype" if config.dtype else "byte_order"
        raise DataError(f"{path}: {key}: a .npy file names its own type; leave it out")
    else:
        tokens = map_npy(path)
    facts = (config.length, config.vocab_size, config.bytes_per_token)
    return open_tokens(tokens, str(path), *facts, (file_origin(path),))


def from_array(
    tokens: Any,
    *,
    length: int | None = None,
    vocab_size: int | None = None,
    bytes_per_token: float | None = None,
) -> TokenSequences:
    """Make a source of an array's tokens. A NumPy array is not copied, so leave it as it is.

    Args:
        tokens: [N] integers or booleans of NumPy or JAX, or [n, L] whose rows are the sequences.
        length: L, tokens of a sequence; default 128, or the second axis.
        vocab_size: V; default: the largest token + 1.
        bytes_per_token: bytes of the original data per token, for results in bits per byte.

    Raises:
        ConfigError: when an argument is out of range.
        DataError: when they are no array, masked, or not valid tokens (see `open_tokens`).

    >>> source = from_array([0, 1, 2, 0, 1, 2, 0], length=3)
    >>> source.read([1]), source.info.vocab_size
    (array([[0, 1, 2]], dtype=uint8), 3)
    """
    config = Tokens(
        path="tokens", length=length, vocab_size=vocab_size, bytes_per_token=bytes_per_token
    )
    facts = (config.length, config.vocab_size, config.bytes_per_token)
    return open_tokens(as_array(tokens, "tokens"), "tokens", *facts)


def _map_plain(path: Path, config: Tokens) -> np.ndarray:
    start, size = opening(path)
    if start.startswith(NPY):
        raise DataError(f"{path}: is a NumPy array; name it .npy")
    if path.suffix.lower() == ".npz":
        raise DataError(f"{path}: is an archive; save the one array with numpy.save as .npy")
    dtype = np.dtype(config.dtype or "uint16").newbyteorder(config.byte_order or "little")
    if size % dtype.itemsize:
        raise DataError(
            f"{path}: has {size} bytes, no multiple of the {dtype.itemsize} of {dtype.name}; name "
            "its dtype, or bring the whole file"
        )
    with readable(path):
        return np.asarray(np.memmap(path, dtype, "r"))
