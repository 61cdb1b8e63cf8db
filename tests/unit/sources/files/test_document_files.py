"""Documents of a column: joined in order with their borders, text and tokens, what is said."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epiplexity_jax.sources import DocumentFiles, Text, from_array, open_source
from epiplexity_jax.sources.files import characters
from tests.unit.sources.files.opened import complaint, read_all

TEXTS = ["one", "two", "", "drei — ä"]
IDS = [[3, 1, 4], [], [1, 5, 9, 2, 6], [5]]


@pytest.fixture
def written(tmp_path):
    def write(rows, name="a.jsonl", **config):
        path = tmp_path / name
        if name.endswith("parquet"):
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return DocumentFiles(path=str(path), **{"length": 1, **config})

    return write


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
@pytest.mark.parametrize("memory", [0, 1 << 30])
def test_texts_are_joined_with_their_borders(written, monkeypatch, name, memory):
    monkeypatch.setattr(characters, "MEMORY", memory)
    config = written([{"text": text} for text in TEXTS], name)
    joined = "".join(text + "\n" for text in TEXTS).encode()
    assert bytes(read_all(config)) == joined
    info = open_source(config).info
    assert (info.vocab_size, info.bytes_per_token, info.notes) == (256, 1.0, ())
    sizes = [len(text.encode()) + 1 for text in TEXTS]
    assert np.bincount(info.documents.spans[:, 0]).tolist() == sizes
    bare = config.model_copy(update={"separator": "", "alphabet": "characters"})
    assert open_source(bare).sequences == len("".join(TEXTS))


def test_the_same_text_has_the_same_fingerprint_as_in_a_file(written, tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n" * 20)
    config = written([{"text": "one"}, {"text": "two"}] * 20, alphabet="ascii96", length=8)
    text = open_source(Text(path=str(tmp_path / "a.txt"), length=8))
    assert open_source(config).info.fingerprint == text.info.fingerprint


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_tokens_are_joined_with_their_borders(written, name):
    config = written([{"input_ids": ids} for ids in IDS], name, vocab_size=10)
    assert read_all(config).tolist() == sum(IDS, [])
    info = open_source(config).info
    assert info.documents.spans[:, 0].tolist() == [0] * 3 + [2] * 5 + [3]
    assert info.fingerprint == from_array(sum(IDS, []), length=1, vocab_size=10).info.fingerprint
    assert info.notes == ()


def test_padding_at_the_ends_of_rows_is_left_out_or_said(written):
    rows = [{"input_ids": [*ids, *[0] * (9 - len(ids))]} for ids in IDS]
    config = written(rows, pad=0)
    assert read_all(config).tolist() == sum(IDS, [])
    (note,) = open_source(written(rows)).info.notes
    assert note.endswith("of all labels; if it is padding, leave it out with pad: 0")


def test_several_files_and_rows_without_a_value(written, tmp_path):
    written([{"text": "b"}, {"text": None}], "b.jsonl")
    written([{"text": "a"}], "a.parquet")
    config = written([{"text": "c"}], "c.jsonl").model_copy(update={"path": str(tmp_path)})
    assert bytes(read_all(config)) == b"a\nb\nc\n"
    info = open_source(config).info
    assert info.documents.spans[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert info.notes == (f"{tmp_path}: 1 of 4 rows hold no text and were left out",)


def test_held_out_documents(written):
    val = written([{"text": "xyz"}], "val.jsonl")
    config = written([{"text": "one"}], heldout=val.path, alphabet="characters")
    assert open_source(config).info.documents.heldout_from == 4
    assert open_source(config).info.vocab_size == len(set("one\nxyz"))
    val = written([{"input_ids": [7, 7]}], "val.jsonl")
    config = written([{"input_ids": [1, 2]}], heldout=val.path)
    assert read_all(config).tolist() == [1, 2, 7, 7]
    assert open_source(config).info.vocab_size == 8


@pytest.mark.parametrize(
    ("rows", "config", "sentence"),
    [
        ([{"text": "a"}, {"text": 3}], {}, "line 2: column text holds 3, but text before; mend"),
        ([{"ids": [1]}, {"ids": "x"}], {}, "line 2: column ids holds 'x', but tokens before"),
        ([{"text": "é"}], {"alphabet": "ascii96"}, "line 1: 'é' in line 1, column 1 is not in the"),
        ([{"text": "aa"}], {"pad": 0}, "pad: column text holds text; leave it out"),
        ([{"ids": [1, 2]}], {"alphabet": "bytes"}, "alphabet: column ids holds tokens; leave it"),
        ([{"ids": [1, -1]}], {}, "token -1 at position 1 is not in 0 to"),
        ([{"ids": [1 << 40]}], {}, "line 1: holds a token outside 0 to 16777215"),
        ([{"ids": [1, 9]}], {"vocab_size": 9}, "token 9 at position 1 is not in 0 to 8; raise"),
        ([{"text": None}], {"column": "text"}, "column: text holds no text and no tokens"),
        ([{"ids": [0, 0]}], {"pad": 0}, "column ids holds no tokens"),
        ([{"text": "a"}], {"length": 99}, "has 2 tokens of its alphabet, less than one sequence"),
    ],
)
def test_documents_of_no_use_are_refused(written, rows, config, sentence):
    assert complaint(written(rows, **config)).startswith(sentence)
