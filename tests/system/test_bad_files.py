"""Files that are not what their owner takes them for, through the real command: one line."""

import gzip
import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.system.test_bad_input import call, refused  # noqa: F401 - `call` is a fixture

RNG = np.random.Generator(np.random.Philox(2))
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
TEXT = "Es war einmal ein König, der hatte eine Tochter.\n" * 200


def header(magic, count):
    start = np.zeros(256, "<i4")
    start[:3] = magic, 1, count
    return start.tobytes()


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    config = {
        "sources": {"x": {"kind": "noise", "vocab_size": 4, "length": 16}},
        "family": {"kind": "ngram", "orders": [0], "seeds": 1},
        "recipe": "fixed",
        "training": {"steps": 4, "batch_size": 4},
        "heldout": {"tokens": 512},
        "frontier": {"test_tokens": 1e6},
    }
    ids = RNG.integers(0, 50_000, 5000)
    rows = [{"text": TEXT[:80], "ids": [1, 2, 3], "score": 0.5}] * 200
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    table = pa.table({"text": [row["text"] for row in rows]})
    pq.write_table(table, tmp_path / "a.parquet")
    files = {
        "config.yaml": yaml.safe_dump(config).encode(),
        "pointer": POINTER,
        "wide.bin": ids.astype("<u4").tobytes(),
        "long.bin": ids.astype("<i8").tobytes(),
        "ignored.bin": np.where(ids % 9, ids, -100).astype("<i4").tobytes(),
        "big.bin": (ids % 200).astype(">u2").tobytes(),
        "short.bin": header(20240520, 9000) + ids.astype("<u2").tobytes(),
        "llama.bin": header(20240801, 5000) + ids.astype("<u4").tobytes(),
        "eval.bin": header(20240522, 5000) + ids.astype("<u2").tobytes(),
        "raw.npy": ids.astype("<u2").tobytes(),
        "pickles/meta.pkl": pickle.dumps({"vocab_size": 65, "itos": dict(enumerate("abc" * 30))}),
        "corpus.idx": b"MMIDIDX\x00\x00" + b"\0" * 99,
        "model.bin": b"PK\x03\x04" + b"\0" * 999,
        "text.bin": TEXT.encode(),
        "german.txt": TEXT.encode(),
        "greek.txt": ("λόγος, " * 500).encode(),
        "latin.txt": TEXT.encode("latin-1"),
        "utf16.txt": TEXT.encode("utf-16"),
        "cut.txt.gz": gzip.compress(TEXT.encode())[:100],
        "book.docx": b"PK\x03\x04" + b"\0" * 999,
        "one.txt": b"a" * 999,
        "empty.txt": b"",
        "a.jsonl": lines.encode(),
        "broken.jsonl": lines.encode() + b'{"text": "half',
        "other.jsonl": b'{"body": "x", "title": "y"}\n' * 99,
        "numbers.jsonl": b'{"score": 0.5}\n' * 99,
        "cells.csv": b"text,label\nfine,1\nnot, so, fine,2\n",
        "cut.parquet": (tmp_path / "a.parquet").read_bytes()[:200],
        "reads.fastq": b"@read\nACGT\n+\n!!!!\n" * 99,
        "genome.fa": b">chr1\n" + b"ACGTN\n" * 400,
        "data/dataset_dict.json": b'{"splits": ["train", "test"]}',
        "folder/.hidden.txt": b"hidden",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


WRONG = {
    "pointer as tokens": ({"path": "pointer"}, "is a Git LFS pointer"),
    "pointer as text": ({"kind": "text", "path": "pointer"}, "run git lfs pull"),
    "uint32": ({"path": "wide.bin"}, "say dtype: uint32"),
    "int64": ({"path": "long.bin"}, "say dtype: int64"),
    "ignored": ({"path": "ignored.bin"}, "say dtype: int32"),
    "ignored int32": ({"path": "ignored.bin", "dtype": "int32"}, "token -100 at position"),
    "big endian": ({"path": "big.bin"}, "say byte_order: big"),
    "half a file": ({"path": "short.bin"}, "says 9000 tokens of uint16, but it holds 5000"),
    "wrong type": ({"path": "llama.bin", "dtype": "uint16"}, "its header or index says uint32"),
    "evaluation": ({"path": "eval.bin"}, "is an evaluation of llm.c"),
    "raw npy": ({"path": "raw.npy"}, "name the dtype of plain integers"),
    "pickle": ({"path": "pickles/meta.pkl"}, "is a pickle, which is never opened"),
    "index": ({"path": "corpus.idx"}, "give the .bin file beside it"),
    "weights": ({"path": "model.bin"}, "is a zip archive; unpack it"),
    "text as tokens": ({"path": "text.bin"}, "is text; use kind: text"),
    "parquet as tokens": ({"path": "a.parquet"}, "is a Parquet file; use kind: documents"),
    "pad of a row": ({"path": "llama.bin", "pad": 0}, "pad: fills the rows of a matrix"),
    "no shards": ({"path": "fineweb_*.bin"}, "fineweb_*.bin: matches no file"),
    "no val": ({"path": "llama.bin", "heldout": "val.bin"}, "val.bin: no such file"),
    "umlauts": ({"kind": "text", "path": "german.txt"}, "'ö' in line 1, column 20 is not in the"),
    "greek": ({"kind": "text", "path": "greek.txt", "unknown": "drop"}, "(71.43%) are not in the"),
    "latin": ({"kind": "text", "path": "latin.txt"}, "is not UTF-8 at byte 19"),
    "utf-16": ({"kind": "text", "path": "utf16.txt"}, "is UTF-16; convert it to UTF-8"),
    "half gz": ({"kind": "text", "path": "cut.txt.gz"}, "is no whole gz file"),
    "word": ({"kind": "text", "path": "book.docx", "alphabet": "bytes"}, "is a zip archive"),
    "one letter": ({"kind": "text", "path": "one.txt", "alphabet": "characters"}, "1 different"),
    "empty": ({"kind": "text", "path": "empty.txt"}, "is empty; there is nothing to measure"),
    "hidden": ({"kind": "text", "path": "folder"}, "is a folder without a file"),
    "parquet as text": ({"kind": "text", "path": "a.parquet"}, "use kind: documents"),
    "no column": ({"kind": "documents", "path": "a.jsonl", "column": "txt"}, "mean 'text'?"),
    "which column": ({"kind": "documents", "path": "other.jsonl"}, "body (text), title (text)"),
    "no text": ({"kind": "documents", "path": "numbers.jsonl"}, "score (cannot be read)"),
    "half a line": ({"kind": "documents", "path": "broken.jsonl"}, "line 201: is not JSON"),
    "quotes": ({"kind": "documents", "path": "cells.csv"}, "line 3: has another number of cells"),
    "half parquet": ({"kind": "documents", "path": "cut.parquet"}, "is no whole Parquet file"),
    "splits": ({"kind": "documents", "path": "data"}, "give one of data/train, data/test"),
    "book": ({"kind": "documents", "path": "german.txt"}, "is of no known layout"),
    "fastq": ({"kind": "fasta", "path": "reads.fastq"}, "is FASTQ; convert it to FASTA"),
    "N": ({"kind": "fasta", "path": "genome.fa", "alphabet": "ACGT"}, "chr1: 'N' in line 1, col"),
    "no fasta": ({"kind": "fasta", "path": "german.txt"}, "begins with no '>' of a record"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file(what, workshop, call):  # noqa: F811 - the fixture
    options, part = WRONG[what]
    text = yaml.safe_dump({"kind": "tokens", **options}, default_flow_style=True, width=999)
    refused(call("run", "config.yaml", f"sources.x={text.strip()}"), "sources.x: ", part)
    assert not (workshop / "runs").exists()
