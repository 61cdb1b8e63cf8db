"""Held-out and training sequences of a finite source, and the order of a member's reading."""

import copy
import functools
import math
from dataclasses import dataclass, field

import jax
import numpy as np
from jaxtyping import Int64, Integer

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.base.keys import generator
from epiplexity_jax.sources.partition import HoldOut, Kind, Partition, partition
from epiplexity_jax.sources.spec import Batch, FiniteSource, HostSource
from epiplexity_jax.sources.token_array import TokenSequences
from epiplexity_jax.sources.verbatim import stands_in

HELDOUT_SHARE = 10  # at most one in so many sequences is held out
MIN_HELDOUT = 8
_SEARCHED = 1 << 25  # tokens of the training part in which held-out ones are looked for
_LOOKED_FOR = 1 << 24  # tokens of the held-out set that are looked for, in whole sequences


def heldout_sequences(source: HostSource, label_tokens: int, path: str = "source") -> int:
    """Count the sequences to hold out for so many label tokens, at most a tenth of the source.

    Of a source that has a held-out file of its own, at most all of its sequences.

    Args:
        source: a finite source.
        label_tokens: number of label tokens wanted.
        path: the source's key in the config, for the message.

    Raises:
        DataError: when a tenth of the source, or the held-out file, is under 8 sequences.
    """
    own = source.info.documents.heldout_from
    limit = source.sequences // HELDOUT_SHARE if own is None else source.sequences - own
    if own is not None and limit < MIN_HELDOUT:
        raise DataError(
            f"{path}: its held-out file holds {limit} whole sequences of {source.info.length} "
            f"tokens, and at least {MIN_HELDOUT} are needed; bring a longer one or lower `length`"
        )
    if limit < MIN_HELDOUT:
        info = source.info
        raise DataError(
            f"{path}: holds {source.sequences * info.length} tokens in sequences of {info.length}; "
            f"a tenth is held out and must be at least {MIN_HELDOUT} sequences, so bring at least "
            f"{MIN_HELDOUT * HELDOUT_SHARE * info.length} tokens or lower `length`"
        )
    return min(max(MIN_HELDOUT, math.ceil(label_tokens / source.info.mean_labels)), limit)


@dataclass(frozen=True, eq=False)
class Split:
    """A finite source cut in two without overlap; by default, held-out sequences are random.

    Attributes:
        source: the source that is cut.
        heldout_count: sequences held out.
        root: root seed of the sweep; equal seeds cut alike, whoever trains.
        path: the source's key in the config, for messages.
        rule: the rule by which sequences are held out.
    """

    source: HostSource
    heldout_count: int
    root: int
    path: str = "source"
    rule: HoldOut = HoldOut()
    _orders: dict[int, dict[int, np.ndarray]] = field(default_factory=dict, init=False, repr=False)

    def apart(self) -> "Split":
        """The same cut, for another thread: the cache of the order of reading is not shared."""
        self._parts  # noqa: B018 - found once for both
        other = copy.copy(self)
        object.__setattr__(other, "_orders", {})
        return other

    @functools.cached_property
    def _parts(self) -> Partition:
        return partition(self.source, self.heldout_count, self.root, self.rule, self.path)

    @property
    def train_sequences(self) -> int:
        """Number of sequences to train on."""
        return len(self._parts.training)

    @property
    def kind(self) -> Kind:
        """The unit held out: `windows` of texts, whole `documents`, or the user's own `file`."""
        return self.rule.kind(self.source.info.documents)

    @property
    def is_random(self) -> bool:
        """True if the held-out and the training part are one random sample (see `HoldOut`)."""
        return self.rule.is_random(self.source.info.documents)

    @functools.cached_property
    def verbatim_share(self) -> float | None:
        """Share of held-out sequences that occur verbatim in the training part.

        None for a class of the user's own: how long reading takes, and whether it fails, is not
        known, so it is left to training.
        It is exact up to 2^25 tokens of the training part; of more, the first 2^25 are searched and
        the share is a lower bound. Of more than 2^24 held-out tokens, a random part is looked for.

        Raises:
            DataError: when a sequence cannot be read.
        """
        if self.rule.duplicates == "drop":
            return 0.0
        if not isinstance(self.source, FiniteSource | TokenSequences):
            return None
        width = self.source.info.numbers
        heldout = self._parts.heldout[: max(1, _LOOKED_FOR // width)]
        try:
            found = stands_in(self.source, heldout, self._parts.training, _SEARCHED)
        except DataError as error:
            raise DataError(f"{self.path}: {error}") from None
        return float(found.mean())

    @property
    def epochs(self) -> int:
        """Number of times a training sequence may be read: 1, unless a replay was asked for."""
        return self.source.info.replays

    def max_steps(self, batch_size: int) -> int:
        """Count whole batches in all epochs; a batch may reach over the end of an epoch."""
        return self.train_sequences * self.epochs // batch_size

    def check(self, steps: int, batch_size: int) -> None:
        """Refuse to read anything more often than was asked for.

        Raises:
            ConfigError: when the sequences cannot be held out by the rule (see `partition`).
            DataError: when the steps need more epochs, saying the largest number of steps.
        """
        most = self.max_steps(batch_size)
        if steps <= most:
            return
        holds = f"{self.path}: holds {self.train_sequences} training sequences"
        if self.epochs > 1:
            holds += f" read {self.epochs} times"
        if most == 0:
            raise DataError(
                f"{holds}, fewer than one batch of {batch_size}; lower training.batch_size, "
                "shorten `length`, or bring more data"
            )
        raise DataError(
            f"{holds}, at most {most} step{'s' * (most != 1)} of {batch_size}; training.steps is "
            f"{steps}: lower it or training.batch_size, shorten `length`, or bring more data"
        )

    def heldout(self, count: int) -> Batch:
        """Read the first `count` held-out sequences: [count, L] or a `Batch` of another sort.

        Raises:
            DataError: when fewer are held out, where the next would be training sequences, or one
                cannot be read.
        """
        if count > self.heldout_count:
            raise DataError(
                f"{self.path}: {self.heldout_count} sequences are held out, not {count}"
            )
        return self._read(self._parts.heldout[:count].astype(np.int64))

    def _order(self, seed: int, epoch: int) -> Integer[np.ndarray, " train"]:
        """Order the training sequences for a member; kept, as a run asks chunk by chunk."""
        orders = self._orders.setdefault(seed, {})
        if epoch not in orders:
            for old in [e for e in orders if e < epoch - 1]:
                del orders[old]
            names = ("order", seed, epoch) if epoch else ("order", seed)
            orders[epoch] = generator(self.root, *names).permutation(self._parts.training)
        return orders[epoch]

    def indices(
        self, seed: int, first: int, count: int, batch_size: int
    ) -> Int64[np.ndarray, " n"]:
        """Find the sequences of batches first .. first+count-1 in a member's order.

        Args:
            seed: the member's.
            first: index of the first batch.
            count: number of batches.
            batch_size: sequences of a batch.

        Raises:
            DataError: behind the end of the last epoch.
        """
        if first + count > self.max_steps(batch_size):
            raise DataError(
                f"batch {first + count - 1} lies behind the epoch's end; it holds "
                f"{self.max_steps(batch_size)} batches of {batch_size}"
            )
        return self._indices(seed, first * batch_size, (first + count) * batch_size)

    def _indices(self, seed: int, start: int, stop: int) -> Int64[np.ndarray, " n"]:
        """Find the sequences that a member reads at places start..stop-1 of all its epochs."""
        if start == stop:
            return np.zeros(0, np.int64)
        size, parts = self.train_sequences, []
        for epoch in range(start // size, -(-stop // size)):
            first, last = max(start - epoch * size, 0), min(stop - epoch * size, size)
            parts.append(self._order(seed, epoch)[first:last])
        return np.concatenate(parts).astype(np.int64)

    def chunks(
        self, seed: int, first: int, count: int, batch_size: int, rows: slice = slice(None)
    ) -> Batch:
        """Read batches first .. first+count-1 in a member's order: [count, batch_size, ...].

        Any batch can be asked for at any time; no sequence comes twice in an epoch.

        Args:
            seed: the member's.
            first: index of the first batch.
            count: number of batches.
            batch_size: sequences of a batch.
            rows: rows of every batch that are wanted; no others are read or returned.

        Raises:
            DataError: behind the end of the last epoch, or when a sequence cannot be read.
        """
        chosen = self.indices(seed, first, count, batch_size).reshape(count, batch_size)[:, rows]
        read = self._read(chosen.ravel())
        return jax.tree.map(lambda x: x.reshape(*chosen.shape, *x.shape[1:]), read)

    def _read(self, indices: np.ndarray) -> Batch:
        try:
            return self.source.read(indices)
        except DataError as error:  # which names the file, not the key
            raise DataError(f"{self.path}: {error}") from None
