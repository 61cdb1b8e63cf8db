"""Choice of the held-out sequences of a finite source: windows at random, or whole documents."""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Integer

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.keys import generator
from epiplexity_jax.sources.documents import Documents, Spans
from epiplexity_jax.sources.spec import HostSource
from epiplexity_jax.sources.verbatim import stands_in

Split = Literal["windows", "documents"]
Kind = Literal["windows", "documents", "file"]
Duplicates = Literal["keep", "drop"]
Indices = Integer[np.ndarray, " n"]

_ATTEMPTS = 8  # choices of documents, until enough of one is not in the training part
_MOST = 5  # at most one in so many sequences is looked at to hold out what is wanted


class Partition(NamedTuple):
    """Sequences of the held-out and of the training part, in random order; some are in neither."""

    heldout: Indices
    training: Integer[np.ndarray, " rest"]


@dataclass(frozen=True)
class HoldOut:
    """The rule by which sequences are held out.

    Attributes:
        split: `windows` of a text at random, or whole `documents`; None: the source's default,
            documents where every sequence is one.
        duplicates: `drop` leaves out what occurs verbatim in the training part.
    """

    split: Split | None = None
    duplicates: Duplicates = "keep"

    def kind(self, documents: Documents) -> Kind:
        """Choose the split of a source; rows are documents, however they are asked for.

        A held-out file of the user's own comes first.
        """
        if documents.heldout_from is not None:
            return "file"
        return "documents" if documents.kind == "rows" else self.split or "windows"

    def takes_any(self, documents: Documents) -> bool:
        """Return whether sequences are held out one by one, whatever their neighbours are."""
        kind = self.kind(documents)
        return kind == "windows" or kind == "documents" and documents.kind == "rows"

    def is_random(self, documents: Documents) -> bool:
        """Return whether held-out and training sequences are exchangeable: one random sample."""
        return self.takes_any(documents) and self.duplicates == "keep"


def partition(source: HostSource, count: int, root: int, rule: HoldOut, path: str) -> Partition:
    """Choose `count` sequences to hold out, and those to train on.

    What is dropped as a duplicate, and windows that reach over the border between a held-out and
    another document, are in neither part.

    Args:
        source: a finite source.
        count: sequences to hold out.
        root: root seed of the sweep.
        rule: the choice.
        path: the source's key in the config, for messages.

    Raises:
        ConfigError: when documents are asked for of a source that does not keep them together, or
            too few sequences can be held out.
    """
    if rule.duplicates == "keep":
        pool, training = _chooser(source, root, rule, path)(count)
        return Partition(pool[:count], training)
    pools = []
    for attempt in range(1 if rule.takes_any(source.info.documents) else _ATTEMPTS):
        found, pool = _without_duplicates(
            source, count, _chooser(source, root, rule, path, attempt)
        )
        if len(found.heldout) == count:
            return found
        pools.append((len(found.heldout), pool))
    kept, pool = max(pools)
    raise ConfigError(
        f"heldout.duplicates: {path}: {count} sequences are needed, but only {kept} of the {pool} "
        "that may be held out do not occur in the training part; lower heldout.tokens, or "
        "use keep"
    )


def _without_duplicates(
    source: HostSource, count: int, choose: Callable[[int], Partition]
) -> tuple[Partition, int]:
    """Hold out `count` sequences, or fewer, from a pool that grows until it has enough."""
    wanted, most = count, max(count, source.sequences // _MOST)
    while True:
        pool, training = choose(wanted)
        kept = pool[~stands_in(source, pool, training)]
        if len(kept) >= count or wanted >= most:
            return Partition(kept[:count], training), len(pool)
        share = max(len(kept), 1) / len(pool)
        wanted = min(most, max(wanted + 1, math.ceil(1.1 * count / share)))


def _chooser(
    source: HostSource, root: int, rule: HoldOut, path: str, attempt: int = 0
) -> Callable[[int], Partition]:
    """Make the function that holds out so many sequences, or a few more."""
    documents, total = source.info.documents, source.sequences
    first = documents.heldout_from
    if first is not None:
        dtype = np.min_scalar_type(total)
        own = first + generator(root, "split", "file").permutation(total - first).astype(dtype)
        return lambda wanted: Partition(own[:wanted], np.arange(first, dtype=dtype))
    if rule.takes_any(documents):
        order = generator(root, "split").permutation(total).astype(np.min_scalar_type(total))
        return lambda wanted: Partition(order[:wanted], order[wanted:])
    if documents.kind == "mixed":
        raise ConfigError(
            f"heldout.split: {path}: its sequences are mixed so that no document stays together; "
            "use windows, or split the sources inside it"
        )
    names = ("split", documents.kind, *([attempt] if attempt else []))
    if documents.spans is None:
        return lambda wanted: _region(total, wanted, generator(root, *names))
    groups = Groups.of(documents.spans)
    return lambda wanted: _files(groups, wanted, generator(root, *names), path)


def _region(total: int, wanted: int, drawn: np.random.Generator) -> Partition:
    """Hold out a region of a text at a random place; it begins and ends where windows do."""
    start = int(drawn.integers(total - wanted + 1))
    dtype = np.min_scalar_type(total)
    inside = np.arange(start, start + wanted, dtype=dtype)
    outside = np.concatenate(
        [np.arange(start, dtype=dtype), np.arange(start + wanted, total, dtype=dtype)]
    )
    return Partition(drawn.permutation(inside), outside)


@dataclass(frozen=True, eq=False)
class Groups:
    """Files in groups of neighbours, each of which holds one whole window or more.

    Attributes:
        spans: [n, 2] first and last file of every window.
        first: [G + 1] first file of each group, and the end of the last.
        windows: [G] windows that lie within each.
    """

    spans: Spans
    first: Integer[np.ndarray, " edges"]
    windows: Integer[np.ndarray, " groups"]

    @classmethod
    def of(cls, spans: Spans) -> "Groups":
        """Group files, from the first on, each group as short as it can be."""
        order = np.lexsort((spans[:, 1], spans[:, 0]))
        firsts, lasts = (spans[order, i].tolist() for i in (0, 1))
        begins, place = [0], 0
        while (place := bisect_left(firsts, begins[-1], place)) < len(firsts):
            begins.append(lasts[place] + 1)
        first = np.array(begins)
        group = np.searchsorted(first, spans, side="right") - 1
        inside = (group[:, 0] == group[:, 1]) & (group[:, 0] < len(first) - 1)
        return cls(spans, first, np.bincount(group[inside, 0], minlength=len(first) - 1))

    def files(self, chosen: Indices) -> Bool[np.ndarray, " files"]:
        """Mark the files of some groups."""
        marked = np.zeros(int(self.spans.max()) + 1, bool)
        for group in chosen:
            marked[self.first[group] : self.first[group + 1]] = True
        return marked


def _files(groups: Groups, wanted: int, drawn: np.random.Generator, path: str) -> Partition:
    """Hold out whole files; a window of both parts is in neither."""
    total = len(groups.spans)
    chosen, held, most = [], 0, max(2 * wanted, total // _MOST)
    for group in drawn.permutation(len(groups.windows)):
        if held + groups.windows[group] <= most:
            chosen.append(group)
            held += groups.windows[group]
        if held >= wanted:
            break
    else:
        raise ConfigError(
            f"heldout.split: {path}: files that hold {wanted} whole sequences, but at most {most}, "
            f"are needed, and those that are small enough hold {held}; lower heldout.tokens, or "
            "use windows"
        )
    before = np.concatenate([[0], np.cumsum(groups.files(np.array(chosen)))])
    first, last = groups.spans[:, 0], groups.spans[:, 1]
    parts = before[last + 1] - before[first]
    dtype = np.min_scalar_type(total)
    inside = np.flatnonzero(parts == last - first + 1).astype(dtype)
    return Partition(drawn.permutation(inside), np.flatnonzero(parts == 0).astype(dtype))
