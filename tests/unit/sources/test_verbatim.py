"""Sequences that occur verbatim in the training part, against `bytes.find` and planted copies."""

import numpy as np
import pytest

from epiplexity_jax.sources import from_array, from_images, from_labelled, verbatim
from epiplexity_jax.sources.documents import Documents
from epiplexity_jax.sources.spec import FiniteSource, SourceInfo, WithReals
from epiplexity_jax.sources.split import Split
from epiplexity_jax.sources.verbatim import stands_in

LENGTH = 16
RANDOM = np.random.default_rng(0)


def parts(source, heldout):
    wanted = np.asarray(heldout)
    return wanted, np.setdiff1d(np.arange(source.sequences), wanted)


def by_find(source, heldout):
    """The same of bytes, with 255 in place of what is held out."""
    rows = source.read(np.arange(source.sequences)).astype(np.uint8)
    text = rows.copy()
    text[heldout] = 255
    return [text.tobytes().find(rows[i].tobytes()) >= 0 for i in heldout]


@pytest.mark.parametrize("chunk", [1, 40, 1 << 20])
@pytest.mark.parametrize("base", [verbatim._BASE, 1])
def test_windows_are_found_at_every_offset(monkeypatch, chunk, base):
    """Whatever the chunks; with base 1 all windows of the same tokens have one hash."""
    monkeypatch.setattr(verbatim, "_CHUNK", chunk)
    monkeypatch.setattr(verbatim, "_BASE", base)
    tokens = RANDOM.integers(0, 2, 300 * 12)
    source = from_array(tokens, length=12, vocab_size=200)
    heldout = RANDOM.permutation(300)[:40]
    expected = by_find(source, heldout)
    assert 0.1 < np.mean(expected) < 0.9
    assert stands_in(source, *parts(source, heldout)).tolist() == expected


@pytest.mark.parametrize("offset", [0, 1, LENGTH - 1])
def test_a_planted_copy_is_found(offset):
    tokens = RANDOM.integers(0, 1 << 30, 60 * LENGTH)
    tokens[20 * LENGTH + offset :][:LENGTH] = tokens[3 * LENGTH :][:LENGTH]
    source = from_array(tokens % (1 << 20), length=LENGTH, vocab_size=1 << 20)
    assert stands_in(source, *parts(source, [3, 7, 3])).tolist() == [True, False, True]
    # Not where a part of the copy is held out too, and text on its two sides is not joined.
    held = [3, 20] if offset == 0 else [3, 21]
    assert stands_in(source, *parts(source, held)).tolist() == [False, False]


def test_overlap_with_itself_is_no_copy():
    source = from_array(np.zeros(4 * LENGTH, int), length=LENGTH, vocab_size=2)
    assert stands_in(source, np.array([1]), np.array([0, 2, 3])).tolist() == [True]
    assert stands_in(source, np.array([0, 1, 2]), np.array([], int)).tolist() == [False] * 3
    tokens = np.r_[np.ones(LENGTH // 2, int), np.zeros(2 * LENGTH, int), np.ones(LENGTH // 2, int)]
    source = from_array(tokens, length=LENGTH)
    assert stands_in(source, np.array([1]), np.array([0, 2])).tolist() == [False]


def test_the_search_may_be_limited():
    tokens = RANDOM.integers(0, 1 << 20, 60 * LENGTH)
    tokens[50 * LENGTH :][:LENGTH] = tokens[:LENGTH]
    source = from_array(tokens, length=LENGTH, vocab_size=1 << 20)
    assert not stands_in(source, *parts(source, [0]), limit=40 * LENGTH)[0]
    assert stands_in(source, *parts(source, [0]), limit=55 * LENGTH)[0]


def test_rows_are_compared_whole():
    """A row that stands across two others of a table is no duplicate."""
    rows = RANDOM.integers(0, 250, (40, LENGTH))
    rows[7] = rows[30]
    rows[8] = np.r_[rows[20][LENGTH // 2 :], rows[21][: LENGTH // 2]]
    source = from_array(rows)
    assert stands_in(source, *parts(source, [7, 8, 9])).tolist() == [True, False, False]


def test_labels_do_not_tell_pictures_apart():
    pictures = RANDOM.integers(0, 255, (30, 3, 3))
    pictures[4] = pictures[20]
    labels = np.arange(30) % 3
    assert labels[4] != labels[20]
    for inputs in (pictures, pictures / 255):
        source = from_labelled(inputs, labels)
        assert stands_in(source, *parts(source, [4, 5])).tolist() == [True, False]
    source = from_images(pictures)
    assert stands_in(source, *parts(source, [4, 5])).tolist() == [True, False]


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint64, ">i4"])
def test_tokens_of_every_type(dtype):
    """As sources of a user's own may read them."""
    rows = RANDOM.integers(0, 2, (400, 12))
    info = SourceInfo.all_labels(2, 12, "own", documents=Documents.of_text(400))
    source = FiniteSource(info, 400, lambda indices: rows[indices].astype(dtype))
    heldout = np.arange(0, 400, 9)
    expected = by_find(source, heldout)
    assert 0.1 < np.mean(expected) < 0.9
    assert stands_in(source, *parts(source, heldout)).tolist() == expected


def test_zero_has_no_sign():
    inputs = np.array([[0.0, 1.0], [-0.0, 1.0], [0.5, 1.0]])
    source = from_labelled(inputs, [0, 1, 0])
    assert stands_in(source, np.array([0, 2]), np.array([1])).tolist() == [True, False]


def test_sequences_with_real_numbers_are_compared_whole():
    """Equal tokens with other vectors are no copy, and 0 has no sign there either."""
    tokens = np.tile(np.arange(4, dtype=np.uint8), (6, 1))
    reals = np.arange(6 * 2 * 3, dtype=np.float32).reshape(6, 2, 3)
    reals[1], reals[3] = 0.0, -0.0
    info = SourceInfo(
        vocab_size=4,
        length=4,
        label_mask=np.array([False, False, True, True]),
        fingerprint="x",
        real_positions=(0, 1),
        real_width=3,
    )
    source = FiniteSource(info, 6, lambda rows: WithReals(tokens[rows], reals[rows]))
    found = stands_in(source, np.array([0, 1]), np.array([2, 3, 4, 5]))
    assert found.tolist() == [False, True]


def test_a_known_share_of_copies():
    """Random text of which a quarter of the windows were copied elsewhere, at odd offsets."""
    tokens = RANDOM.integers(0, 1 << 20, 4000 * LENGTH)
    copied = RANDOM.permutation(1000)[:250]
    for place, window in enumerate(copied):
        start = (1500 + 3 * place) * LENGTH + place % LENGTH
        tokens[start : start + LENGTH] = tokens[window * LENGTH :][:LENGTH]
    source = from_array(tokens, length=LENGTH, vocab_size=1 << 20)
    found = stands_in(source, np.arange(1000), np.arange(1000, 4000))
    assert found.mean() == 0.25
    assert np.flatnonzero(found).tolist() == sorted(copied.tolist())
    split = Split(source, 400, root=1)
    assert split.verbatim_share == pytest.approx(np.mean(by_find_wide(split)))


def by_find_wide(split):
    rows = split.source.read(np.arange(split.source.sequences)).astype(">u4")
    heldout = split._parts.heldout
    text = rows.copy()
    text[heldout] = 1 << 31
    return [text.tobytes().find(rows[i].tobytes()) >= 0 for i in heldout]
