"""From files as people have them to a decomposition, against count models worked out by hand."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.special import gammaln

import epiplexity_jax as epx

PROSE = "It was the best of times, it was the worst of times, it was the age of wisdom. "
LENGTH = 16
RNG = np.random.Generator(np.random.Philox(11))


def words(count: int) -> str:
    return " ".join(RNG.permutation(np.array(PROSE.split()))[0] for _ in range(count))


def counted(train: np.ndarray, heldout: np.ndarray, vocab: int, order: int) -> tuple[float, float]:
    """Held-out nats a token and model nats of Krichevsky-Trofimov counts, in closed form."""

    def table(rows):
        before = np.concatenate([np.full((len(rows), 1), vocab), rows[:, :-1]], axis=1)
        contexts = before if order else np.zeros_like(rows)
        counts = np.zeros((vocab + 1, vocab))
        np.add.at(counts, (contexts, rows), 1)
        return counts, contexts

    counts, _ = table(train)
    _, contexts = table(heldout)
    totals = counts.sum(axis=1)
    chosen = (counts[contexts, heldout] + 0.5) / (totals[contexts] + vocab / 2)
    floor = -np.log(chosen).mean()
    online = (gammaln(totals + vocab / 2) - gammaln(vocab / 2)).sum()
    online -= (gammaln(counts + 0.5) - gammaln(0.5)).sum()
    return floor, online - train.size * floor


def rows_of(tokens: np.ndarray) -> np.ndarray:
    return tokens[: len(tokens) // LENGTH * LENGTH].reshape(-1, LENGTH).astype(np.int64)


def check(source, train: np.ndarray, heldout: np.ndarray, vocab: int, store) -> list[str]:
    """Run it, and compare both orders; also give the notes."""
    train, heldout = rows_of(train), rows_of(heldout)
    assert len(heldout) <= 64  # blocks: all of them are scored
    runs = epx.run(
        {"mine": source},
        epx.families.Ngram(orders=(0, 1), seeds=1),
        steps=len(train),
        recipe="fixed",
        training=epx.Training(batch_size=1),
        heldout=epx.Heldout(tokens=heldout.size),
        store=store,
    )
    found = {row["size"]: row for row in runs.rows(1e6)}
    for order in (0, 1):
        floor, model = counted(train, heldout, vocab, order)
        row = found[f"order {order}"]
        assert row["vocab_size"] == vocab
        assert np.isclose(row["heldout_loss_nats"], floor, rtol=1e-9)
        assert np.isclose(row["model_bits"], model / np.log(2), rtol=1e-6)
    frontier = runs.frontier(1e6)
    assert frontier.at(1e12).entropy_bits > 0
    return list(frontier.warnings)


def test_the_folder_of_nanogpt(tmp_path):
    text = words(2000)
    letters = sorted(set(text))
    ids = np.array([letters.index(c) for c in text], np.uint16)
    train, val = ids[:-1000], ids[-1000:]
    train.tofile(tmp_path / "train.bin")
    val.tofile(tmp_path / "val.bin")
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": len(letters)}))
    folder = {"path": str(tmp_path / "train.bin"), "heldout": str(tmp_path / "val.bin")}
    source = epx.sources.Tokens(**folder, length=LENGTH)
    notes = check(source, train, val, int(ids.max()) + 1, tmp_path / "store")
    assert any("names no dtype: its tokens were read as uint16" in note for note in notes)


def test_a_tokenised_matrix_with_padding(tmp_path):
    def saved(name, count):
        parts = [RNG.integers(1, 64, RNG.integers(6, 24)) for _ in range(count)]
        rows = np.zeros((count, 40), np.int32)
        for row, part in zip(rows, parts, strict=True):
            row[: len(part)] = part
        np.save(tmp_path / name, rows)
        return np.concatenate(parts)

    train, val = saved("train.npy", 1200), saved("val.npy", 40)
    options = {"heldout": str(tmp_path / "val.npy"), "vocab_size": 64, "length": LENGTH}
    source = epx.sources.Tokens(path=str(tmp_path / "train.npy"), pad=0, **options)
    check(source, train, val, 64, tmp_path / "store")
    # Nothing is to be learnt: log2 63 bits a token and what 64 counts cost.
    floor, _ = counted(rows_of(train), rows_of(val), 64, 0)
    assert abs(floor / np.log(2) - np.log2(63)) < 0.02
    kept = epx.sources.Tokens(path=str(tmp_path / "train.npy"), vocab_size=64)
    (note,) = epx.sources.open_source(kept).info.notes
    assert "token 0 fills the ends of 100.0% of the rows and is 6" in note


def test_documents_of_a_parquet_file(tmp_path):
    def saved(name, count):
        texts = [words(int(RNG.integers(1, 30))) for _ in range(count)]
        pq.write_table(pa.table({"text": texts}), tmp_path / name)
        return np.frombuffer("".join(text + "\n" for text in texts).encode(), np.uint8)

    train, val = saved("train.parquet", 100), saved("val.parquet", 12)
    path, heldout = (str(tmp_path / f"{part}.parquet") for part in ("train", "val"))
    source = epx.sources.DocumentFiles(path=path, heldout=heldout, length=LENGTH)
    check(source, train, val, 256, tmp_path / "store")


def test_a_folder_of_source_files(tmp_path):
    def saved(name, count):
        (tmp_path / name / "deep").mkdir(parents=True)
        texts = [f"def f{k}():\n    return '{words(9)}'\n" for k in range(count)]
        for k, text in enumerate(texts):
            (tmp_path / name / "deep" / f"{k:03}.py").write_text(text)
        return "".join(texts)

    train, val = saved("train", 60), saved("val", 12)
    letters = "".join(sorted(set(train + val)))
    encoded = [np.array([letters.index(c) for c in text]) for text in (train, val)]
    source = epx.sources.Text(
        path=str(tmp_path / "train"),
        heldout=str(tmp_path / "val"),
        alphabet="characters",
        length=LENGTH,
    )
    check(source, *encoded, len(letters), tmp_path / "store")


@pytest.mark.parametrize("split", ["documents", "windows"])
def test_documents_are_held_out_whole(tmp_path, split):
    rows = [{"ids": [k % 50] * 40} for k in range(200)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    source = epx.sources.DocumentFiles(path=str(tmp_path / "a.parquet"), length=8)
    runs = epx.run(
        {"mine": source},
        epx.families.Ngram(orders=(1,), seeds=1),
        steps=20,
        recipe="fixed",
        training=epx.Training(batch_size=8),
        heldout=epx.Heldout(tokens=400, split=split),
        store=tmp_path / "store",
    )
    (row,) = runs.rows(1e6)
    assert row["heldout_split"] == split
