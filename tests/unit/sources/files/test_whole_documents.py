"""Documents outside the alphabet are left out whole, and are counted."""

import gzip
import json

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import DocumentFiles, Text, open_source
from epiplexity_jax.sources.files import characters
from epiplexity_jax.sources.opening import parse
from tests.unit.sources.files.opened import complaint, read_all

KEPT, LEFT_OUT = ["plain", "two\nlines", ""], ["naïve", "tab\there", "“quoted”"]


@pytest.fixture
def column(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [text for pair in zip(KEPT, LEFT_OUT, strict=True) for text in pair]
    path.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))

    def made(**config):
        options = {"path": str(path), "length": 1, "unknown": "skip_document"}
        return DocumentFiles(**{**options, "alphabet": "ascii96", **config})

    return made


@pytest.mark.parametrize("block", [3, 1 << 18])
def test_documents_of_the_alphabet_alone_are_kept_with_their_borders(column, monkeypatch, block):
    monkeypatch.setattr(characters, "_CHUNK", block)
    kept = "".join(text + "\n" for text in KEPT)
    config = column()
    assert "".join(characters.ASCII96[k] for k in read_all(config)) == kept
    info = open_source(config).info
    assert info.bytes_per_token == 1.0
    assert info.documents.spans[:, 0].tolist() == [0] * 6 + [1] * 10 + [2]
    lost = sum(len(text) + 1 for text in LEFT_OUT)
    assert info.notes == (
        f"{config.path}: 3 of 6 documents, with {lost / (lost + len(kept)):.2%} of the characters, "
        "hold a character outside the alphabet and were left out",
    )


def test_what_is_kept_is_the_same_data_as_on_its_own(column, tmp_path):
    path = tmp_path / "kept.jsonl"
    path.write_text("".join(json.dumps({"text": row}) + "\n" for row in KEPT))
    same = open_source(column(path=str(path), unknown="error")).info
    assert open_source(column()).info.fingerprint == same.fingerprint
    rows = open_source(column(rows="keep", length=8))
    assert rows.sequences == 4  # of 6, 10 and 1 characters
    assert "3 of 6 documents" in rows.info.notes[0]


def test_nothing_is_said_where_all_are_kept(column):
    assert open_source(column(alphabet="nïavepltbhrous wi\n\t“”qd")).info.notes == ()


def test_files_of_a_folder_and_those_held_out(tmp_path):
    for name, content in {"a.txt": "abab", "b.txt": "abÄ", "c.txt": "ba"}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "d.txt").write_bytes(gzip.compress(b"abx"))
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "e.txt").write_text("bbb")
    options = {"alphabet": "ab", "length": 1, "unknown": "skip_document"}
    config = Text(path=str(tmp_path), files="*.txt", heldout=str(tmp_path / "held"), **options)
    assert read_all(config).tolist() == [0, 1, 0, 1, 1, 0, 1, 1, 1]
    info = open_source(config).info
    assert info.documents.heldout_from == 6
    assert f"{tmp_path}: 2 of 4 documents, with 50.00% of the characters" in info.notes[1]
    assert complaint(Text(path=str(tmp_path / "b.txt"), **options)) == (
        "none of its documents (1) consists of the alphabet's characters; use alphabet: characters "
        "or bytes, or name your own alphabet"
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kind": "text", "alphabet": "bytes"}, "no character is outside alphabet: bytes; leave"),
        ({"kind": "documents"}, "no character is outside alphabet: bytes; leave unknown out"),
        ({"kind": "documents", "alphabet": "ab"}, r"'\n' is not in the alphabet; name another"),
    ],
)
def test_an_option_of_no_use_is_refused(options, sentence):
    with pytest.raises(ConfigError) as caught:
        parse({"path": "a.txt", "unknown": "skip_document", **options}, "sources.a")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
