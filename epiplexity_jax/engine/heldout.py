"""The held-out set: fixed blocks of sequences, scored in eval batches of one shape.

An eval batch holds `per_block` sequences of every block. The first is scored at every record point
and pairs the differences between them; all are scored at the last one.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Integer

BLOCKS = 64
BlockMeans = Float64[np.ndarray, " blocks"]


@dataclass(frozen=True)
class HeldoutLayout:
    """A held-out set, cut into eval batches of fixed blocks.

    Attributes:
        blocks: fixed blocks, at most 64.
        per_block: sequences of a block in one eval batch.
        eval_batches: their number.
    """

    blocks: int
    per_block: int
    eval_batches: int

    @property
    def eval_batch_size(self) -> int:
        """S, sequences of one eval batch."""
        return self.blocks * self.per_block

    @property
    def sequences(self) -> int:
        """Sequences of the whole set."""
        return self.eval_batch_size * self.eval_batches

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


def heldout_layout(available: int, record: int) -> HeldoutLayout:
    """Cut at most `available` sequences, >= 1, into eval batches of about `record` sequences.

    At least one sequence a block is taken at a record point.
    """
    blocks = min(BLOCKS, available)
    per_block = min(max(1, math.ceil(record / blocks)), available // blocks)
    return HeldoutLayout(blocks, per_block, available // (blocks * per_block))


def mean_and_stderr(block_means: BlockMeans) -> tuple[float, float]:
    """Mean over blocks and its standard error; infinite for one block."""
    blocks = len(block_means)
    stderr = block_means.std(ddof=1) / math.sqrt(blocks) if blocks > 1 else math.inf
    return float(block_means.mean()), float(stderr)
