"""Rows of token ids that are read one by one, with their labels."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.row_labels import RowOptions, Rows, labelled_row

KEEP = RowOptions(pad=0, keep=True, ignore=7)


def test_a_row_ends_with_its_last_label():
    row, paid = labelled_row("x", [0, 0, 4, 7, 5, 7, 0], None, KEEP)
    assert row.tolist() == [4, 7, 5]
    assert paid.tolist() == [True, False, True]
    row, _ = labelled_row("x", [4, 7, 5, 7, 0], None, RowOptions(0, False, 7))
    assert row.tolist() == [4, 7, 5, 7]
    assert len(labelled_row("x", [0, 0], None, KEEP)[0]) == 0


def test_labels_go_with_their_tokens():
    row, paid = labelled_row("x", [0, 4, 6, 5], [-100, -100, 6, 5], KEEP)
    assert row.tolist() == [4, 6, 5]
    assert paid.tolist() == [False, True, True]
    with pytest.raises(DataError, match="x: has 1 labels for 2 tokens"):
        labelled_row("x", [1, 2], [1], KEEP)
    with pytest.raises(DataError, match="outside 0 to"):
        labelled_row("x", [1 << 40], None, KEEP)


def test_rows_without_a_token_are_left_out():
    rows = Rows()
    for value in ([1, 2], [], [3], [2, 2, 2]):
        rows.add(*labelled_row("x", value, None, KEEP))
    source = rows.open("x", 3, KEEP, {"vocab_size": 8})
    assert rows.count == 4
    assert source.read(np.arange(3)).mask.sum(axis=1).tolist() == [2, 1, 3]
