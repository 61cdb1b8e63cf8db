"""The held-out set: fixed blocks of sequences, scored in tiles of one shape.

A tile holds `per_block` sequences of every block. The first tile is scored at every record point
and pairs the differences between them; all tiles are scored at the last one.
"""

import math
from dataclasses import dataclass

import numpy as np

BLOCKS = 64


@dataclass(frozen=True)
class HeldoutLayout:
    """A held-out set, cut into eval batches (tiles) of fixed blocks.

    Attributes:
        blocks: fixed blocks, at most 64.
        per_block: sequences of a block in one tile.
        tiles: tiles in the set.
    """

    blocks: int
    per_block: int
    tiles: int

    @property
    def tile(self) -> int:
        """S, sequences of one tile: what is scored at every record point."""
        return self.blocks * self.per_block

    @property
    def sequences(self) -> int:
        """Sequences of the whole set."""
        return self.tile * self.tiles

    def block_means(self, losses: np.ndarray, label_tokens: int) -> np.ndarray:
        """Mean loss of every block.

        Args:
            losses: [tiles, S] nats per sequence.
            label_tokens: label tokens of a sequence.

        Returns:
            [blocks] float64 nats per label token.
        """
        cut = losses.astype(np.float64).reshape(len(losses), self.blocks, self.per_block)
        return cut.mean(axis=(0, 2)) / label_tokens


def heldout_layout(available: int, record: int) -> HeldoutLayout:
    """Cut at most `available` sequences into tiles of about `record` sequences.

    Args:
        available: sequences that may be held out, at least 1.
        record: sequences wished for at a record point; at least one a block is taken.
    """
    blocks = min(BLOCKS, available)
    per_block = min(max(1, math.ceil(record / blocks)), available // blocks)
    return HeldoutLayout(blocks, per_block, available // (blocks * per_block))


def mean_and_stderr(block_means: np.ndarray) -> tuple[float, float]:
    """Mean over blocks and its standard error, from [blocks] values; infinite for one block."""
    if len(block_means) < 2:
        return float(block_means.mean()), math.inf
    return float(block_means.mean()), float(block_means.std(ddof=1) / math.sqrt(len(block_means)))
