"""Online losses of a stored run, by block of training steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from epiplexity_jax.coding import group_sizes, sum_variance


@dataclass(frozen=True, eq=False)
class OnlineLosses:
    """Losses of a run's training labels before it learnt them (raw weights), in N blocks.

    Blocks are those of `coding.block_grid`: a step each up to step 512, then about 69 an octave.

    Attributes:
        label_tokens: [N + 1] boundaries of the blocks, real label tokens from 0.
        loss_nats: [N] nats, the sum over a block's label tokens.
        stderr_nats: [N] nats, standard errors of these sums; NaN where a batch is one sequence.
        groups_nats: [N, G] nats, the sums by group of a batch's sequences (sequence i is in group
            i mod 8). Runs of one data order pair by group: the spread of the differences is that of
            the runs' difference.
        components_nats: [N, K] nats, the sums by component of a mix; K is 1 of other sources.
        component_label_tokens: [N, K] label tokens of each component in the block.
        sequences: number of sequences of a batch.
        data_order: hash of the data order, None where it is not known. Runs of equal order read the
            same batches, so their losses may be mixed label by label.
    """

    label_tokens: Int64[np.ndarray, " boundaries"]
    loss_nats: Float64[np.ndarray, " blocks"]
    stderr_nats: Float64[np.ndarray, " blocks"]
    groups_nats: Float64[np.ndarray, "blocks groups"]
    components_nats: Float64[np.ndarray, "blocks components"]
    component_label_tokens: Int64[np.ndarray, "blocks components"]
    sequences: int
    data_order: str | None


def online_losses_from(row: Mapping[str, Any], stream: Mapping[str, np.ndarray]) -> OnlineLosses:
    """Read a run's stream (see `store.Store.stream`); `row` is the run's."""
    count, sequences = len(stream["label_tokens"]), row["batch_size"]
    lists = ("online_loss_groups_nats", "component_loss_nats", "component_label_tokens")
    widths = (len(group_sizes(sequences)), 1, 1)  # of a run that ended before its first step did
    groups, losses, labels = (
        stream[name].reshape(count, -1 if count else width)
        for name, width in zip(lists, widths, strict=True)
    )
    counts = stream.get("group_label_tokens")
    counts = None if counts is None else counts.reshape(groups.shape)
    return OnlineLosses(
        label_tokens=np.concatenate([[0], stream["label_tokens"]]).astype(np.int64),
        loss_nats=stream["online_loss_nats"],
        stderr_nats=np.sqrt(sum_variance(groups, sequences, counts)),
        groups_nats=groups,
        components_nats=losses,
        component_label_tokens=labels,
        sequences=sequences,
        data_order=row.get("data_order"),
    )
