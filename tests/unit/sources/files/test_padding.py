"""Padding of rows: found where it is, left out where it is named, and not seen elsewhere."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources import Tokens, from_array, open_source
from epiplexity_jax.sources.files import padding
from epiplexity_jax.sources.files.padding import find_padding, join_rows, trimmed

RNG = np.random.Generator(np.random.Philox(5))
LENGTHS = RNG.integers(6, 24, 600)
ROWS = [RNG.integers(1, 64, length) for length in LENGTHS]


def padded(pad, left=False, width=40):
    rows = np.full((len(ROWS), width), pad, np.int64)
    for into, row in zip(rows, ROWS, strict=True):
        into[width - len(row) :] = row if left else into[width - len(row) :]
        if not left:
            into[: len(row)] = row
    return rows


@pytest.fixture
def saved(tmp_path):
    def write(array, **config):
        np.save(tmp_path / "padded.npy", array)
        return Tokens(path=str(tmp_path / "padded.npy"), **config)

    return write


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("pad", [0, 64, 50_256])
def test_padding_is_found_and_left_out(monkeypatch, saved, left, pad):
    monkeypatch.setattr(padding, "_PART", 1000)
    rows = padded(pad, left)
    share = 1 - LENGTHS.sum() / rows.size
    (note,) = open_source(saved(rows)).info.notes
    assert f": token {pad} fills the ends of 100.0% of the rows and is {share:.1%} of all" in note
    assert note.endswith(f"if it is padding, leave it out with pad: {pad}")
    source = open_source(saved(rows, pad=pad, length=1, vocab_size=64))
    joined = np.concatenate(ROWS)
    assert np.array_equal(source.read(np.arange(source.sequences)).ravel(), joined)
    assert source.info.notes == ()
    assert np.bincount(source.info.documents.spans[:, 0]).tolist() == LENGTHS.tolist()
    assert source.info.fingerprint == from_array(joined, length=1, vocab_size=64).info.fingerprint


@pytest.mark.parametrize(
    "rows",
    [
        RNG.integers(0, 64, (500, 40)),
        RNG.integers(0, 2, (500, 40)),
        np.zeros((50, 8), np.int64),
        np.tile(np.r_[RNG.integers(1, 9, 30), [0, 0]], (99, 1)),  # the same end in all
    ],
)
def test_rows_without_padding_have_no_note(saved, rows):
    assert find_padding(rows) is None
    assert open_source(saved(rows)).info.notes == ()


def test_rows_that_are_all_padding_hold_nothing():
    assert trimmed(np.zeros(5, np.int64), 0).tolist() == []
    tokens, ends = join_rows(np.array([[0, 0], [0, 3], [0, 0]]), 0)
    assert (tokens.tolist(), ends.tolist()) == ([3], [0, 1, 1])


def test_padding_is_of_a_matrix(saved):
    with pytest.raises(
        DataError, match="pad: fills the rows of a matrix of integers, and it holds"
    ):
        open_source(saved(np.arange(900), pad=0))
