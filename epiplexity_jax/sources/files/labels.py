"""Choice of the tokens of an array that are paid for: by padding, by labels, by one token."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Integer, Shaped

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.npy import map_npy, opening
from epiplexity_jax.sources.files.padding import inner_part, join_rows
from epiplexity_jax.sources.ragged import Pieces, open_ragged, paid_flags
from epiplexity_jax.sources.spec import HostSource
from epiplexity_jax.sources.token_array import DEFAULT_LENGTH, bits_as_bytes


class Labels(NamedTuple):
    """The options that say which tokens of an array are paid for.

    Attributes:
        pad: token that fills the ends of rows, or None.
        rows: whether rows are joined end to end without it, or each stays a sequence.
        labels: array of the tokens' shape (see `ragged.paid_flags`), or None.
        ignore: token that is never paid for, or None.
        ends: tokens up to the end of each document of a row of tokens, where that is known.
    """

    pad: int | None = None
    rows: Literal["join", "keep"] = "join"
    labels: Shaped[np.ndarray, "..."] | None = None
    ignore: int | None = None
    ends: Integer[np.ndarray, " D"] | None = None

    @property
    def any(self) -> bool:
        """True if any option is given."""
        return not (self.pad is None and self.labels is None and self.ignore is None)


def open_labels(file: str | None, tokens: Path) -> np.ndarray | None:
    """Map a file of labels.

    Args:
        file: its path, or None.
        tokens: path of the tokens.

    Raises:
        DataError: when it is missing, no .npy file, or that of the tokens.
    """
    if file is None:
        return None
    path = Path(file)
    if path.resolve() == tokens.resolve():
        raise DataError(f"{path}: labels: is the file of the tokens; give that of their labels")
    if path.suffix.lower() != ".npy":
        raise DataError(f"{path}: labels: must be a .npy file of the shape of the tokens")
    opening(path)
    return map_npy(path)


def open_selected(
    tokens: Shaped[np.ndarray, "..."],
    where: str,
    length: int | None,
    chosen: Labels,
    facts: dict[str, Any],
) -> HostSource:
    """Make a source of an array of which some tokens are not paid for.

    Args:
        tokens: [N] integers, or [n, L] whose rows are the sequences.
        where: name of their file or array, for messages.
        length: L, where rows are joined, or there is one; default 128.
        chosen: which are paid for.
        facts: further arguments of `open_ragged`.

    Raises:
        DataError: when the array has another type or shape, or the labels do not fit.
    """
    if not tokens.size:
        raise DataError(f"{where}: is empty; there is nothing to measure")
    if tokens.dtype.kind not in "iub" or tokens.ndim not in (1, 2):
        raise DataError(
            f"{where}: holds {tokens.ndim} axes of {tokens.dtype}; tokens are a row of integers, "
            "or two axes whose rows are the sequences"
        )
    tokens = bits_as_bytes(tokens)
    if chosen.pad is not None and tokens.ndim != 2:
        raise DataError(f"{where}: pad: fills the rows of a matrix of integers, and it holds none")
    joined = tokens.ndim == 1 or (chosen.pad is not None and chosen.rows == "join")
    if not joined and length not in (None, tokens.shape[1]):
        raise DataError(
            f"{where}: its rows are sequences of {tokens.shape[1]} tokens, but length is {length}; "
            "leave length out, or join the rows"
        )
    paid = _paid(tokens, where, chosen)
    if tokens.ndim == 1:
        ends = np.array([len(tokens)]) if chosen.ends is None else chosen.ends
        pieces = Pieces.of_windows(ends, length or DEFAULT_LENGTH)
        return open_ragged(tokens, where, pieces, None if paid.all() else paid, **facts)
    inside = np.ones(tokens.shape, bool)
    if chosen.pad is not None:
        inside = inner_part(np.asarray(tokens), chosen.pad)
    if joined and chosen.pad is not None and chosen.labels is None and chosen.ignore is None:
        tokens, ends = join_rows(tokens, chosen.pad)
        pieces = Pieces.of_windows(ends, length or DEFAULT_LENGTH)
        return open_ragged(tokens, where, pieces, **facts)
    if joined:
        ends = np.cumsum(inside.sum(axis=1))
        tokens, paid = tokens[inside], paid[inside]
        pieces = Pieces.of_windows(ends, length or DEFAULT_LENGTH)
    else:
        width = tokens.shape[1]
        tokens, paid, ends = _left_aligned(np.asarray(tokens), inside, paid & inside)
        pieces = Pieces.of_rows(ends, width)
    return open_ragged(tokens, where, pieces, None if paid.all() else paid, **facts)


def _left_aligned(
    tokens: np.ndarray, inside: np.ndarray, paid: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join rows from the first token that is no padding to the last label; also where they end."""
    begun = np.logical_or.accumulate(inside, axis=1)
    read = begun & np.logical_or.accumulate(paid[:, ::-1], axis=1)[:, ::-1]
    return tokens[read], paid[read], np.cumsum(read.sum(axis=1))


def _paid(tokens: np.ndarray, where: str, chosen: Labels) -> np.ndarray:
    """Flags of the tokens that are paid for by their labels and by `ignore`."""
    paid = np.ones(tokens.shape, bool)
    if chosen.labels is not None:
        labels = chosen.labels
        if labels.shape != tokens.shape:
            raise DataError(
                f"{where}: has tokens of shape {list(tokens.shape)}, and labels of "
                f"{list(labels.shape)}; every token needs one"
            )
        paid = paid_flags(tokens.reshape(-1), np.asarray(labels).reshape(-1), where)
        paid = paid.reshape(tokens.shape)
    if chosen.ignore is not None:
        paid = paid & (tokens != chosen.ignore)
    return paid
