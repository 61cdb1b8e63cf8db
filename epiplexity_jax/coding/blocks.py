"""Blocks of training steps: a grid that runs of all lengths share, and the spread of a block's sum.

Axis letters: N blocks, G groups of a batch's sequences.
"""

import functools

import numpy as np
from jaxtyping import Float64, Int64

from epiplexity_jax.base.errors import ConfigError

SINGLE_STEPS = 512  # blocks of one step each, at the start of every run
MAX_BLOCKS = 2048
MAX_STEPS = 2**31
GROUPS = 8  # of a batch's sequences

_PER_OCTAVE = 69  # the most that keep 2^31 steps within 2048 blocks

Ends = Int64[np.ndarray, " ends"]
Spread = Float64[np.ndarray, "*blocks"]


def block_grid(steps: int, step_labels: int = 1) -> Ends:
    """Cut the steps of a run into blocks: 512 of one step, then about 69 in every octave.

    The grid is absolute: a longer run has all blocks of a shorter one, but for the last, which the
    shorter run's end may cut.

    Args:
        steps: number of steps of the run, 0 to 2^31.
        step_labels: label tokens of a step, for boundaries in label tokens.

    Returns:
        [N + 1] int64, increasing from 0 to `steps`, times `step_labels`: block n holds the steps
        after boundary n up to boundary n + 1. N is at most 2048.

    Raises:
        ConfigError: when the steps are not within 0 and 2^31, or there are no label tokens.

    >>> block_grid(3).tolist()
    [0, 1, 2, 3]
    >>> block_grid(520)[-4:].tolist()
    [511, 512, 517, 520]
    >>> block_grid(2, step_labels=64).tolist()
    [0, 64, 128]
    """
    if not 0 <= steps <= MAX_STEPS:
        raise ConfigError(f"steps: must be within 0 and {MAX_STEPS}, got {steps}")
    if step_labels < 1:
        raise ConfigError(f"step_labels: must be at least 1, got {step_labels}")
    ends = block_ends()
    inner = ends[: np.searchsorted(ends, steps)]
    return np.concatenate([[0], inner, [steps] if steps else []]).astype(np.int64) * step_labels


@functools.cache
def block_ends() -> Ends:
    """Last steps of all blocks up to 2^31 steps, counted from 1: [2030], read-only."""
    octaves = (MAX_STEPS // SINGLE_STEPS).bit_length() - 1
    later = SINGLE_STEPS * 2.0 ** (np.arange(1, octaves * _PER_OCTAVE + 1) / _PER_OCTAVE)
    ends = np.concatenate([np.arange(1, SINGLE_STEPS + 1), np.rint(later)]).astype(np.int64)
    ends.flags.writeable = False
    return ends


def group_sizes(sequences: int) -> Int64[np.ndarray, " groups"]:
    """Sequences in each group of a batch: its sequence i is in group i mod 8.

    >>> group_sizes(20).tolist(), group_sizes(3).tolist()
    ([3, 3, 3, 3, 2, 2, 2, 2], [1, 1, 1])
    """
    count = min(GROUPS, sequences)
    return np.bincount(np.arange(sequences) % count)


def sum_variance(
    groups: Float64[np.ndarray, "*blocks groups"],
    sequences: int,
    labels: Int64[np.ndarray, "*blocks groups"] | None = None,
) -> Spread:
    """Estimate the variance of sums from the spread of their groups.

    Of independent sequences with one variance the estimate is unbiased. With S the sum, S_g that
    of a group and w_g its share of the sequences, it is
    sum_g (S_g - w_g S)^2 / (1 - sum_g w_g^2). Differences of two runs that read the same data in
    one order pair: give the differences of their groups.

    Args:
        groups: [..., G] sums by group, any unit.
        sequences: number of sequences of a batch.
        labels: [..., G] label tokens by group, where sequences differ in them: a group's share is
            then that of the labels, and how many there are is no error.

    Returns:
        [...] in the unit's square; NaN where a batch is one sequence, 0 where there are no labels.

    Raises:
        ConfigError: when a batch of so many sequences has another number of groups.

    >>> sum_variance(np.array([1.0, 3.0]), 2).item()
    4.0
    """
    sizes = group_sizes(sequences)
    if groups.shape[-1] != len(sizes):
        raise ConfigError(
            f"groups: {groups.shape[-1]} of them, but a batch of {sequences} has {len(sizes)}"
        )
    if len(sizes) == 1:
        return np.full(groups.shape[:-1], np.nan)
    share = sizes / sequences
    if labels is not None:
        share = labels / np.maximum(labels.sum(axis=-1, keepdims=True), 1)
    rest = groups - share * groups.sum(axis=-1, keepdims=True)
    left = 1.0 - (share**2).sum(axis=-1)  # 0 where one group has all labels
    return np.asarray((rest**2).sum(axis=-1) / np.where(left > 0, left, np.nan))
