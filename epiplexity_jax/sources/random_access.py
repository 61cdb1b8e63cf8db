"""Rows of tokens out of a data set with random access: kept in memory, or read when needed."""

import functools
import hashlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import numpy as np

from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.python.entry_points import FAULTS, line, shown
from epiplexity_jax.sources.spec import HostSource, SourceInfo
from epiplexity_jax.sources.token_array import TokenSequences, beginning, data_hash, smallest_type

MEMORY = 1.0e9
_READ = 1 << 22  # tokens that are read at a time while a source is opened
_PART = 16  # rows that are worth a message to a worker


class RandomAccess(Protocol):
    """A row by its index, always the same: `grain.MapDataset`, for one."""

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    def __getitem__(self, index: int) -> Any:
        """A row: [L] integers, or a tuple of them and their label mask [L] bool."""
        ...


@dataclass(frozen=True)
class Layout:
    """What every row must be.

    Attributes:
        where: what holds the rows, for messages.
        vocab_size: V.
        label_mask: L truth values.
    """

    where: str
    vocab_size: int
    label_mask: tuple[bool, ...]

    def rows(self, dataset: RandomAccess, indices: Sequence[int]) -> np.ndarray:
        """Rows by index, checked: [n, L] in the smallest type that holds the vocabulary.

        Raises:
            DataError: when one of them cannot be read or is none.
        """
        rows = np.empty((len(indices), len(self.label_mask)), smallest_type(self.vocab_size - 1))
        for place, index in enumerate(indices):
            tokens, mask = _row(dataset, index, self.where)
            if tokens.shape != rows.shape[1:]:
                self._refuse(index, f"is of shape {tokens.shape}, row 0 of {rows.shape[1:]}")
            if tuple(mask.tolist()) != self.label_mask:
                self._refuse(index, "has another label mask than row 0; all rows must share one")
            if tokens.size and (tokens.min() < 0 or tokens.max() >= self.vocab_size):
                wrong = tokens[np.argmax((tokens < 0) | (tokens >= self.vocab_size))]
                self._refuse(index, f"token {wrong} is not in 0 to {self.vocab_size - 1}")
            rows[place] = tokens
        return rows

    def _refuse(self, index: int, why: str) -> NoReturn:
        raise DataError(f"{self.where}: row {index}: {why}")


@dataclass(frozen=True, eq=False)
class Rows:
    """A finite source whose rows are read when they are needed (see `spec.HostSource`).

    Attributes:
        info: its facts.
        sequences: how many there are.
        fetch: rows by index, as `Layout.rows` gives them.
    """

    info: SourceInfo
    sequences: int
    fetch: Callable[[Sequence[int]], np.ndarray]

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Sequences by index: [n] to [n, L], in the smallest type that holds the vocabulary."""
        return self.fetch(np.asarray(indices, np.int64).tolist())


def open_rows(
    dataset: RandomAccess,
    where: str,
    *,
    vocab_size: int,
    workers: int = 0,
    memory: float = MEMORY,
    name: str | None = None,
    bytes_per_token: float | None = None,
    origins: tuple[str, ...] = (),
) -> HostSource:
    """A source of a data set's rows, all of which have the length and the label mask of row 0.

    What is kept in memory, and who reads, changes no sequence and no fingerprint.

    Args:
        dataset: its rows, whose tokens are in [0, V).
        where: what holds them, for messages.
        vocab_size: V.
        workers: processes that read; 0: the one that trains.
        memory: bytes; rows that take no more are read once and kept.
        name: what the fingerprint is made of; default: the rows themselves, which are then all
            read once.
        bytes_per_token: bytes of the original data per token, where that is known.
        origins: what is known of where they come from.

    Raises:
        DataError: when there are none, or row 0 or one of those that are read is none.
    """
    count = _count(dataset, where)
    tokens, mask = _row(dataset, 0, where)
    if not (tokens.ndim == 1 and mask.any()):
        what = "no token that is paid for" if tokens.ndim == 1 else f"shape {tokens.shape}"
        raise DataError(f"{where}: row 0 has {what}; a row is [L] integers, some of them paid for")
    length = len(tokens)
    layout = Layout(where, vocab_size, tuple(mask.tolist()))
    fetch = _fetcher(dataset, layout, workers)
    keep = count * length * smallest_type(vocab_size - 1).itemsize <= memory
    kept, digest = np.empty((count if keep else 0, length), smallest_type(vocab_size - 1)), None
    if keep or name is None:
        digest, step = hashlib.sha256(), max(1, _READ // length)
        for first in range(0, count, step):
            block = fetch(range(first, min(first + step, count)))
            digest.update(block.data)
            if keep:
                kept[first : first + len(block)] = block
    given = (name,) if name else (digest.hexdigest() if digest else "", count)
    first_rows = fetch(range(min(count, -(-1024 // length)))) if not keep else kept
    info = SourceInfo(
        vocab_size=vocab_size,
        length=length,
        label_mask=mask,
        fingerprint=fingerprint(
            "rows", *given, vocab_size, length, layout.label_mask, bytes_per_token
        ),
        bytes_per_token=bytes_per_token,
        origins=tuple(dict.fromkeys((data_hash(beginning(first_rows)), *origins))),
    )
    return TokenSequences(info, kept) if keep else Rows(info, count, fetch)


def _count(dataset: RandomAccess, where: str) -> int:
    count = len(dataset)
    if count == 0:
        raise DataError(f"{where}: is empty; there is nothing to measure")
    if count >= sys.maxsize // 2:  # what grain calls the length of an endless one
        raise DataError(
            f"{where}: never ends; leave out `repeat`, and ask for a replay where one is wanted"
        )
    return count


def _row(dataset: RandomAccess, index: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and label mask of a row."""
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
    tokens = np.asarray(row)
    if tokens.dtype == np.bool_:
        tokens = tokens.view(np.uint8)
    if tokens.dtype.kind not in "iu":
        raise DataError(f"{where}: row {index}: must be integers, got {shown(row)}")
    mask = np.ones(tokens.shape, bool) if mask is None else np.asarray(mask)
    if mask.dtype != np.bool_ or mask.shape != tokens.shape:
        raise DataError(
            f"{where}: row {index}: its label mask must be {tokens.shape} truth values, "
            f"is {mask.shape} {mask.dtype}"
        )
    return tokens, mask


def _fetcher(
    dataset: RandomAccess, layout: Layout, workers: int
) -> Callable[[Sequence[int]], np.ndarray]:
    if workers:
        return _Workers(dataset, layout, workers).rows
    return lambda indices: layout.rows(dataset, indices)


class _Workers:
    """Processes that each hold the data set, from the first read on, and end with this object.

    They read whatever rows are asked for, in any order: grain's own workers go through a data set
    once, from a place where they were started.
    """

    def __init__(self, dataset: RandomAccess, layout: Layout, count: int):
        import cloudpickle  # which comes with grain; functions of a script travel too

        self.where, self.count = layout.where, count
        try:
            packed = cloudpickle.dumps((dataset, layout))
        except FAULTS as error:
            raise DataError(
                f"{layout.where}: cannot be sent to worker processes ({line(error)}); set workers: "
                "0"
            ) from error
        self.pool = ProcessPoolExecutor(
            count, multiprocessing.get_context("spawn"), _start, (packed,)
        )

    def rows(self, indices: Sequence[int]) -> np.ndarray:
        """See `Layout.rows`."""
        count = max(1, min(self.count, len(indices) // _PART))
        parts = np.array_split(np.asarray(indices), count)
        try:
            return np.concatenate(list(self.pool.map(_read, [part.tolist() for part in parts])))
        except BrokenProcessPool:
            raise DataError(
                f"{self.where}: a worker process died; `workers: 0` shows why (a script needs `if "
                '__name__ == "__main__":` around what it runs)'
            ) from None


_packed = b""


def _start(packed: bytes) -> None:
    """Begin a worker: it leaves Ctrl-C to its parent, and ends when that is gone, however."""
    global _packed
    _packed = packed
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> NoReturn:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _read(indices: list[int]) -> np.ndarray:
    """Rows by index, in a worker; what it cannot unpack is an error of its first read."""
    dataset, layout = _unpacked()
    return layout.rows(dataset, indices)


@functools.cache
def _unpacked() -> tuple[RandomAccess, Layout]:
    import cloudpickle

    return cloudpickle.loads(_packed)
