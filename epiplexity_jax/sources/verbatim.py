"""Search for held-out sequences that occur verbatim in the training part of a source.

Every window of a text is compared, at every offset and not only where sequences begin; rows, and
sequences with real numbers, are compared whole. Candidates are found by a rolling hash and then
compared token by token, so the answer is exact.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Integer, UInt32, UInt64

from epiplexity_jax.sources.spec import (
    Batch,
    HostSource,
    MaskedTokens,
    SourceInfo,
    Vectors,
    WithReals,
)

_CHUNK = 1 << 20  # tokens that are hashed at a time
_BASE = 0x9E3779B97F4A7C15  # odd, so that its powers have inverses modulo 2^64
_MIX = np.uint64(0xD6E8FEB86659FD93)
_TABLE_BITS = 22

Contents = Integer[np.ndarray, "n W"]
Indices = Integer[np.ndarray, " n"]
Training = Integer[np.ndarray, " rows"]


def stands_in(
    source: HostSource, wanted: Indices, training: Training, limit: int | None = None
) -> Bool[np.ndarray, " n"]:
    """Find which sequences occur verbatim in the training part of their source.

    Of inputs with one label each, the inputs are compared; otherwise all tokens.

    Args:
        source: a finite source.
        wanted: indices of the sequences looked for.
        training: indices of the sequences of the training part.
        limit: tokens of the training part that are searched, from its beginning; None: all.
    """
    rows = contents(source.info, source.read(np.asarray(wanted, np.int64)))
    known: dict[bytes, int] = {}
    which = np.array([known.setdefault(row.tobytes(), len(known)) for row in rows], np.int64)
    if not len(rows):
        return np.zeros(0, bool)
    first = np.unique(which, return_index=True)[1]
    search = _Search(rows[first])
    for flat, joined in _chunks(source, training, rows.shape[1], limit):
        search.look(flat, joined)
        if search.found.all():
            break
    return search.found[which]


def contents(info: SourceInfo, batch: Batch) -> Contents:
    """Take what makes sequences equal, as integers: the inputs of one label, or all tokens.

    Args:
        info: facts of the source.
        batch: [n, L] integers, `MaskedTokens`, whose padding is a symbol of its own, `WithReals`
            or `Vectors`.
    """
    if isinstance(batch, Vectors):
        return _bits(batch.inputs)
    if isinstance(batch, WithReals):
        tokens = contents(info, np.asarray(batch.tokens)).astype(np.uint32)
        return np.concatenate([tokens, _bits(batch.reals)], axis=1)
    if isinstance(batch, MaskedTokens):
        read = np.logical_or.accumulate(batch.mask[:, ::-1], axis=1)[:, ::-1]
        batch = np.where(read, batch.tokens, info.vocab_size).astype(np.uint32)
    rows = np.asarray(batch)
    rows = rows.view(f"u{rows.itemsize}")  # tokens are not negative
    return np.ascontiguousarray(rows[:, ~info.label_mask] if _has_one_label(info) else rows)


def _bits(reals: Any) -> UInt32[np.ndarray, "n numbers"]:
    """Real numbers [n, ...] as integers that are equal where they are."""
    flat = np.asarray(reals, np.float32).reshape(len(reals), -1) + np.float32(0)  # -0.0 becomes 0.0
    return np.ascontiguousarray(flat).view(np.uint32)


def _has_one_label(info: SourceInfo) -> bool:
    return info.length > 1 and info.label_tokens == 1


def _chunks(
    source: HostSource, training: Training, width: int, limit: int | None
) -> Iterator[tuple[np.ndarray, Bool[np.ndarray, " m"] | None]]:
    """Read the training part in order: tokens [m W], and where the next row continues a row.

    Each chunk begins with the last row of the one before, so that no offset is missed.
    """
    whole = _has_one_label(source.info) or bool(source.info.real_positions)
    places = None if whole else source.info.documents.places
    if places is None:
        training, continued = np.sort(training), None
    else:
        at = np.asarray(places)[training]
        order = np.argsort(at, kind="stable")
        training, continued = training[order], np.append(np.diff(at[order]) == 1, False)
    if limit is not None:
        training = training[: max(1, limit // width)]
    step = max(1, _CHUNK // width)
    for start in range(0, len(training), step):
        rows = training[start : start + step + (continued is not None)]
        flat = contents(source.info, source.read(rows.astype(np.int64))).reshape(-1)
        yield flat, None if continued is None else continued[start : start + len(rows)]


class _Search:
    """Rows that are looked for, all different, and which of them were found."""

    def __init__(self, rows: Contents):
        self._width = rows.shape[1]
        self._powers = _powers(self._width, _BASE)
        self._inverses = self._powers[:0]
        hashes = self._hashes(rows.reshape(-1), rolling=False)
        order = np.argsort(hashes)
        self._rows, self._sorted, self._rank = rows[order], hashes[order], np.argsort(order)
        self._found = np.zeros(len(rows), bool)
        self._most_alike = int(np.unique(hashes, return_counts=True)[1].max())
        self._table = np.zeros(1 << _TABLE_BITS, bool)
        self._table[_places_in_table(hashes)] = True

    @property
    def found(self) -> Bool[np.ndarray, " n"]:
        """True for rows found so far, in the order given."""
        return self._found[self._rank]

    def look(self, flat: np.ndarray, continued: Bool[np.ndarray, " m"] | None) -> None:
        """Look for the rows in tokens [m W]; at every offset where rows continue each other."""
        rolling, width = continued is not None, self._width
        hashes = self._hashes(flat, rolling)
        offsets = np.flatnonzero(self._table[_places_in_table(hashes)])
        if continued is not None:
            row, inside = np.divmod(offsets, width)
            offsets = offsets[(inside == 0) | continued[row]]
        candidates = hashes[offsets]
        windows = np.lib.stride_tricks.sliding_window_view(flat, width)[:: 1 if rolling else width]
        ranks = np.searchsorted(self._sorted, candidates)
        for alike in range(self._most_alike):  # 1, unless two rows have one hash
            at = np.minimum(ranks + alike, len(self._sorted) - 1)
            equal = self._sorted[at] == candidates
            self._compare(windows, offsets[equal], at[equal])

    def _compare(self, windows: np.ndarray, offsets: Indices, rows: Indices) -> None:
        """Compare windows with rows of their hash, one window a row at a time until it is found."""
        while True:
            missing = ~self._found[rows]
            offsets, rows = offsets[missing], rows[missing]
            if not len(rows):
                return
            first = np.unique(rows, return_index=True)[1]
            equal = (windows[offsets[first]] == self._rows[rows[first]]).all(axis=1)
            self._found[rows[first][equal]] = True
            later = np.ones(len(rows), bool)
            later[first] = False
            offsets, rows = offsets[later], rows[later]

    def _hashes(self, flat: np.ndarray, rolling: bool) -> UInt64[np.ndarray, " m"]:
        """Hash windows, at every offset or row by row: sum of token[j] base^j modulo 2^64."""
        width = self._width
        if not rolling:
            rows, step = flat.reshape(-1, width), max(1, _CHUNK // width)
            parts = [
                (rows[i : i + step] * self._powers[:width]).sum(axis=1, dtype=np.uint64)
                for i in range(0, len(rows), step)
            ]
            return np.concatenate(parts)
        if len(self._inverses) < len(flat):
            self._powers = _powers(len(flat), _BASE)
            self._inverses = _powers(len(flat), pow(_BASE, -1, 1 << 64))
        sums = np.zeros(len(flat) + 1, np.uint64)
        np.multiply(flat, self._powers[: len(flat)], out=sums[1:])
        np.cumsum(sums, out=sums)
        windows = sums[width:] - sums[:-width]
        windows *= self._inverses[: len(windows)]
        return windows


def _powers(count: int, base: int) -> UInt64[np.ndarray, " count"]:
    """Powers 0 to count - 1 of a base modulo 2^64."""
    powers = np.full(count, base, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers)


def _places_in_table(hashes: UInt64[np.ndarray, " m"]) -> UInt64[np.ndarray, " m"]:
    return (hashes * _MIX) >> np.uint64(64 - _TABLE_BITS)
