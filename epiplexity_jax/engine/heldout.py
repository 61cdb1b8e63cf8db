"""The held-out set: fixed blocks of sequences, scored in eval batches of one shape.

An eval batch holds `per_block` sequences of every block. All are scored at the end of a run. Early
record points score the first; later ones take turns over the set, more of it the more training has
read, so that their errors average out over a run. Each is paired with the final model's losses on
the same sequences.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Integer

from epiplexity_jax.coding import record_points

BLOCKS = 64
RECORD_SHARE = 0.006
"""Sequences that a late record point scores, of those that training has read: with 16 points a
decade and two sets of weights about 3 % of the FLOPs of training."""
_PER_PASS = 16  # turns at least that one pass over the set takes: those of a decade of steps
BlockMeans = Float64[np.ndarray, " blocks"]


class Turn(NamedTuple):
    """The part of the held-out set that a record point scores.

    Attributes:
        number: 0 for the first eval batch, which all early record points score; then 1, 2, ...
        batches: numbers of its eval batches.
    """

    number: int
    batches: tuple[int, ...]


@dataclass(frozen=True)
class HeldoutLayout:
    """A held-out set, cut into eval batches of fixed blocks.

    Attributes:
        blocks: fixed blocks, at most 64.
        per_block: sequences of a block in one eval batch.
        eval_batches: their number.
        record_share: sequences that a record point scores, of those that training has read; 0: one
            eval batch at every record point, the first.
    """

    blocks: int
    per_block: int
    eval_batches: int
    record_share: float = 0.0

    @property
    def eval_batch_size(self) -> int:
        """S, sequences of one eval batch."""
        return self.blocks * self.per_block

    @property
    def sequences(self) -> int:
        """Sequences of the whole set."""
        return self.eval_batch_size * self.eval_batches

    @property
    def takes_turns(self) -> bool:
        """True if late record points score other eval batches than the first.

        A set that a decade of record points would read more than once does not: their errors would
        not be independent.
        """
        return self.record_share > 0.0 and self.eval_batches >= _PER_PASS

    def turn(self, step: int, batch_size: int) -> Turn:
        """The eval batches of a record point, the same however long the run is.

        Args:
            step: steps before it.
            batch_size: B, sequences of a step.
        """
        if not self.takes_turns or (count := self._wanted(step, batch_size)) < 2:
            return Turn(0, (0,))
        earlier = [
            n for at in record_points(step)[:-1] if (n := self._wanted(int(at), batch_size)) > 1
        ]
        most = self.eval_batches // _PER_PASS
        first = 1 + sum(min(n, most) for n in earlier)
        batches = ((first + i) % self.eval_batches for i in range(min(count, most)))
        return Turn(1 + len(earlier), tuple(batches))

    def scored(self, step: int, batch_size: int, last: bool) -> Sequence[int]:
        """Numbers of the eval batches that are scored after some steps: a turn's, all at the last.

        Args:
            step: as for `turn`.
            batch_size: as for `turn`.
            last: whether a run ends there.
        """
        return range(self.eval_batches) if last else self.turn(step, batch_size).batches

    def record_batches(self, steps: int, batch_size: int) -> int:
        """Eval batches of all record points of a run but the last, which scores the whole set."""
        points = record_points(steps)[:-1]
        return sum(len(self.turn(int(step), batch_size).batches) for step in points)

    def _wanted(self, step: int, batch_size: int) -> int:
        return math.ceil(self.record_share * step * batch_size / self.eval_batch_size)

    def block_means(
        self, losses: Float[np.ndarray, "eval_batches sequences"], label_tokens: int
    ) -> BlockMeans:
        """Mean loss of every block, nats per label token, from nats per sequence."""
        cut = losses.astype(np.float64).reshape(len(losses), self.blocks, self.per_block)
        return cut.mean(axis=(0, 2)) / label_tokens

    def block_ratios(
        self,
        losses: Float[np.ndarray, "eval_batches sequences"],
        labels: Integer[np.ndarray, "eval_batches sequences"],
    ) -> BlockMeans:
        """Loss of every block, nats per label token, where sequences differ in label tokens.

        With the set's mean loss m, a block of loss S and n labels has m + (S - n m) / n', n' the
        mean number of labels of a block: the mean over blocks is m, the sum of the losses over that
        of the labels, and their spread is that of m (a ratio, linearised). Blocks of equally many
        labels have their own means; one without labels has m.

        Args:
            losses: nats of each sequence.
            labels: label tokens of each sequence, not all 0.
        """
        shape = (len(losses), self.blocks, self.per_block)
        sums = losses.astype(np.float64).reshape(shape).sum(axis=(0, 2))
        counts = labels.astype(np.float64).reshape(shape).sum(axis=(0, 2))
        mean = sums.sum() / counts.sum()
        return mean + (sums - counts * mean) / counts.mean()


def heldout_layout(available: int, record: int, record_share: float = 0.0) -> HeldoutLayout:
    """Cut at most `available` sequences, >= 1, into eval batches of about `record` sequences.

    At least one sequence a block is taken at a record point.

    Args:
        available: sequences that may be held out.
        record: those of an eval batch.
        record_share: see `HeldoutLayout`.
    """
    blocks = min(BLOCKS, available)
    per_block = min(max(1, math.ceil(record / blocks)), available // blocks)
    return HeldoutLayout(blocks, per_block, available // (blocks * per_block), record_share)


def mean_and_stderr(block_means: BlockMeans) -> tuple[float, float]:
    """Mean over blocks and its standard error; infinite for one block."""
    blocks = len(block_means)
    stderr = block_means.std(ddof=1) / math.sqrt(blocks) if blocks > 1 else math.inf
    return float(block_means.mean()), float(stderr)
