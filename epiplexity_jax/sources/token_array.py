"""Tokens in an array as a finite source: checked, named and read block by block."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.spec import SourceInfo

DEFAULT_LENGTH = 128
MASKED = "is a masked array, whose masked values would be read; fill or drop them first"
MAX_VOCAB = 1 << 24  # a model has a row of weights for every token
_BLOCK = 1 << 20  # tokens; part of what `data_hash` is
_BEGINNING = 1024  # tokens; more than the header that files of one format share


@dataclass(frozen=True, eq=False)
class TokenSequences:
    """Consecutive sequences of one array (see `spec.HostSource`).

    Attributes:
        info: its facts.
        tokens: [n, L] integers of any type, perhaps mapped from a file.
    """

    info: SourceInfo
    tokens: np.ndarray

    @property
    def sequences(self) -> int:
        """How many there are."""
        return len(self.tokens)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Sequences by index: [n] to [n, L], in the smallest type that holds the vocabulary."""
        return self.tokens[indices].astype(smallest_type(self.info.vocab_size - 1), copy=False)


def smallest_type(largest: int) -> np.dtype:
    """The smallest unsigned integer type that holds a token."""
    return np.min_scalar_type(largest)


def cut(tokens: np.ndarray, length: int) -> np.ndarray:
    """Whole sequences of a row of tokens, [N] to [N // L, L]; the rest at the end is left out."""
    count = len(tokens) // length
    return tokens[: count * length].reshape(count, length)


def unreadable(path: Path, error: OSError | ValueError) -> DataError:
    """The sentence for a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: no such file")
    if isinstance(error, IsADirectoryError):
        return DataError(f"{path}: is a folder; give a file")
    # A zero byte in the path is a ValueError.
    reason = error.strerror if isinstance(error, OSError) else error
    return DataError(f"{str(path)!r}: cannot be read: {reason}")


def as_array(given: Any, where: str) -> np.ndarray:
    """What somebody gave, as an array.

    Raises:
        DataError: when it is none, or masked.
    """
    if is_masked(given):
        raise DataError(f"{where}: {MASKED}")
    try:
        return np.asarray(given)
    except (TypeError, ValueError) as error:
        line = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        raise DataError(f"{where}: not an array: {line}") from None


def is_masked(given: Any) -> bool:
    """Whether it is a masked array, or a list of some; `numpy.asarray` forgets the mask."""
    parts = given if isinstance(given, list | tuple) else (given,)
    return any(isinstance(part, np.ma.MaskedArray) for part in parts)


def check_max_tokens(max_tokens: int, length: int) -> None:
    """Refuse a limit that leaves no sequence.

    Raises:
        ValueError: for pydantic, which makes it a ConfigError.
    """
    if max_tokens < max(2, length):
        raise ValueError(
            f"max_tokens: must be at least one sequence of {max(2, length)} tokens, got "
            f"{max_tokens}; raise it or lower `length`"
        )


def file_origin(path: Path) -> str:
    """An origin that all readings of one file share, whatever they take its bytes for."""
    real = os.path.normcase(os.path.realpath(path))
    return hashlib.sha256(f"file;{real}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def beginning(values: np.ndarray) -> np.ndarray:
    """The first values of an array in row order, by which a shorter view of it is known."""
    return np.asarray(values.flat[:_BEGINNING])


def data_hash(tokens: np.ndarray) -> str:
    """Hash of tokens alone: equal values give equal hashes, whatever their type and shape."""
    digest = hashlib.sha256()
    for _, block in _blocks(tokens):
        _add(digest, block, int(block.max()))
    return digest.hexdigest()[:16]


def open_tokens(
    tokens: np.ndarray,
    where: str,
    *,
    length: int | None = None,
    vocab_size: int | None = None,
    bytes_per_token: float | None = None,
    origins: tuple[str, ...] = (),
) -> TokenSequences:
    """Check an array of tokens, in blocks and without a copy, and make a source of it.

    Args:
        tokens: [N] integers or booleans, or [n, L] whose rows are the sequences.
        where: what holds them, for messages.
        length: L; default 128, or the second axis.
        vocab_size: V; default: the largest token + 1, but 2 or more.
        bytes_per_token: bytes of the original data per token, where that is known.
        origins: what is known of where they come from; hashes of all tokens and of the first 1024
            are added, so that a longer row which begins like this one has the same origin.

    Raises:
        DataError: when the array is of another type or shape, holds too little, or holds a token
            outside the vocabulary.
    """
    if tokens.size == 0:
        raise DataError(f"{where}: is empty; there is nothing to measure")
    if tokens.dtype.kind not in "iub":
        raise DataError(f"{where}: holds {tokens.dtype}, not integers; tokens are integers from 0")
    if tokens.ndim not in (1, 2):
        raise DataError(
            f"{where}: has {tokens.ndim} axes; give one row of tokens, or two axes whose rows are "
            "the sequences"
        )
    if tokens.ndim == 2 and length not in (None, tokens.shape[1]):
        raise DataError(
            f"{where}: its rows are sequences of {tokens.shape[1]} tokens, but length is {length}; "
            "leave length out, or flatten the array"
        )
    length = int(tokens.shape[1]) if tokens.ndim == 2 else length or DEFAULT_LENGTH
    if tokens.size < max(2, length):
        raise DataError(
            f"{where}: has {tokens.size} token{'s' * (tokens.size != 1)}, less than one sequence "
            f"of {max(2, length)}; bring more data or lower `length`"
        )
    if tokens.dtype == np.bool_:
        tokens = tokens.view(np.uint8)
    largest, origin = _scan(tokens, vocab_size, where)
    vocab_size = vocab_size or max(2, largest + 1)
    facts = f"tokens;{vocab_size};{length};{bytes_per_token};{origin}"
    info = SourceInfo(
        vocab_size=vocab_size,
        length=length,
        label_mask=np.ones(length, bool),
        fingerprint=hashlib.sha256(facts.encode()).hexdigest()[:16],
        bytes_per_token=bytes_per_token,
        origins=tuple(dict.fromkeys((origin, data_hash(beginning(tokens)), *origins))),
    )
    return TokenSequences(info, tokens if tokens.ndim == 2 else cut(tokens, length))


def _scan(tokens: np.ndarray, vocab_size: int | None, where: str) -> tuple[int, str]:
    """The largest token and the hash of all, in one pass that checks every token."""
    digest, largest, limit = hashlib.sha256(), 0, vocab_size or MAX_VOCAB
    for start, block in _blocks(tokens):
        top = int(block.max())
        if top >= limit or int(block.min()) < 0:
            wrong = int(np.argmax((block < 0) | (block >= limit)))
            place = f"position {start + wrong}"
            if tokens.ndim == 2:
                row, column = divmod(start + wrong, tokens.shape[1])
                place = f"row {row}, column {column}"
            cure = "raise vocab_size" if vocab_size else "is the integer type the right one?"
            raise DataError(
                f"{where}: token {block[wrong]} at {place} is not in 0 to {limit - 1}; {cure}"
            )
        largest = max(largest, top)
        _add(digest, block, top)
    return largest, digest.hexdigest()[:16]


def _blocks(tokens: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces of an array in row order, with the place of their first token."""
    flat = tokens.reshape(-1) if tokens.ndim == 1 or tokens.flags.c_contiguous else tokens.flat
    for start in range(0, tokens.size, _BLOCK):
        yield start, np.asarray(flat[start : start + _BLOCK])


def _add(digest: "hashlib._Hash", block: np.ndarray, top: int) -> None:
    """Hash a block in a type that depends on its values alone, least byte first."""
    dtype = smallest_type(top).newbyteorder("<")
    digest.update(f"{dtype.itemsize};{len(block)};".encode())
    digest.update(np.ascontiguousarray(block, dtype).data)
