"""Padding of rows of tokens: left out where it is named, found where it is not."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Integer

from epiplexity_jax.sources.files.characters import Spool

_LOOKED_AT = 4096  # rows by which padding is known
_PART = 1 << 22  # tokens that are trimmed at a time
_LEAST_SHARE = 0.5  # of rows whose end is filled


class Padding(NamedTuple):
    """Padding that was found.

    Attributes:
        token: the token that fills the ends of rows.
        rows: share of the rows that end in two of it or more.
        labels: its share of all tokens there.
    """

    token: int
    rows: float
    labels: float


def trimmed(row: Integer[np.ndarray, " n"], pad: int) -> Integer[np.ndarray, " m"]:
    """Leave out the padding before and behind the tokens of a row.

    >>> trimmed(np.array([0, 3, 0, 4, 0, 0]), 0).tolist()
    [3, 0, 4]
    """
    kept = np.flatnonzero(row != pad)
    return row[kept[0] : kept[-1] + 1] if len(kept) else row[:0]


def inner_part(rows: Integer[np.ndarray, "n length"], pad: int) -> Bool[np.ndarray, "n length"]:
    """Mark what is between the first and the last token of a row that is no padding."""
    real = rows != pad
    from_left = np.logical_or.accumulate(real, axis=1)
    return from_left & np.logical_or.accumulate(real[:, ::-1], axis=1)[:, ::-1]


def join_rows(
    rows: Integer[np.ndarray, "n length"], pad: int
) -> tuple[Integer[np.ndarray, " N"], Integer[np.ndarray, " n"]]:
    """Join the rows of a matrix end to end without their padding.

    Args:
        rows: the matrix, perhaps mapped.
        pad: the token that fills their ends.

    Returns:
        The tokens, and the number of tokens up to the end of each row.
    """
    spool, counts = Spool(rows.dtype), []
    for start in range(0, len(rows), step := max(1, _PART // rows.shape[1])):
        part = np.asarray(rows[start : start + step])
        inside = inner_part(part, pad)
        spool.add(part[inside])
        counts.append(inside.sum(axis=1))
    return spool.tokens(), np.cumsum(np.concatenate(counts))


def find_padding(rows: Integer[np.ndarray, "n length"]) -> Padding | None:
    """Find a token that fills the ends of most rows, in runs of different length.

    Args:
        rows: a matrix of tokens; some of its rows are looked at.

    >>> find_padding(np.array([[1, 2, 0, 0, 0], [4, 1, 2, 0, 0], [1, 3, 2, 4, 0]]))
    Padding(token=0, rows=0.6666666666666666, labels=0.4)
    """
    sample = np.asarray(rows[:: max(1, len(rows) // _LOOKED_AT)])
    for part in (sample, sample[:, ::-1]):
        values, counts = np.unique(part[:, -1], return_counts=True)
        token = values[counts.argmax()]
        other = part[:, ::-1] != token
        runs = np.where(other.any(axis=1), other.argmax(axis=1), part.shape[1])
        filled = float((runs > 1).mean())
        if filled > _LEAST_SHARE and len(np.unique(runs)) > 1:
            return Padding(int(token), filled, float(runs.sum() / part.size))
    return None


def unused_pad_note(
    where: str, rows: Integer[np.ndarray, "n length"], pad: int | None
) -> tuple[str, ...]:
    """Say that a token that was named as padding fills no end of a row.

    Args:
        where: name of the data.
        rows: the matrix.
        pad: the token, or None.
    """
    if pad is None or np.any(rows[:, 0] == pad) or np.any(rows[:, -1] == pad):
        return ()
    return (f"{where}: token {pad} stands at no end of a row, so pad left nothing out",)


def padding_note(where: str, found: Padding | None) -> tuple[str, ...]:
    """Say that padding was found, and what leaves it out.

    Args:
        where: name of the data.
        found: the padding, or None.
    """
    if found is None:
        return ()
    return (
        f"{where}: token {found.token} fills the ends of {found.rows:.1%} of the rows and is "
        f"{found.labels:.1%} of all labels; if it is padding, leave it out with pad: {found.token}",
    )
