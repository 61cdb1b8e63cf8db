"""Tokens and FLOPs of a step and of an evaluation, and what a record point scores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Integer

from epiplexity_jax.engine.heldout import BlockMeans, HeldoutLayout, Turn
from epiplexity_jax.families.spec import Cost, Task
from epiplexity_jax.sources.spec import Batch


@dataclass(frozen=True)
class Accounting:
    """Tokens and FLOPs of a step and of an evaluation.

    Attributes:
        batch_size: B sequences a step.
        task: tokens of a sequence.
        cost: FLOPs per token.
        layout: the held-out set's.
        num_weight_sets: sets of weights that are scored (2: EMA and raw; 1: counts).
        sampling_passes: forward passes that drawing a sequence from the model takes.
        heldout_labels: [eval batches, S] label tokens of each held-out sequence; None where all
            have as many.
    """

    batch_size: int
    task: Task
    cost: Cost
    layout: HeldoutLayout
    num_weight_sets: int = 2
    sampling_passes: int = 1
    heldout_labels: Integer[np.ndarray, "eval_batches sequences"] | None = None

    def for_heldout(self, heldout: Batch) -> "Accounting":
        """The same with the label tokens of a held-out set, [eval batches, S, ...]."""
        return replace(self, heldout_labels=self.task.label_counts(heldout))

    @property
    def step_tokens(self) -> int:
        """Input and label tokens of a batch."""
        return self.batch_size * self.task.total_tokens

    @property
    def step_labels(self) -> int:
        """Label tokens of a batch, at the most where they vary."""
        return self.batch_size * self.task.label_tokens

    def block_means(
        self, losses: Float[np.ndarray, "eval_batches sequences"], batches: Sequence[int]
    ) -> BlockMeans:
        """Losses of the held-out blocks, nats per label token, from those of some eval batches.

        Args:
            losses: nats of each sequence of the eval batches.
            batches: their numbers.
        """
        if self.heldout_labels is None:
            return self.layout.block_means(losses, self.task.label_tokens)
        return self.layout.block_ratios(losses, self.heldout_labels[list(batches)])

    def turn(self, step: int) -> Turn:
        """The eval batches of a record point."""
        return self.layout.turn(step, self.batch_size)

    def eval_flops(self, sequences: int) -> float:
        """FLOPs of scoring so many sequences with every set of weights."""
        tokens = self.num_weight_sets * sequences * self.task.total_tokens
        return tokens * self.cost.eval_flops_per_token
