"""Rows of token ids that are read one by one: without padding, with their labels."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Integer

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.characters import Spool
from epiplexity_jax.sources.ragged import Pieces, open_ragged, open_rows_of, paid_flags
from epiplexity_jax.sources.spec import HostSource
from epiplexity_jax.sources.token_array import MAX_VOCAB

_LOOKED_AT = 1024  # rows by which padding is known
Row = Integer[np.ndarray, " n"]
Flags = Bool[np.ndarray, " n"]


class RowOptions(NamedTuple):
    """The options that say what of a row is read and paid for.

    Attributes:
        pad: token id that fills the ends of rows, or None.
        keep: whether each row stays a sequence.
        ignore: token id that is never paid for, or None.
    """

    pad: int | None
    keep: bool
    ignore: int | None


def labelled_row(place: str, value: Any, labels: Any, options: RowOptions) -> tuple[Row, Flags]:
    """Read a row without its padding, and which of its tokens are paid for.

    Args:
        place: name of the row, for messages.
        value: its token ids.
        labels: its labels (see `ragged.paid_flags`), or None.
        options: what is read and paid for; of a row that is kept, nothing behind the last label.

    Raises:
        DataError: when a token is far outside any vocabulary, or the labels do not fit.
    """
    row = np.atleast_1d(np.asarray(value, np.int64))
    if row.size and (row.max() >= MAX_VOCAB or row.min() < -MAX_VOCAB):
        raise DataError(f"{place}: holds a token outside 0 to {MAX_VOCAB - 1}")
    paid = np.ones(len(row), bool)
    if labels is not None:
        paid = paid_flags(row, np.atleast_1d(np.asarray(labels)), place)
    if options.ignore is not None:
        paid = paid & (row != options.ignore)
    if options.pad is not None:
        real = np.flatnonzero(row != options.pad)
        inside = slice(real[0], real[-1] + 1) if len(real) else slice(0)
        row, paid = row[inside], paid[inside]
    if options.keep:
        end = int(np.flatnonzero(paid)[-1]) + 1 if paid.any() else 0
        row, paid = row[:end], paid[:end]
    return row, paid


class Rows:
    """Rows joined end to end; above 1 GiB their tokens lie in a temporary file.

    Attributes:
        tokens: their tokens.
        count: number of rows.
        first: the first of them, by which padding is known.
    """

    def __init__(self) -> None:
        self.tokens, self._paid = Spool(np.dtype(np.int32)), Spool(np.dtype(np.uint8))
        self._ends: list[int] = []
        self.count, self.first = 0, []

    def add(self, row: Row, paid: Flags) -> None:
        """Add a row with the flags of its tokens."""
        if self.count < _LOOKED_AT:
            self.first.append(row)
        self.count += 1
        self.tokens.add(row)
        self._paid.add(paid.view(np.uint8))
        self._ends.append(self.tokens.count)

    def open(
        self, where: str, length: int, options: RowOptions, facts: dict[str, Any]
    ) -> HostSource:
        """Make a source of them; rows without a token are left out where rows are kept.

        Args:
            where: name of their files, for messages.
            length: L.
            options: by which they were read.
            facts: further arguments of `open_ragged`.
        """
        tokens, paid = self.tokens.tokens(), self._paid.tokens().view(bool)
        ends, flags = np.array(self._ends), None if paid.all() else paid
        if options.keep:
            return open_rows_of(tokens, where, np.unique(ends[ends > 0]), length, flags, facts)
        return open_ragged(tokens, where, Pieces.of_windows(ends, length), flags, **facts)
