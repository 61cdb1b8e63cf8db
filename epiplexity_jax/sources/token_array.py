"""Tokens in an array as a finite source: checked, named and read chunk by chunk."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, Shaped

from epiplexity_jax.base.digest import bytes_digest
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.documents import ROWS, Documents
from epiplexity_jax.sources.python.entry_points import line
from epiplexity_jax.sources.spec import HostTokens, Indices, SourceInfo

_NOT_PAID = -100  # among labels of Hugging Face's libraries
DEFAULT_LENGTH = 128
MASKED = "is a masked array, whose masked values would be read; fill or drop them first"
MAX_VOCAB = 1 << 24  # a model has a row of weights for every token
_CHUNK = 1 << 20  # tokens; part of what `data_hash` is
_BEGINNING = 1024  # tokens; more than the header that files of one format share


@dataclass(frozen=True, eq=False)
class TokenSequences:
    """Consecutive sequences of one array, perhaps mapped from a file (see `spec.HostSource`)."""

    info: SourceInfo
    tokens: HostTokens

    @property
    def sequences(self) -> int:
        """Number of sequences."""
        return len(self.tokens)

    def read(self, indices: Indices) -> HostTokens:
        """Read sequences by index: [n] to [n, L], in the smallest type for the vocabulary."""
        return self.tokens[indices].astype(np.min_scalar_type(self.info.vocab_size - 1), copy=False)


def cut(tokens: Integer[np.ndarray, " N"], length: int) -> HostTokens:
    """Cut a row of tokens into whole sequences [N // L, L]; the rest at the end is left out."""
    count = len(tokens) // length
    return tokens[: count * length].reshape(count, length)


@contextlib.contextmanager
def readable(path: Path, damaged: str = "") -> Iterator[None]:
    """Turn what reading a file raises into one line; `damaged` is the fault of what it holds.

    Raises:
        DataError: when the file cannot be read.
    """
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder; give a file") from None
    except Exception as error:  # a damaged file makes NumPy and zlib raise anything
        if damaged and not isinstance(error, OSError):
            raise DataError(f"{path}: {damaged.format(line(error))}") from None
        if not isinstance(error, OSError | ValueError):  # a zero byte in the path is a ValueError
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{str(path)!r}: cannot be read: {reason}") from None


def check_enough(count: int, length: int, where: str, of: str = "") -> None:
    """Refuse data that hold no whole sequence, or a single token.

    Args:
        count: number of tokens.
        length: L.
        where: name of their file or array, for the message.
        of: words after the number of tokens.

    Raises:
        DataError: when there are too few.
    """
    if count < max(2, length):
        raise DataError(
            f"{where}: has {count} token{'s' * (count != 1)}{of}, less than one sequence of "
            f"{max(2, length)}; bring more data or lower `length`"
        )


def as_array(given: Any, where: str) -> Shaped[np.ndarray, "..."]:
    """Convert a user's array-like value to an array.

    Raises:
        DataError: when it is no array, or masked.
    """
    if is_masked(given):
        raise DataError(f"{where}: {MASKED}")
    try:
        return np.asarray(given)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: not an array: {line(error)}") from None


def is_masked(given: Any) -> bool:
    """Return whether a value is a masked array, or a list of some: `asarray` forgets the mask."""
    parts = given if isinstance(given, list | tuple) else (given,)
    return any(isinstance(part, np.ma.MaskedArray) for part in parts)


def bits_as_bytes(array: Shaped[np.ndarray, "*shape"]) -> Shaped[np.ndarray, "*shape"]:
    """View booleans as integers, without a copy; other arrays stay as they are."""
    return array.view(np.uint8) if array.dtype == np.bool_ else array


def first_outside(values: Shaped[np.ndarray, "..."], limit: int) -> tuple[int, ...] | None:
    """Find the first integer, in row order, that is not in [0, limit): its place, or None."""
    if not values.size or (int(values.min()) >= 0 and int(values.max()) < limit):
        return None
    first = int(np.argmax((values < 0) | (values >= limit)))
    return tuple(int(axis) for axis in np.unravel_index(first, values.shape))


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
    """Hash a path to an origin that all readings of one file share, whatever its bytes encode."""
    return bytes_digest([f"file;{os.path.normcase(os.path.realpath(path))}"])


def beginning(values: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, " first"]:
    """Take an array's first values in row order, by which a shorter view of it is known."""
    return np.asarray(values.flat[:_BEGINNING])


def data_hash(tokens: Integer[np.ndarray, "..."]) -> str:
    """Hash tokens alone: equal values give equal hashes, whatever their type and shape."""
    return bytes_digest(
        part for _, chunk in _chunks(tokens) for part in _encoded(chunk, int(chunk.max()))
    )


def open_tokens(
    tokens: Shaped[np.ndarray, "..."],
    where: str,
    length: int | None,
    vocab_size: int | None,
    bytes_per_token: float | None = None,
    origins: tuple[str, ...] = (),
    cure: str = "raise vocab_size",
) -> TokenSequences:
    """Check an array of tokens, in chunks and without a copy, and make a source of it.

    Args:
        tokens: [N] integers or booleans, or [n, L] whose rows are the sequences.
        where: name of their file or array, for messages.
        length: L; default 128, or the second axis.
        vocab_size: V; default: the largest token + 1, but 2 or more.
        bytes_per_token: bytes of the original data per token, where that is known.
        origins: names of the data they come from; hashes of all tokens and of the first 1024
            are added, so that a longer row which begins like this one has the same origin.
        cure: advice about a token outside a vocabulary of that size, for the message.

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
    check_enough(tokens.size, length, where)
    tokens = bits_as_bytes(tokens)
    largest, origin = check_tokens(tokens, vocab_size, where, cure)
    vocab_size = vocab_size or max(2, largest + 1)
    name = bytes_digest([f"tokens;{vocab_size};{length};{bytes_per_token};{origin}"])
    origins = (origin, data_hash(beginning(tokens)), *origins)
    rows = tokens if tokens.ndim == 2 else cut(tokens, length)
    info = SourceInfo.all_labels(
        vocab_size,
        length,
        name,
        bytes_per_token=bytes_per_token,
        origins=origins,
        documents=ROWS if tokens.ndim == 2 else Documents.of_text(len(rows)),
    )
    return TokenSequences(info, rows)


def check_tokens(
    tokens: Integer[np.ndarray, "..."], vocab_size: int | None, where: str, cure: str
) -> tuple[int, str]:
    """Find the largest token and the hash of all, in one pass that checks every token.

    Args:
        tokens: any shape.
        vocab_size: V, or None.
        where: name of their file or array, for the message.
        cure: advice about a token outside a vocabulary of that size.

    Raises:
        DataError: when a token is outside the vocabulary.
    """
    largest, limit = 0, vocab_size or MAX_VOCAB

    def encoded() -> Iterator[bytes | memoryview]:
        nonlocal largest
        for start, chunk in _chunks(tokens):
            outside = first_outside(chunk, limit)
            if outside is not None:
                at = np.unravel_index(start + outside[0], tokens.shape)
                place = f"row {at[0]}, column {at[1]}" if len(at) == 2 else f"position {at[0]}"
                fix = cure if vocab_size else "is the integer type the right one?"
                if chunk[outside] == _NOT_PAID:
                    fix = "-100 marks labels that are not paid for: give the input ids as tokens, "
                    fix += "and this as their labels"
                raise DataError(
                    f"{where}: token {chunk[outside]} at {place} is not in 0 to {limit - 1}; {fix}"
                )
            top = int(chunk.max())
            largest = max(largest, top)
            yield from _encoded(chunk, top)

    origin = bytes_digest(encoded())
    return largest, origin


def _chunks(tokens: Shaped[np.ndarray, "..."]) -> Iterator[tuple[int, np.ndarray]]:
    """Cut an array in row order, and give the place of each chunk's first token."""
    flat = tokens.reshape(-1) if tokens.ndim == 1 or tokens.flags.c_contiguous else tokens.flat
    for start in range(0, tokens.size, _CHUNK):
        yield start, np.asarray(flat[start : start + _CHUNK])


def _encoded(chunk: Integer[np.ndarray, " n"], top: int) -> tuple[bytes, memoryview]:
    """Encode a chunk in a type that depends on its values alone, least byte first."""
    dtype = np.min_scalar_type(top).newbyteorder("<")
    head = f"{dtype.itemsize};{len(chunk)};".encode()
    return head, np.ascontiguousarray(chunk, dtype).data
