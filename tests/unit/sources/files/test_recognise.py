"""Kinds of files are told apart by content, and what cannot be measured is refused in one line."""

import gzip
import json
import random

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.recognise import recognise

LINES = "def area(width, height):\n    return width * height\n\n" * 400
RANDOM = random.Random(0).randbytes(60_000)
GREEK = "Ἄνδρα μοι ἔννεπε, Μοῦσα, πολύτροπον " * 200


def table():
    return "a,b\n" + "".join(f"{i},{i * i % 97}.5\n" for i in range(500))


def rows():
    return "".join(json.dumps({"id": i, "text": "hello " * 9}) + "\n" for i in range(200))


FILES = {
    "code.py": (LINES, "text", {"alphabet": "bytes"}, "bytes"),
    "greek": (GREEK, "text", {"alphabet": "characters"}, "characters"),
    "packed.gz": (gzip.compress(LINES.encode()), "text", {"alphabet": "bytes"}, "decompressed"),
    "random": (RANDOM, "text", {"alphabet": "bytes"}, "no text"),
    "random.bin": (RANDOM, "text", {"alphabet": "bytes"}, "no text"),
    "rows.jsonl": (rows(), "documents", {"column": "text"}, "column text of JSONL"),
    "rows": (rows(), "documents", {"column": "text"}, "column text of JSONL"),
    "table.csv": (table(), "text", {"alphabet": "bytes"}, "CSV as plain text"),
    "named.csv": ("n,text\n" + "1,some words here\n" * 99, "documents", {"column": "text"}, "CSV"),
    "genome.fa": (">chr1\n" + "ACGTTGCA\n" * 999, "fasta", {}, "FASTA"),
    "ids.bin": (
        np.random.default_rng(0).integers(0, 900, 20_000).astype("<u2").tobytes(),
        "tokens",
        {"dtype": "uint16"},
        "16-bit",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_known_by_its_content(name, tmp_path):
    content, kind, fields, said = FILES[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = recognise(str(path), 64)
    plain = found.config.model_dump()
    assert (plain["kind"], plain | fields) == (kind, plain)
    assert said in found.words


def test_arrays_are_known_by_type_and_shape(tmp_path):
    tokens = np.arange(6000) % 7
    np.save(tmp_path / "row.npy", tokens)
    np.save(tmp_path / "matrix.npy", tokens.reshape(-1, 20))
    np.save(tmp_path / "images.npy", tokens.reshape(-1, 4, 5).astype(np.uint8))
    np.savez(tmp_path / "one.npz", mine=tokens)
    kinds = [
        recognise(str(tmp_path / name), 64).config.model_dump()["kind"]
        for name in ("row.npy", "matrix.npy", "images.npy", "one.npz")
    ]
    assert kinds == ["tokens", "tokens", "images", "tokens"]


def test_a_reading_that_is_asked_for_wins(tmp_path):
    path = tmp_path / "packed.gz"
    path.write_bytes(gzip.compress(LINES.encode()))
    assert recognise(str(path), 64, "bytes").config.model_dump()["compression"] == "none"
    (tmp_path / "rows.jsonl").write_text(rows(), encoding="utf-8")
    read = recognise(str(tmp_path / "rows.jsonl"), 64, column="text").config.model_dump()
    assert (read["kind"], read["column"]) == ("documents", "text")
    plain = recognise(str(tmp_path / "rows.jsonl"), 64, "characters").config.model_dump()
    assert plain["alphabet"] == "characters"


def test_a_folder_is_read_as_what_its_files_are(tmp_path):
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(LINES, encoding="utf-8")
    found = recognise(str(tmp_path), 64)
    assert found.words.startswith("2 files, text")
    assert found.config.model_dump()["path"] == str(tmp_path)
    (tmp_path / "c.npy").write_bytes(b"")
    np.save(tmp_path / "c.npy", np.arange(100))
    with pytest.raises(DataError, match="several kinds"):
        recognise(str(tmp_path), 64)
    assert recognise(str(tmp_path / "*.py"), 64).words.startswith("2 files")


def test_what_cannot_be_measured_is_refused(tmp_path):
    sparse = tmp_path / "sparse.bin"
    with sparse.open("wb") as file:
        file.truncate(10 << 30)
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "broken.gz").write_bytes(gzip.compress(RANDOM)[:3000])
    np.save(tmp_path / "real.npy", np.ones(500) * np.arange(500) / 7)
    (tmp_path / "folder").mkdir()
    faults = {
        "sparse.bin": "nothing to measure",
        "empty.txt": "is empty",
        "broken.gz": "no whole gz file",
        "real.npy": "symbols",
        "folder": "without a file",
        "absent": "no such file",
    }
    for name, fault in faults.items():
        with pytest.raises(DataError, match=fault):
            recognise(str(tmp_path / name), 64)


def test_one_value_alone_is_refused(tmp_path):
    np.save(tmp_path / "same.npy", np.full(20_000, 7))
    with pytest.raises(DataError, match=r"holds the value 7 alone"):
        recognise(str(tmp_path / "same.npy"), 64)
