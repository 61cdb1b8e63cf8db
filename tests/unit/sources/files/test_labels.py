"""Options that say which tokens of an array are paid for."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.labels import Labels, open_labels, open_selected

ROWS = np.array([[9, 1, 2, 9], [3, 4, 5, 9], [9, 9, 9, 9]] * 4)
FACTS = {"vocab_size": 6}


def test_padding_is_joined_away_or_left_at_the_end_of_rows():
    joined = open_selected(ROWS, "x", 5, Labels(pad=9), FACTS)
    assert joined.read([0, 1]).tolist() == [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]
    kept = open_selected(ROWS, "x", None, Labels(pad=9, rows="keep"), FACTS)
    assert kept.sequences == 12
    read = kept.read([0, 1, 2])
    assert read.tokens.tolist() == [[1, 2, 0, 0], [3, 4, 5, 0], [0, 0, 0, 0]]
    assert read.mask.sum(axis=1).tolist() == [2, 3, 0]


def test_labels_of_joined_rows_stay_with_their_tokens():
    labels = np.where(ROWS == 4, -100, ROWS)  # 1, 2, 3 are paid for, 4 and 5 are context
    source = open_selected(ROWS, "x", 4, Labels(pad=9, labels=labels, ignore=5), FACTS)
    read = source.read(range(5))
    assert read.tokens.tolist() == [
        [1, 2, 3, 0],
        [5, 1, 2, 3],
        [4, 5, 1, 2],
        [3, 4, 5, 1],
        [2, 3, 0, 0],
    ]
    assert read.mask.sum(axis=1).tolist() == [3, 3, 2, 2, 2]


def test_borders_of_documents_are_kept():
    flat = np.arange(40) % 6
    source = open_selected(flat, "x", 5, Labels(ignore=0, ends=np.array([20, 40])), FACTS)
    assert source.info.documents.spans.tolist() == [[0, 0]] * 4 + [[1, 1]] * 4


def test_files_of_labels_are_mapped(tmp_path):
    np.save(tmp_path / "labels.npy", ROWS)
    assert open_labels(None, tmp_path) is None
    np.testing.assert_array_equal(open_labels(str(tmp_path / "labels.npy"), tmp_path), ROWS)
    with pytest.raises(DataError, match="no such file"):
        open_labels(str(tmp_path / "none.npy"), tmp_path)
