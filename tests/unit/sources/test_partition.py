"""Held-out windows and documents: no token of theirs is trained on, on small real files."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import (
    FlipLabels,
    Mix,
    PythonStdlib,
    Shuffle,
    Subsample,
    Text,
    Tokens,
    from_array,
    from_images,
    open_source,
)
from epiplexity_jax.sources.maps.mix import Component
from epiplexity_jax.sources.partition import Groups, HoldOut, partition
from epiplexity_jax.sources.verbatim import stands_in

DOCUMENTS, DROP = HoldOut("documents"), HoldOut(duplicates="drop")
RANDOM = np.random.default_rng(0)
LENGTH = 8


def cut(source, rule=DOCUMENTS, count=20, root=0):
    made = partition(source, count, root, rule, "sources.a")
    assert len(made.heldout) == count
    both = np.concatenate(made)
    assert len(np.unique(both)) == len(both)
    assert both.max() < source.sequences
    return made


@pytest.fixture
def folder(tmp_path):
    """Forty files of one letter each, of 1 to 90 characters; no letter is in two of them."""
    letters = [chr(0x4E00 + i) for i in range(40)]
    sizes = RANDOM.integers(1, 90, 40)
    for i, (letter, size) in enumerate(zip(letters, sizes, strict=True)):
        (tmp_path / f"{i:02}.txt").write_text(letter * size, encoding="utf-8")
    return Text(path=str(tmp_path), files="*", alphabet="".join(letters), length=LENGTH)


@pytest.mark.parametrize("root", range(5))
def test_no_held_out_token_comes_from_a_file_that_training_reads(folder, root):
    source = open_source(folder)
    made = cut(source, root=root)
    heldout, training = (set(source.read(part).ravel().tolist()) for part in made)
    assert heldout.isdisjoint(training)
    assert len(heldout) > 1
    # What is in neither part: windows of both, and those of held-out files that were not needed.
    windows = np.setdiff1d(np.arange(source.sequences), made.training)
    neither = [set(row) for row in source.read(windows).tolist() if not set(row) & training]
    assert len(neither) < 3 * 20
    random = cut(source, HoldOut(), root=root)
    heldout, training = (set(source.read(part).ravel().tolist()) for part in random)
    assert heldout & training  # by windows they share files


def test_maps_keep_files_apart(folder):
    flipped = FlipLabels(source=Subsample(source=folder, share=0.9), rate=0.0)
    mixed = Mix(sources=(Component(source=flipped),))
    for config in (flipped, mixed, Shuffle(source=folder)):
        source = open_source(config)
        made = cut(source, count=10)
        heldout, training = (set(source.read(part).ravel().tolist()) for part in made)
        assert heldout.isdisjoint(training)


def test_a_text_is_held_out_by_a_region(tmp_path):
    """A file whose token i is i, so that places can be read off."""
    np.save(tmp_path / "places.npy", np.arange(400 * LENGTH))
    source = open_source(Tokens(path=str(tmp_path / "places.npy"), length=LENGTH))
    starts = []
    for root in range(60):
        heldout, training = (
            np.sort(source.read(part), axis=None) for part in cut(source, root=root)
        )
        assert np.diff(heldout).tolist() == [1] * (20 * LENGTH - 1)
        assert len(training) == (400 - 20) * LENGTH
        assert not ((training >= heldout[0]) & (training <= heldout[-1])).any()
        starts.append(heldout[0] / (380 * LENGTH))
    # Uniform over the text: the mean within 4 standard errors, and both ends come up.
    assert abs(np.mean(starts) - 0.5) < 4 / np.sqrt(12 * 60)
    assert min(starts) < 0.1
    assert max(starts) > 0.9


def test_held_out_sequences_come_in_random_order(folder):
    """Record points score the first of them, which stand for all."""
    for source in (open_source(folder), from_array(np.arange(400 * LENGTH), length=LENGTH)):
        for rule in (HoldOut(), DOCUMENTS):
            steps = np.diff(cut(source, rule).heldout.astype(int))
            assert min(steps) < 0 < max(steps)


def test_the_standard_library_by_files():
    source = open_source(PythonStdlib(length=64, max_tokens=1_000_000))
    made = cut(source, count=500)
    spans = source.info.documents.spans
    files = [set(spans[part].ravel().tolist()) for part in made]
    assert len(files[0]) > 1
    assert files[0].isdisjoint(files[1])


def test_rows_are_documents_as_they_are():
    source = from_images(RANDOM.integers(0, 255, (300, 2, 2)))
    default, windows, documents = (
        cut(source, HoldOut(split)) for split in (None, "windows", "documents")
    )
    assert np.array_equal(default.heldout, documents.heldout)
    assert np.array_equal(default.heldout, windows.heldout)
    assert np.array_equal(default.training, documents.training)
    assert HoldOut("windows").kind(source.info.documents) == "documents"


def test_a_shuffled_corpus_has_no_documents(folder):
    source = open_source(Shuffle(source=folder, scope="corpus"))
    cut(source, HoldOut("windows"))
    with pytest.raises(ConfigError, match=r"^heldout\.split: sources\.a: .*; use windows"):
        cut(source)


def test_files_that_are_too_large_are_refused(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text(name * 1000)
    source = open_source(Text(path=str(tmp_path), files="*", length=LENGTH))
    with pytest.raises(ConfigError, match=r"^heldout\.split: sources\.a: .*; lower heldout\.tok"):
        cut(source)


def test_a_group_holds_a_window_and_whole_files():
    """By hand: windows 0-1, 1-2, 2-2, 2-4, 5-5 of six files."""
    spans = np.array([[0, 1], [1, 2], [2, 2], [2, 4], [5, 5]])
    groups = Groups.of(spans)
    assert groups.first.tolist() == [0, 2, 3, 6]
    assert groups.windows.tolist() == [1, 1, 1]
    assert groups.files(np.array([1, 2])).tolist() == [False, False, True, True, True, True]


@pytest.mark.parametrize("split", ["windows", "documents"])
def test_dropped_duplicates_are_in_neither_part(split):
    """Text that has a third of it again, elsewhere and off the grid."""
    tokens = RANDOM.integers(0, 1 << 20, 600 * LENGTH)
    tokens[400 * LENGTH + 3 : 598 * LENGTH + 3] = tokens[: 198 * LENGTH]
    source = from_array(tokens, length=LENGTH, vocab_size=1 << 20)
    kept = [cut(source, HoldOut(split), 60, root) for root in range(4)]
    dropped = [cut(source, HoldOut(split, "drop"), 60, root) for root in range(4)]
    shares = [[stands_in(source, *made).mean() for made in each] for each in (kept, dropped)]
    assert max(shares[0]) > 0.25
    assert shares[1] == [0.0] * 4
    for one, other in zip(kept, dropped, strict=True):
        if split == "windows":  # those that stay are held out still
            stays = one.heldout[~stands_in(source, *one)]
            assert set(stays[:60].tolist()) & set(other.heldout.tolist())
        assert len(other.training) >= 600 - 600 // 5


def test_a_picture_is_never_in_both_parts():
    pictures = RANDOM.integers(0, 255, (500, 4, 4), np.uint8)
    pictures[250:400] = pictures[:150]
    source = from_images(pictures)
    names = [{row.tobytes() for row in source.read(part)} for part in cut(source, count=40)]
    assert names[0] & names[1]
    names = [{row.tobytes() for row in source.read(part)} for part in cut(source, DROP, 40)]
    assert names[0].isdisjoint(names[1])
    assert len(names[0]) <= 40


def test_too_few_that_are_no_duplicates():
    source = from_array(np.tile(np.arange(LENGTH), 400), length=LENGTH)
    with pytest.raises(ConfigError) as caught:
        cut(source, DROP)
    assert str(caught.value) == (
        "heldout.duplicates: sources.a: 20 sequences are needed, but only 0 of the 80 that may be "
        "held out do not occur in the training part; lower heldout.tokens, or use keep"
    )


@pytest.mark.parametrize("rule", [HoldOut(), DOCUMENTS, DROP, HoldOut("documents", "drop")])
def test_equal_seeds_cut_alike(folder, rule):
    source = from_array(RANDOM.integers(0, 1 << 20, 400 * LENGTH), length=LENGTH)
    once, again, other = (cut(source, rule, root=root) for root in (0, 0, 1))
    assert np.array_equal(once.heldout, again.heldout)
    assert np.array_equal(once.training, again.training)
    assert not np.array_equal(once.heldout, other.heldout)


def test_a_random_choice_is_exchangeable(folder):
    text, rows = open_source(folder).info.documents, from_images(np.zeros((9, 1, 1), int))
    assert HoldOut().is_random(text)
    assert not DOCUMENTS.is_random(text)
    assert DOCUMENTS.is_random(rows.info.documents)
    assert not DROP.is_random(rows.info.documents)
