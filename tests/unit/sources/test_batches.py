"""Batches with and without masks, and the masks of sources that are read as one."""

import numpy as np
import pytest

from epiplexity_jax.sources.batches import (
    empty_batch,
    joint_labels,
    labels_note,
    masked,
    put,
    without_tails,
)
from epiplexity_jax.sources.spec import MaskedTokens, SourceInfo


def info_of(mask, shares=None):
    mask = np.array(mask)
    return SourceInfo(
        vocab_size=300, length=len(mask), label_mask=mask, label_shares=shares, fingerprint=""
    )


WHOLE, HALF = info_of([True, True]), info_of([False, True])
VARYING = info_of([True, True], np.array([0.5, 1.0]))


def test_joint_labels_are_one_mask_or_shares():
    assert joint_labels([WHOLE, WHOLE], [0.5, 0.5]) == {}
    found = joint_labels([WHOLE, HALF], [0.25, 0.75])
    assert found["label_mask"].tolist() == [True, True]
    assert found["label_shares"].tolist() == pytest.approx([0.25, 1.0])
    assert joint_labels([VARYING, HALF], [0.5, 0.5])["label_shares"].tolist() == [0.25, 1.0]


def test_room_is_filled_with_masks_where_labels_vary():
    room = empty_batch(3, VARYING)
    assert room.tokens.dtype == np.uint16
    put(room, slice(0, 2), masked(np.array([[1, 2], [3, 4]]), HALF))
    put(room, np.array([2]), MaskedTokens(np.array([[299, 0]]), np.array([[True, False]])))
    assert room.tokens.tolist() == [[1, 2], [3, 4], [299, 0]]
    assert room.mask.tolist() == [[False, True], [False, True], [True, False]]
    assert empty_batch(3, WHOLE).shape == (3, 2)


def test_what_lies_behind_the_last_label_is_0():
    tokens = np.array([[5, 6, 7], [5, 6, 7], [5, 6, 7]])
    mask = np.array([[False, True, False], [False] * 3, [True, False, True]])
    assert without_tails(tokens, mask).tokens.tolist() == [[5, 6, 0], [0, 0, 0], [5, 6, 7]]


def test_the_note_says_the_share_of_padding():
    assert "x: labels vary by sequence, 2.5 of 4 tokens on average; 25.0% of all" in labels_note(
        "x", 2.5, 4, 0.25
    )
