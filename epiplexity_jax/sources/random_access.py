"""Rows of tokens out of a data set with random access: kept in memory, or read when needed."""

import functools
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Bool, Integer

from epiplexity_jax.base.digest import bytes_digest, fingerprint
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.batches import labels_note, without_tails
from epiplexity_jax.sources.documents import ROWS
from epiplexity_jax.sources.python.entry_points import FAULTS, line, shown
from epiplexity_jax.sources.spec import Batch, FiniteSource, Indices, MaskedTokens, SourceInfo
from epiplexity_jax.sources.token_array import (
    TokenSequences,
    beginning,
    bits_as_bytes,
    data_hash,
    first_outside,
)

MEMORY = 1.0e9
_READ = 1 << 22  # tokens that are read at a time while a source is opened
_PART = 16  # rows that are worth a message to a worker


@runtime_checkable
class RandomAccess(Protocol):
    """A row by its index, always the same: `grain.MapDataset`, for one."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def __getitem__(self, index: int) -> Any:
        """Read a row: [L] integers, or a tuple of them and their label mask [L] bool."""
        ...


class LabelsVary(DataError):
    """A row has another label mask than row 0."""


@dataclass(frozen=True)
class _RowReader:
    """Reads rows by index, with tokens in [0, V).

    Attributes:
        dataset: the rows.
        where: name of the data set, for messages.
        vocab_size: V.
        length: L.
        pads: whether rows may be shorter, and are padded.
        label_mask: mask of row 0, which all must have; None where each has its own.
    """

    dataset: RandomAccess
    where: str
    vocab_size: int
    length: int
    pads: bool
    label_mask: tuple[bool, ...] | None

    def rows(self, indices: Indices) -> Batch:
        """Read and check rows: [n, L] in the smallest type that holds the vocabulary."""
        rows = np.zeros((len(indices), self.length), np.min_scalar_type(self.vocab_size - 1))
        masks = np.zeros(rows.shape, bool)
        for place, index in enumerate(np.asarray(indices, np.int64).tolist()):
            tokens, mask = _row(self.dataset, index, self.where)
            if tokens.ndim != 1 or len(tokens) > self.length:
                self._refuse(index, f"is of shape {tokens.shape}, and length is {self.length}")
            if len(tokens) < self.length and not self.pads:
                shapes = f"is of shape {tokens.shape}, row 0 of {(self.length,)}"
                self._refuse(index, f"{shapes}; `length` pads shorter rows")
            if self.label_mask is None:  # what lies behind the last label is not read
                tokens = without_tails(tokens[None], mask[None]).tokens[0]
            elif tuple(mask.tolist()) != self.label_mask:
                raise LabelsVary(
                    f"{self.where}: row {index}: has another length or label mask than row 0; "
                    "leave fingerprint out, so that all rows are read before they are used"
                )
            outside = first_outside(tokens, self.vocab_size)
            if outside is not None:
                self._refuse(index, f"token {tokens[outside]} is not in 0 to {self.vocab_size - 1}")
            rows[place, : len(tokens)] = tokens
            masks[place, : len(mask)] = mask
        return rows if self.label_mask is not None else MaskedTokens(rows, masks)

    def _refuse(self, index: int, why: str) -> NoReturn:
        raise DataError(f"{self.where}: row {index}: {why}")


class RowFacts(NamedTuple):
    """Facts of rows that are known before they are read.

    Attributes:
        name: hashed to the fingerprint; None: the rows themselves, which are then all read once.
        bytes_per_token: bytes of the original data per token, where that is known.
        origins: names of the data that they come from.
    """

    name: str | None = None
    bytes_per_token: float | None = None
    origins: tuple[str, ...] = ()


_NOTHING_KNOWN = RowFacts()


def open_rows(
    dataset: RandomAccess,
    where: str,
    vocab_size: int,
    *,
    length: int | None = None,
    workers: int = 0,
    memory: float = MEMORY,
    facts: RowFacts = _NOTHING_KNOWN,
) -> TokenSequences | FiniteSource:
    """Make a source of a data set's rows.

    Where each row has a label mask of its own, or rows are shorter than `length`, labels vary. Such
    rows are all read once. Neither `workers` nor `memory` changes a sequence or the fingerprint.

    Args:
        dataset: its rows, whose tokens are in [0, V).
        where: name of the data set, for messages.
        vocab_size: V.
        length: L, of the longest row; default: that of row 0.
        workers: processes that read; 0: the one that trains.
        memory: bytes; rows that take no more are read once and kept.
        facts: what is known of the rows.

    Raises:
        DataError: when the data set is empty or endless, or a row that is read is not valid.
    """
    count = len(dataset)
    if count == 0:
        raise DataError(f"{where}: is empty; there is nothing to measure")
    if count >= sys.maxsize // 2:  # grain's length of an endless one
        raise DataError(
            f"{where}: never ends; leave out `repeat`, and ask for a replay where one is wanted"
        )
    tokens, mask = _row(dataset, 0, where)
    if tokens.ndim != 1 or not len(tokens):
        raise DataError(f"{where}: row 0 has shape {tokens.shape}; a row is [L] integers")
    wanted, dtype = length or len(tokens), np.min_scalar_type(vocab_size - 1)
    keep = count * wanted * dtype.itemsize <= memory
    if len(tokens) == wanted and mask.any():
        reader = _RowReader(
            dataset, where, vocab_size, wanted, length is not None, tuple(mask.tolist())
        )
        try:
            return _open_alike(reader, count, keep, workers, facts)
        except LabelsVary:
            if facts.name and not keep:
                raise
    reader = _RowReader(dataset, where, vocab_size, wanted, length is not None, None)
    return _open_varying(reader, count, keep, workers, facts)


def _open_alike(
    reader: _RowReader,
    count: int,
    keep: bool,
    workers: int,
    facts: RowFacts,
) -> TokenSequences | FiniteSource:
    """Open rows that all have the label mask of row 0."""
    vocab_size, length, mask = reader.vocab_size, reader.length, np.array(reader.label_mask)
    dtype = np.min_scalar_type(vocab_size - 1)
    fetch = _in_workers(reader, workers) if workers else reader.rows
    kept = np.empty((count if keep else 0, length), dtype)
    read = bytes_digest(_read_all(fetch, count, kept), digits=64) if keep or not facts.name else ""
    given = (facts.name,) if facts.name else (read, count)
    first_rows = kept if keep else fetch(range(min(count, -(-1024 // length))))
    info = SourceInfo(
        vocab_size=vocab_size,
        length=length,
        label_mask=mask,
        fingerprint=fingerprint(
            "rows", *given, vocab_size, length, reader.label_mask, facts.bytes_per_token
        ),
        bytes_per_token=facts.bytes_per_token,
        origins=(data_hash(beginning(first_rows)), *facts.origins),
        documents=ROWS,
    )
    return TokenSequences(info, kept) if keep else FiniteSource(info, count, fetch)


def _open_varying(
    reader: _RowReader,
    count: int,
    keep: bool,
    workers: int,
    facts: RowFacts,
) -> FiniteSource:
    """Open rows with label masks of their own; all are read once, to count labels."""
    vocab_size, length, where = reader.vocab_size, reader.length, reader.where
    fetch = _in_workers(reader, workers) if workers else reader.rows
    dtype = np.min_scalar_type(vocab_size - 1)
    tokens = np.empty((count if keep else 0, length), dtype)
    masks, labels, read = np.empty(tokens.shape, bool), np.zeros(length, np.int64), 0

    def parts() -> Iterator[memoryview]:
        nonlocal labels, read
        step = max(1, _READ // length)
        for first in range(0, count, step):
            part = fetch(range(first, min(first + step, count)))
            if keep:
                rows = slice(first, first + len(part.tokens))
                tokens[rows], masks[rows] = part
            labels += part.mask.sum(axis=0)
            read += int(np.logical_or.accumulate(part.mask[:, ::-1], axis=1).sum())
            yield np.ascontiguousarray(part.tokens).data
            yield np.packbits(part.mask).data

    rows_hash = bytes_digest(parts(), digits=64)
    if not labels.any():
        raise DataError(f"{where}: no token of it is paid for; there is nothing to measure")
    first_rows = tokens if keep else fetch(range(min(count, -(-1024 // length)))).tokens
    shares = labels / count
    padding = 1.0 - read / (count * length)
    info = SourceInfo(
        vocab_size=vocab_size,
        length=length,
        label_mask=labels > 0,
        label_shares=shares,
        fingerprint=fingerprint(
            "rows",
            facts.name or rows_hash,
            count,
            vocab_size,
            length,
            "varying",
            facts.bytes_per_token,
        ),
        bytes_per_token=facts.bytes_per_token,
        origins=(data_hash(beginning(first_rows)), *facts.origins),
        documents=ROWS,
        notes=(labels_note(where, float(shares.sum()), length, padding),),
    )
    if not keep:
        return FiniteSource(info, count, fetch)
    return FiniteSource(info, count, lambda rows: MaskedTokens(tokens[rows], masks[rows]))


def _read_all(
    fetch: Callable[[Indices], Batch], count: int, kept: Integer[np.ndarray, "n length"]
) -> Iterator[memoryview]:
    """Read all rows, and keep them where there is room for all."""
    step = max(1, _READ // kept.shape[1])
    for first in range(0, count, step):
        chunk = fetch(range(first, min(first + step, count)))
        if len(kept):
            kept[first : first + len(chunk)] = chunk
        yield chunk.data


def _row(
    dataset: RandomAccess, index: int, where: str
) -> tuple[Integer[np.ndarray, "..."], Bool[np.ndarray, "..."]]:
    """Read tokens and label mask of a row."""
    try:
        row = dataset[index]
    except FAULTS as error:
        raise DataError(f"{where}: row {index}: reading it raised {line(error)}") from error
    if row is None:
        raise DataError(
            f"{where}: row {index}: is None, as a filter leaves it; choose the rows beforehand"
        )
    mask = None
    if isinstance(row, tuple) and len(row) == 2:
        row, mask = row
    tokens = bits_as_bytes(np.asarray(row))
    if tokens.dtype.kind not in "iu":
        raise DataError(f"{where}: row {index}: must be integers, got {shown(row)}")
    mask = np.ones(tokens.shape, bool) if mask is None else np.asarray(mask)
    if mask.dtype != np.bool_ or mask.shape != tokens.shape:
        raise DataError(
            f"{where}: row {index}: its label mask must be {tokens.shape} truth values, "
            f"is {mask.shape} {mask.dtype}"
        )
    return tokens, mask


def _in_workers(reader: _RowReader, workers: int) -> Callable[[Indices], Batch]:
    """Make `reader.rows` of processes that hold the data set, from the first read on.

    They end with the function. They read any rows in any order: grain's own workers go through a
    data set once, from the place where they were started.
    """
    import cloudpickle  # which comes with grain; functions of a script travel too

    try:
        packed = cloudpickle.dumps(reader)
    except FAULTS as error:
        fault = f"cannot be sent to worker processes ({line(error)})"
        raise DataError(f"{reader.where}: {fault}; set workers: 0") from error
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawn, _start, (packed,))

    def rows(indices: Indices) -> Batch:
        parts = np.array_split(indices, max(1, min(workers, len(indices) // _PART)))
        try:
            read = list(pool.map(_read, [part.tolist() for part in parts]))
            return jax.tree.map(lambda *leaves: np.concatenate(leaves), *read)
        except BrokenProcessPool:
            raise DataError(
                f"{reader.where}: a worker process died; `workers: 0` shows why (a script needs "
                '`if __name__ == "__main__":` around what it runs)'
            ) from None

    return rows


_packed = b""


def _start(packed: bytes) -> None:
    """Start a worker: it leaves Ctrl-C to its parent, and exits when the parent has exited."""
    global _packed
    _packed = packed
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> NoReturn:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _read(indices: list[int]) -> Batch:
    """Read rows in a worker; a data set that it cannot unpack is an error of its first read."""
    return _unpacked().rows(indices)


@functools.cache
def _unpacked() -> _RowReader:
    import cloudpickle

    return cloudpickle.loads(_packed)
