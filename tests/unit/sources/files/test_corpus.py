"""Text in files: compression, alphabets that are found, held-out files, characters left out."""

import gzip

import numpy as np
import pyarrow
import pytest

from epiplexity_jax.sources import Text, from_array, open_source
from epiplexity_jax.sources.files.corpus import count_tokens, from_bytes
from tests.unit.sources.files.opened import complaint

SAMPLE = "Zwölf Boxkämpfer jagen\n\tViktor — 12 × über den Deich. 😀\n" * 9
PROSE = "It was the best of times, it was the worst of times.\n" * 40


@pytest.fixture
def written(tmp_path):
    def write(content, name="book.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def letters(config, alphabet):
    source = open_source(config)
    return "".join(alphabet[t] for t in source.read(np.arange(source.sequences)).ravel())


@pytest.mark.parametrize("alphabet", ["bytes", "ascii96"])
def test_a_compressed_text_is_its_text_and_said(written, alphabet):
    plain = open_source(Text(path=written(PROSE), alphabet=alphabet)).info
    packed = Text(path=written(gzip.compress(PROSE.encode()), "book.txt.gz"), alphabet=alphabet)
    info = open_source(packed).info
    assert (info.fingerprint, info.bytes_per_token) == (plain.fingerprint, plain.bytes_per_token)
    assert set(info.origins) & set(plain.origins)
    assert info.notes == (f"{packed.path}: it was decompressed",)
    assert plain.notes == ()


def test_compressed_bytes_are_measured_where_that_is_asked_for(written):
    content = gzip.compress(SAMPLE.encode() * 9)
    config = Text(path=written(content), alphabet="bytes", compression="none", length=16)
    source = open_source(config)
    assert (
        bytes(source.read(np.arange(source.sequences)).ravel())
        == content[: len(content) // 16 * 16]
    )
    assert source.info.notes == ()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04" + b"\0" * 999, "is a zip archive; unpack it, or say compression: none"),
        (b"PAR1" + b"\0" * 999, "is a Parquet file; use kind: documents, or say compression: none"),
        (b"version https://git-lfs.github.com/spec/v1\noid ", "is a Git LFS pointer, and its cont"),
        (gzip.compress(b"abc" * 9999, mtime=0)[:40], "is no whole gz file"),
    ],
)
@pytest.mark.parametrize("alphabet", ["bytes", "ascii96"])
def test_files_that_are_no_text_are_named(written, alphabet, content, sentence):
    assert complaint(Text(path=written(content), alphabet=alphabet)).startswith(sentence)


def test_an_alphabet_of_the_characters_that_occur(written):
    config = Text(path=written(SAMPLE), alphabet="characters", length=1)
    found = "".join(sorted(set(SAMPLE)))
    assert letters(config, found) == SAMPLE
    info = open_source(config).info
    assert info.vocab_size == len(found)
    assert info.bytes_per_token == len(SAMPLE.encode()) / len(SAMPLE)
    own = open_source(Text(path=config.path, alphabet=found, length=1)).info
    assert own.fingerprint == info.fingerprint
    one = Text(path=written("aaa" * 99), alphabet="characters")
    assert complaint(one) == "holds 1 different characters; an alphabet needs 2"


def test_characters_of_the_held_out_file_are_in_the_alphabet(written):
    val = written("xyzé\n" * 60, "val.txt")
    config = Text(path=written(PROSE), heldout=val, alphabet="characters", length=4)
    found = "".join(sorted(set(PROSE + "xyzé\n")))
    assert letters(config, found) == PROSE + "xyzé\n" * 60
    info = open_source(config).info
    assert info.documents.heldout_from == len(PROSE) // 4
    assert "'é' in line 1, column 4 is not in the alphabet" in complaint(
        config.model_copy(update={"alphabet": "ascii96"})
    )


def test_folders_and_patterns_keep_their_documents(written, tmp_path):
    for name, text in {
        "b.txt": "bb",
        "a.txt.gz": "aaa",
        "sub/c.txt": "cccc",
        ".x.txt": "no",
    }.items():
        packed = gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
        written(packed, name)
    folder = Text(path=str(tmp_path), length=1, alphabet="abc")
    assert letters(folder, "abc") == "aaabbcccc"
    info = open_source(folder).info
    assert info.documents.spans[:, 0].tolist() == [0] * 3 + [1] * 2 + [2] * 4
    assert info.notes == (f"{tmp_path}: one file was decompressed",)
    pattern = folder.model_copy(update={"path": str(tmp_path / "*.txt*")})
    assert letters(pattern, "abc") == "aaabb"


def test_a_text_of_which_most_is_dropped_is_refused(written):
    text = "Слово, и еще слово.\n" * 90
    told = complaint(Text(path=written(text), unknown="drop", length=8))
    kept = sum(c in " ,.\n" for c in text)
    assert told == (
        f"{len(text) - kept:,} of {len(text):,} characters ({1 - kept / len(text):.2%}) are not in "
        "the alphabet, and what is left without them is no such text; use alphabet: characters or "
        "bytes, or name your own alphabet"
    )


def test_dropped_characters_are_counted_and_leave_no_bits_per_byte(written):
    config = Text(path=written(PROSE + "é" * 20), unknown="drop")
    info = open_source(config).info
    assert info.bytes_per_token is None
    assert info.notes == (
        f"{config.path}: 20 of 2,140 characters (0.93%) are not in the alphabet and were dropped, "
        "so there are no bits per byte",
    )
    assert open_source(Text(path=written(PROSE), unknown="drop")).info.bytes_per_token == 1.0


@pytest.mark.parametrize(
    ("alphabet", "unknown"), [("bytes", "error"), ("ascii96", "drop"), ("characters", "error")]
)
def test_tokens_are_counted_as_they_are_made(alphabet, unknown):
    raw = SAMPLE.encode()
    source = from_bytes(raw, "sample", alphabet, unknown, 1)
    assert count_tokens(raw, alphabet, unknown) == source.sequences
    plain = from_bytes(b"abc\n", "plain", "ascii96", "error", 1)
    assert count_tokens(b"abc\n", "ascii96", "error") == plain.sequences == 4


def test_a_large_file_is_hashed_as_its_bytes(written):
    raw = np.random.default_rng(0).bytes((1 << 20) + 7)
    source = open_source(Text(path=written(raw), alphabet="bytes"))
    assert set(source.info.origins) & set(from_array(np.frombuffer(raw, np.uint8)).info.origins)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    packed = Text(path=written(sink.getvalue().to_pybytes(), "book.zst"), alphabet="bytes")
    assert open_source(packed).info.origins[0] == source.info.origins[0]
