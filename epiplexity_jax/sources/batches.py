"""Batches of finite sources: room for sequences, and label masks of sources read as one."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Integer

from epiplexity_jax.sources.spec import Batch, MaskedTokens, SourceInfo, Vectors, WithReals

Rows = Integer[np.ndarray, "n length"]
Masks = Bool[np.ndarray, "n length"]


def empty_batch(count: int, info: SourceInfo) -> Batch:
    """Allocate sequences in NumPy, tokens in the smallest type that holds inputs and labels."""
    dtype = np.min_scalar_type(max(info.vocab_size, info.input_vocab_size or 1) - 1)
    if info.features is not None:
        return Vectors(np.empty((count, info.features), np.float32), np.empty((count, 1), dtype))
    tokens = np.empty((count, info.length), dtype)
    if info.real_width is not None:
        shape = (count, len(info.real_positions), info.real_width)
        return WithReals(tokens, np.empty(shape, np.float32))
    return MaskedTokens(tokens, np.empty(tokens.shape, bool)) if info.labels_vary else tokens


def put(room: Batch, rows: Integer[np.ndarray, " n"] | slice, batch: Batch) -> None:
    """Write a batch into rows.

    Args:
        room: a batch of `empty_batch`, which is written to.
        rows: indices or range of its sequences.
        batch: a batch of as many sequences.
    """
    for into, leaf in zip(jax.tree.leaves(room), jax.tree.leaves(batch), strict=True):
        into[rows] = np.asarray(leaf)


def masked(batch: Batch, info: SourceInfo) -> MaskedTokens:
    """Give tokens of a source [n, L] the label mask that all of them share, unless they have one.

    >>> info = SourceInfo(
    ...     vocab_size=2, length=2, label_mask=np.array([False, True]), fingerprint="")
    >>> masked(np.array([[0, 1]]), info).mask.tolist()
    [[False, True]]
    """
    if isinstance(batch, MaskedTokens):
        return batch
    tokens = np.asarray(batch)
    return MaskedTokens(tokens, np.broadcast_to(info.label_mask, tokens.shape))


def without_tails(tokens: Rows, mask: Masks) -> MaskedTokens:
    """Set what lies behind the last label of each sequence, which nothing reads, to 0.

    >>> without_tails(np.array([[3, 1, 7, 7]]), np.array([[False, True, False, False]])).tokens
    array([[3, 1, 0, 0]])
    """
    read = np.logical_or.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
    return MaskedTokens(np.where(read, tokens, tokens.dtype.type(0)), mask)


def labels_note(where: str, labels: float, length: int, padding: float) -> str:
    """Say how many labels sequences have on average, and the share of padding.

    Args:
        where: name of the data.
        labels: mean label tokens of a sequence.
        length: L.
        padding: share of all positions that lie behind the last label of their sequence.
    """
    return (
        f"{where}: labels vary by sequence, {labels:.4g} of {length} tokens on average; "
        f"{padding:.1%} of all positions are padding, which takes compute and is not paid for"
    )


def joint_labels(infos: Sequence[SourceInfo], shares: Sequence[float]) -> dict[str, Any]:
    """Label masks of several sources read as one, as fields of `SourceInfo`.

    Args:
        infos: facts of the sources, of one length.
        shares: share of the sequences that each has.
    """
    first = infos[0]
    same = all((info.label_mask == first.label_mask).all() for info in infos)
    if same and not any(info.labels_vary for info in infos):
        return {}
    each = [i.label_mask if i.label_shares is None else i.label_shares for i in infos]
    joint = np.zeros(first.length)
    for share, own in zip(shares, each, strict=True):
        joint += share * own.astype(np.float64)
    return {"label_mask": joint > 0, "label_shares": joint}
