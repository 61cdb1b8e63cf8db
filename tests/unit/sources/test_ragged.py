"""Rows of different length and labels of their own, from arrays, files, iterators and grain."""

import json

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import open_source
from epiplexity_jax.sources import opening as kinds
from epiplexity_jax.sources.files.tokens import from_array
from epiplexity_jax.sources.python.grain_dataset import from_grain
from epiplexity_jax.sources.python.iterator import from_iterator
from epiplexity_jax.sources.spec import MaskedTokens
from epiplexity_jax.sources.verbatim import contents

RNG = np.random.default_rng(0)
N, L, V = 120, 12, 9
COUNTS = RNG.integers(2, L + 1, N)
MASK = np.arange(L) < COUNTS[:, None]
ROWS = np.where(MASK, RNG.integers(1, V, (N, L)), 0)
LISTS = [row[:count].tolist() for row, count in zip(ROWS, COUNTS, strict=True)]


def opened(**fields):
    return open_source(kinds.parse(fields, "sources.s"))


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", ROWS)
    np.save("mask.npy", MASK)
    np.save("labels.npy", np.where(MASK, ROWS, -100))
    with open("rows.jsonl", "w", encoding="utf-8") as file:
        for row in LISTS:
            labels = [-100, -100, *row[2:]]
            file.write(json.dumps({"input_ids": row, "labels": labels}) + "\n")
    with open("texts.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": "ab" * count}) + "\n" for count in COUNTS)


def assert_rows(source, tokens=ROWS, mask=MASK):
    read = source.read(np.arange(N))
    np.testing.assert_array_equal(read.tokens, tokens)
    np.testing.assert_array_equal(read.mask, mask)
    np.testing.assert_allclose(source.info.label_shares, mask.mean(axis=0))
    assert source.info.mean_labels == pytest.approx(mask.sum() / N)
    padding = 1.0 - MASK.mean()
    assert f"{padding:.1%} of all positions are padding" in source.info.notes[-1]


def test_every_way_reads_the_same_rows():
    ways = {
        "array, pad": from_array(ROWS, pad=0),
        "array, mask": from_array(ROWS, mask=MASK, vocab_size=V),
        "file, pad": opened(kind="tokens", path="rows.npy", pad=0, rows="keep"),
        "file, mask": opened(kind="tokens", path="rows.npy", labels="mask.npy"),
        "file, -100": opened(kind="tokens", path="rows.npy", labels="labels.npy"),
        "documents": opened(
            kind="documents", path="rows.jsonl", column="input_ids", rows="keep", length=L
        ),
        "iterator": from_iterator(lambda: iter(LISTS), vocab_size=V, length=L, rows="keep"),
    }
    for source in ways.values():
        assert_rows(source)
    assert len({source.info.fingerprint for source in ways.values()}) == 1


def test_prompts_are_context():
    source = opened(
        kind="documents", path="rows.jsonl", column="input_ids", labels="labels", rows="keep",
        length=L,
    )  # fmt: skip
    kept = COUNTS > 2  # a row without a label has nothing to read
    read = source.read(np.arange(source.sequences))
    assert source.sequences == kept.sum()
    np.testing.assert_array_equal(read.tokens, ROWS[kept])
    np.testing.assert_array_equal(read.mask, MASK[kept] & (np.arange(L) > 1))


def test_a_token_that_is_never_paid_for_stays_context():
    source = from_array(ROWS.ravel(), length=10, vocab_size=V, ignore=0)
    read = source.read(np.arange(source.sequences))
    whole = ROWS.ravel()[: source.sequences * 10].reshape(-1, 10)
    np.testing.assert_array_equal(read.mask, whole != 0)
    read_at = np.logical_or.accumulate(read.mask[:, ::-1], axis=1)[:, ::-1]
    np.testing.assert_array_equal(read.tokens, np.where(read_at, whole, 0))


def test_longer_rows_are_cut_and_that_is_said():
    source = opened(kind="documents", path="texts.jsonl", rows="keep", length=8, alphabet="ab\n")
    sizes = 2 * COUNTS + 1
    assert source.sequences == (-(-sizes // 8)).sum()
    assert source.info.mean_labels * source.sequences == pytest.approx(sizes.sum())
    assert "rows are longer than length, 8, and were cut" in source.info.notes[0]
    assert source.info.documents.kind == "files"


def test_rows_of_one_mask_are_a_source_of_one_mask():
    whole = RNG.integers(1, V, (N, L))
    assert from_array(whole, pad=0).info.fingerprint == from_array(whole).info.fingerprint
    half = from_array(whole, mask=np.broadcast_to(np.arange(L) > 5, whole.shape))
    assert not half.info.labels_vary
    np.testing.assert_array_equal(half.info.label_mask, np.arange(L) > 5)
    np.testing.assert_array_equal(half.read([3]), whole[3:4])


@pytest.mark.parametrize("memory", [1e9, 0])
def test_rows_of_grain_may_have_masks_of_their_own(memory):
    import grain

    rows = grain.MapDataset.range(N).map(lambda i: (ROWS[i], MASK[i]))
    assert_rows(from_grain(rows, vocab_size=V, memory=memory))
    short = grain.MapDataset.range(N).map(lambda i: ROWS[i, : COUNTS[i]])
    assert_rows(from_grain(short, vocab_size=V, length=L, memory=memory))


def test_maps_keep_the_masks_or_refuse():
    ragged = from_array(ROWS, pad=0)
    some = opened(kind="subsample", source=ragged, sequences=50)
    assert isinstance(some.read(np.arange(5)), MaskedTokens)
    other = from_array(RNG.integers(0, V, (N, L)), vocab_size=V)
    mix = opened(kind="mix", sources=[{"source": ragged}, {"source": other}])
    assert mix.read(np.arange(60)).mask.sum(1).max() == L
    expected = (MASK.mean(0) + 1) / 2
    np.testing.assert_allclose(mix.info.label_shares, expected)
    for kind in ("shuffle", "flip_labels"):
        with pytest.raises(ConfigError, match=f"labels vary by sequence, which {kind}"):
            opened(kind=kind, source=ragged, **({"rate": 0.1} if kind == "flip_labels" else {}))


def test_padding_is_no_token_where_rows_are_compared():
    ragged = from_array(ROWS, mask=MASK, vocab_size=V)
    rows = MaskedTokens(np.zeros((2, L), np.uint8), np.arange(L) < np.array([[3], [4]]))
    one, two = contents(ragged.info, rows)
    assert (one != two).any()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": "rows.npy"}, "is the file of the tokens"),
        ({"labels": "rows.jsonl"}, "must be a .npy file"),
        ({"ignore": 3, "length": 7}, "rows are sequences of 12 tokens, but length is 7"),
    ],
)
def test_labels_that_do_not_fit_are_refused(changes, said):
    with pytest.raises(DataError, match=said):
        opened(kind="tokens", path="rows.npy", **changes)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (MASK[1:], r"tokens of shape \[120, 12\], and labels of \[119, 12\]"),
        (MASK * 1.0, "labels are float64; expected truth values"),
        (np.roll(ROWS, -1, axis=1) + 1, "not its tokens"),
        (np.zeros_like(MASK), "no token of it is paid for"),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask, said):
    with pytest.raises(DataError, match=said):
        from_array(ROWS, mask=mask)


def test_a_mask_among_joined_items_is_no_row_of_tokens():
    items = [(row, mask) for row, mask in zip(ROWS, MASK, strict=True)]
    with pytest.raises(DataError, match="tuple of tokens and their label mask; say rows: keep"):
        from_iterator(lambda: iter(items), vocab_size=V, length=L)
    assert_rows(from_iterator(lambda: iter(items), vocab_size=V, length=L, rows="keep"))
