"""Sequences of different length, or with label masks of their own, out of one row of tokens.

They are padded to one length. Padding is never paid for, and as what lies behind the last label of
a sequence is set to 0, its content decides nothing.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer, Shaped

from epiplexity_jax.base.digest import bytes_digest, fingerprint
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.batches import labels_note, without_tails
from epiplexity_jax.sources.documents import ROWS, Documents
from epiplexity_jax.sources.spec import (
    FiniteSource,
    HostSource,
    Indices,
    MaskedTokens,
    SourceInfo,
)
from epiplexity_jax.sources.token_array import (
    beginning,
    check_enough,
    check_tokens,
    data_hash,
    open_tokens,
)

IGNORE = -100  # the label of Hugging Face and PyTorch that is not paid for
_NOTHING = "{}: no token of it is paid for; there is nothing to measure"
_CHUNK = 1 << 20  # tokens that are looked at at a time
Flat = Integer[np.ndarray, " N"]
Flags = Bool[np.ndarray, " N"]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Places of sequences in a row of tokens.

    Attributes:
        starts: [n] first token of each.
        counts: [n] tokens of each, at most `length`.
        length: L.
        documents: documents of the sequences.
    """

    starts: Int64[np.ndarray, " n"]
    counts: Int64[np.ndarray, " n"]
    length: int
    documents: Documents

    @classmethod
    def of_rows(cls, ends: Integer[np.ndarray, " D"], length: int) -> "Pieces":
        """Make a sequence of each row, or several of a longer one.

        Args:
            ends: number of tokens up to the end of each row.
            length: L.

        >>> pieces = Pieces.of_rows(np.array([2, 7]), 4)
        >>> pieces.starts.tolist(), pieces.counts.tolist()
        ([0, 2, 6], [2, 4, 1])
        """
        ends = np.asarray(ends, np.int64)
        begins = np.concatenate([[0], ends[:-1]]).astype(np.int64)
        each = np.maximum(-(-(ends - begins) // length), 1)
        row = np.repeat(np.arange(len(ends)), each)
        number = np.arange(len(row)) - np.repeat(np.cumsum(each) - each, each)
        starts = begins[row] + number * length
        documents = ROWS
        if (each > 1).any():
            documents = Documents("files", np.stack([row, row], axis=1))
        return cls(starts, np.minimum(ends[row] - starts, length), length, documents)

    @classmethod
    def of_windows(cls, ends: Integer[np.ndarray, " D"], length: int) -> "Pieces":
        """Cut rows, joined end to end, into whole sequences."""
        count = int(ends[-1]) // length
        starts = np.arange(count, dtype=np.int64) * length
        documents = Documents.of_files(ends, count, length)
        return cls(starts, np.full(count, length, np.int64), length, documents)

    def take(self, kept: Bool[np.ndarray, " n"]) -> "Pieces":
        """Make those of some of the sequences."""
        documents = self.documents.take(np.flatnonzero(kept))
        return Pieces(self.starts[kept], self.counts[kept], self.length, documents)


@dataclass(frozen=True, eq=False)
class RaggedSequences:
    """Pieces of a row of tokens, with their label masks (see `spec.HostSource`).

    Attributes:
        info: facts.
        tokens: [N], perhaps mapped from a file.
        pieces: the sequences' places.
        paid: [N], True for tokens that are paid for; None: all.
    """

    info: SourceInfo
    tokens: Flat
    pieces: Pieces
    paid: Flags | None = None

    @property
    def sequences(self) -> int:
        """Number of sequences."""
        return len(self.pieces.starts)

    def read(self, indices: Indices) -> MaskedTokens:
        """Read sequences by index: [n] to [n, L], in the smallest type for the vocabulary."""
        dtype = np.min_scalar_type(self.info.vocab_size - 1)
        tokens, mask = gather(self.tokens, self.paid, self.pieces, np.asarray(indices, np.int64))
        return without_tails(tokens.astype(dtype), mask)


def gather(
    tokens: Flat, paid: Flags | None, pieces: Pieces, indices: Int64[np.ndarray, " n"]
) -> tuple[Integer[np.ndarray, "n length"], Bool[np.ndarray, "n length"]]:
    """Take pieces of a row: tokens [n, L], 0 behind the end of a piece, and their label masks.

    Args:
        tokens: [N], the row.
        paid: [N] flags of the tokens that are paid for; None: all.
        pieces: places of the sequences.
        indices: [n] numbers of those that are taken.
    """
    inside = np.arange(pieces.length) < pieces.counts[indices][:, None]
    places = np.where(inside, pieces.starts[indices][:, None] + np.arange(pieces.length), 0)
    if not len(tokens):
        return np.zeros(places.shape, tokens.dtype), inside
    rows = np.where(inside, tokens[places], 0)
    return rows, inside if paid is None else inside & paid[places]


def open_ragged(
    tokens: Flat,
    where: str,
    pieces: Pieces,
    paid: Flags | None = None,
    *,
    vocab_size: int | None = None,
    bytes_per_token: float | None = None,
    origins: tuple[str, ...] = (),
    cure: str = "raise vocab_size",
) -> HostSource:
    """Check a row of tokens and make a source of its pieces.

    Where all of them pay for the same places it is a source with one label mask, and where that is
    every place, the source that `open_tokens` makes.

    Args:
        tokens: [N] integers.
        where: name of their file or array, for messages.
        pieces: places of the sequences.
        paid: [N] flags of the tokens that are paid for; None: all.
        vocab_size: V; default: the largest token + 1, but 2 or more.
        bytes_per_token: bytes of the original data per token, where that is known.
        origins: names of the data they come from.
        cure: advice about a token outside a vocabulary of that size, for the message.

    Raises:
        DataError: when they are too few, none is paid for, or one is outside the vocabulary.
    """
    if not len(tokens):
        raise DataError(_NOTHING.format(where))
    check_enough(len(tokens), 2, where)
    largest, origin = check_tokens(tokens, vocab_size, where, cure)
    shares = _shares(tokens, paid, pieces)
    if not shares.any():
        raise DataError(_NOTHING.format(where))
    if shares.all() and (np.diff(pieces.starts) == pieces.length).all() and paid is None:
        facts = (pieces.length, vocab_size, bytes_per_token, origins, cure)
        whole = open_tokens(tokens, where, *facts)
        info = dataclasses.replace(whole.info, documents=pieces.documents)
        return dataclasses.replace(whole, info=info)
    vocab_size = vocab_size or max(2, largest + 1)
    where_paid = "" if paid is None else bytes_digest([np.packbits(paid).data])
    places = data_hash(np.concatenate([pieces.starts, pieces.counts]))
    facts = (vocab_size, pieces.length, bytes_per_token, origin, places, where_paid)
    alike = bool(((shares == 0) | (shares == 1)).all())
    info = SourceInfo(
        vocab_size=vocab_size,
        length=pieces.length,
        label_mask=shares > 0,
        label_shares=None if alike else shares,
        fingerprint=fingerprint("ragged", *facts),
        bytes_per_token=bytes_per_token,
        origins=(origin, data_hash(beginning(tokens)), *origins),
        documents=pieces.documents,
    )
    source = RaggedSequences(info, tokens, pieces, paid)
    if alike:
        return FiniteSource(info, source.sequences, lambda rows: source.read(rows).tokens)
    return _noted(source, where)


def _noted(source: RaggedSequences, where: str) -> RaggedSequences:
    """Say in a note how many labels and how much padding there is."""
    info = source.info
    padding = 1.0 - int(source.pieces.counts.sum()) / (source.sequences * info.length)
    note = labels_note(where, info.mean_labels, info.length, padding)
    return dataclasses.replace(source, info=dataclasses.replace(info, notes=(note,)))


def _chunks(pieces: Pieces) -> Iterator[Int64[np.ndarray, " n"]]:
    step = max(1, _CHUNK // pieces.length)
    for start in range(0, len(pieces.starts), step):
        yield np.arange(start, min(start + step, len(pieces.starts)), dtype=np.int64)


def _shares(tokens: Flat, paid: Flags | None, pieces: Pieces) -> Float64[np.ndarray, " length"]:
    """Share of the sequences that pay for each place [L]."""
    counts = np.zeros(pieces.length, np.int64)
    for rows in _chunks(pieces):
        counts += gather(tokens, paid, pieces, rows)[1].sum(axis=0)
    return counts / max(len(pieces.starts), 1)


def with_labels(tokens: Flat, paid: Flags | None, pieces: Pieces) -> Pieces:
    """Leave out the sequences that pay for nothing.

    Args:
        tokens: [N], the row.
        paid: [N] flags of the tokens that are paid for; None: all.
        pieces: places of the sequences.
    """
    kept = [gather(tokens, paid, pieces, rows)[1].any(axis=1) for rows in _chunks(pieces)]
    return pieces.take(np.concatenate([np.zeros(0, bool), *kept]))


def paid_flags(tokens: Flat, labels: Shaped[np.ndarray, " M"], where: str) -> Flags:
    """Read which tokens are paid for from their labels.

    Args:
        tokens: a row of tokens.
        labels: as many truth values, zeros and ones, or the tokens themselves with -100 at those
            that are not paid for, as Hugging Face's libraries have them.
        where: name of the row, for messages.

    Raises:
        DataError: when they are something else, such as labels shifted by one.

    >>> paid_flags(np.array([5, 6, 7]), np.array([-100, 6, 7]), "row 0").tolist()
    [False, True, True]
    """
    if labels.shape != tokens.shape:
        raise DataError(
            f"{where}: has {labels.size} labels for {tokens.size} tokens; every token needs one"
        )
    if labels.dtype == np.bool_:
        return labels
    if labels.dtype.kind not in "iu":
        raise DataError(f"{where}: its labels are {labels.dtype}; expected truth values or tokens")
    paid = labels != IGNORE
    if (labels[paid] == tokens[paid]).all():
        return paid
    if labels.size and labels.min() >= 0 and labels.max() <= 1:
        return labels == 1
    raise DataError(
        f"{where}: its labels are not its tokens; expected truth values, or the tokens themselves "
        f"with {IGNORE} where nothing is paid for, not shifted"
    )


def open_rows_of(
    tokens: Flat,
    where: str,
    ends: Integer[np.ndarray, " D"],
    length: int,
    paid: Flags | None,
    facts: dict[str, Any],
) -> HostSource:
    """Make a source of rows of different length; what is said of it is how many were cut.

    Args:
        tokens: the rows joined end to end.
        where: name of their file, for messages.
        ends: number of tokens up to the end of each row.
        length: L; longer rows are cut into several sequences.
        paid: flags of the tokens that are paid for; None: all.
        facts: further arguments of `open_ragged`.

    Raises:
        DataError: as `open_ragged`.
    """
    if not len(tokens):
        raise DataError(_NOTHING.format(where))
    paid = None if paid is None or paid.all() else paid
    counts = np.diff(ends, prepend=0)
    pieces = Pieces.of_rows(ends, length)
    if (counts > length).any():
        pieces = with_labels(tokens, paid, pieces)
    source: Any = open_ragged(tokens, where, pieces, paid, **facts)
    if not (counts > length).any():
        return source
    note = (
        f"{where}: {int((counts > length).sum()):,} of {len(counts):,} rows are longer than "
        f"length, {length}, and were cut into several sequences; the longest has "
        f"{int(counts.max()):,} tokens"
    )
    info = dataclasses.replace(source.info, notes=(note, *source.info.notes))
    return dataclasses.replace(source, info=info)
