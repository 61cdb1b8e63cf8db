"""Text sources: encodings against a plain loop, positions in messages, data that is no use."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources import Text, open_source
from epiplexity_jax.sources.files import characters
from epiplexity_jax.sources.files.characters import ASCII96
from epiplexity_jax.sources.split import Split
from epiplexity_jax.sources.token_array import TokenSequences

SAMPLE = "Zwölf Boxkämpfer jagen\n\tViktor — 12 × über den Deich. 😀\n" * 9


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"

    def write(content, **config):
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(data)
        return Text(path=str(path), **config)

    return write


def _open(config) -> TokenSequences:
    source = open_source(config)
    assert isinstance(source, TokenSequences)
    return source


def read_all(source):
    return source.read(np.arange(source.sequences)).ravel()


def complaint(config):
    with pytest.raises(DataError) as caught:
        _open(config)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("block", [1, 7, 1 << 22])
@pytest.mark.parametrize("alphabet", ["ascii96", "abcdefghijklmnopqrstuvwxyz—😀\n"])
def test_characters_are_places_in_the_alphabet(book, monkeypatch, alphabet, block):
    """Whatever the size of the blocks that the file is encoded in."""
    monkeypatch.setattr(characters, "_CHUNK", block)
    letters = ASCII96 if alphabet == "ascii96" else alphabet
    config = book(SAMPLE, alphabet=alphabet, unknown="drop", length=1)
    source, source_path = _open(config), config.path
    expected = [letters.index(c) for c in SAMPLE if c in letters]
    assert read_all(source).tolist() == expected
    assert source.info.vocab_size == len(letters)
    assert source.tokens.dtype == np.uint8
    assert source.info.bytes_per_token is None
    dropped, whole = len(SAMPLE) - len(expected), len(SAMPLE)
    assert source.info.notes[0].startswith(
        f"{source_path}: {dropped} of {whole} characters ({dropped / whole:.2%}) are not in the"
    )


def test_ascii96_is_newline_and_the_printable_characters(book):
    printable = "".join(map(chr, range(32, 127)))
    source = _open(book("\n" + printable, length=96))
    assert read_all(source).tolist() == list(range(96))
    assert source.info.bytes_per_token == 1.0


def test_bytes_are_taken_as_they_are(book):
    """All 256, no UTF-8 asked for."""
    data = bytes(range(256))[::-1]
    source = _open(book(data, alphabet="bytes", length=256))
    assert bytes(read_all(source).tolist()) == data
    assert (source.info.vocab_size, source.info.bytes_per_token) == (256, 1.0)


def test_large_alphabets_take_two_bytes(book):
    letters = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
    source = _open(book(letters, alphabet=letters, length=300))
    assert source.tokens.dtype == np.uint16
    assert read_all(source).tolist() == list(range(300))
    assert source.info.bytes_per_token == 3.0


def test_sequences_are_consecutive_and_the_rest_is_left_out(book):
    source = _open(book("abcdefghijk", alphabet="abcdefghijk", length=4))
    assert source.sequences == 2
    assert source.read(np.array([1, 0])).tolist() == [[4, 5, 6, 7], [0, 1, 2, 3]]


def test_a_fingerprint_is_of_content_and_not_of_place(book, tmp_path):
    one = _open(book("abc" * 50, length=10))
    (tmp_path / "copy.txt").write_text("abc" * 50)
    copy = Text(path=str(tmp_path / "copy.txt"), length=10)
    assert _open(copy).info.fingerprint == one.info.fingerprint
    assert _open(book("abd" * 50, length=10)).info.fingerprint != one.info.fingerprint
    orders = [
        _open(book("ab" * 50, alphabet=alphabet, length=10)).info.fingerprint
        for alphabet in ("ab", "abc")
    ]
    assert orders[0] != orders[1]


@pytest.mark.parametrize("block", [5, 1 << 22])
@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("é", "'é' in line 1, column 1"),
        ("first line\nsecond\tline\n", r"'\t' in line 2, column 7"),
        ("one\r\ntwo\r\n", r"'\r' in line 1, column 4"),
        ("\n\n\nabc😀", "'😀' in line 4, column 4"),
        ("x" * 11 + "ä" + "ö", "'ä' in line 1, column 12"),
    ],
)
def test_a_strange_character_is_named_with_its_place_and_the_cure(
    book, monkeypatch, content, place, block
):
    monkeypatch.setattr(characters, "_CHUNK", block)
    config = book(content)
    assert complaint(config) == (
        f"{config.path}: {place} is not in the alphabet; use unknown: drop, alphabet: characters "
        "or bytes, or name your own alphabet"
    )


@pytest.mark.parametrize(
    ("content", "config", "sentence"),
    [
        (b"", {}, "is empty; there is nothing to measure"),
        ("a", {}, "has 1 token of its alphabet, less than one sequence of 128; bring more data"),
        ("a", {"length": 1}, "has 1 token of its alphabet, less than one sequence of 2; bring"),
        ("a", {"alphabet": "bytes"}, "has 1 token of its alphabet, less than one sequence of 128"),
        ("a" * 127, {}, "has 127 tokens of its alphabet, less than one sequence of 128; bring"),
        ("äöü" * 99, {"unknown": "drop"}, "has 0 tokens of its alphabet, less than one sequence"),
        (b"abc\xff", {}, "is not UTF-8 at byte 3; convert it, or use alphabet: bytes"),
    ],
)
def test_files_of_no_use_are_refused(book, content, config, sentence):
    config = book(content, **config)
    assert complaint(config).startswith(f"{config.path}: {sentence}")


def test_paths_of_no_use_are_refused(tmp_path):
    missing = tmp_path / "missing.txt"
    assert complaint(Text(path=str(missing))) == f"{missing}: no such file"
    assert complaint(Text(path=str(tmp_path))) == f"{tmp_path}: is a folder without a file"
    assert "cannot be read" in complaint(Text(path="a\0b"))


def test_a_folder_is_its_files_in_order(tmp_path):
    parts = {"b.md": "bb", "a/z.md": "zz—", "a/empty.md": "", ".git/x.md": "hidden", "c.md": "äc"}
    parts |= {"a/photo.png": "left out", "d/.hidden.md": "left out"}
    for name, content in parts.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    options = {"path": str(tmp_path), "files": "**/*.md", "length": 1}
    source = _open(Text(unknown="drop", **options))
    assert _letters(source) == "zzbbc"
    assert source.info.bytes_per_token is None  # two characters were dropped
    assert source.info.documents.spans[:, 0].tolist() == [1, 1, 2, 2, 3]  # file 0 is empty
    wide = _open(Text(alphabet="".join(map(chr, range(97, 500))) + "—", **options))
    assert wide.tokens.dtype == np.uint16
    assert wide.info.documents.spans[:, 0].tolist() == [1, 1, 1, 2, 2, 3, 3]
    raw = _open(Text(alphabet="bytes", **options))
    assert bytes(read_all(raw)) == "zz—bbäc".encode()
    place = tmp_path / "a" / "z.md"
    assert complaint(Text(**options)).startswith(f"{place}: '—' in line 1, column 3 is not in the")


def test_binaries_headers_and_compressed_pages_as_bytes(tmp_path):
    """Files of any ending or none, each a document; what is compressed is read as what it holds."""
    random = np.random.default_rng(0)
    elf = [b"\x7fELF\x02\x01\x01" + bytes(9) + random.bytes(70) + bytes(40) for _ in range(2)]
    page, header = b".TH LS 1\n.SH NAME\nls \\- list\n", b"#ifndef A_H\n#define A_H\n#endif\n"
    written = {
        "bin/ls": (elf[0], elf[0]),
        "include/a.h": (header, header),
        "lib/libz.so.1": (elf[1], elf[1]),
        "man/ls.1.gz": (gzip.compress(page, mtime=0), page),
    }
    for name, (raw, _) in written.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    held = [content for _, content in written.values()]
    source = _open(Text(path=str(tmp_path), alphabet="bytes", length=1))
    assert bytes(read_all(source).tolist()) == b"".join(held)
    assert (source.info.vocab_size, source.info.bytes_per_token) == (256, 1.0)
    assert (
        source.info.documents.spans[:, 0].tolist()
        == np.repeat(range(4), [*map(len, held)]).tolist()
    )
    assert source.info.notes == (f"{tmp_path}: one file was decompressed",)
    own = _open(Text(path=str(tmp_path), alphabet="bytes", length=1, compression="none"))
    assert bytes(read_all(own).tolist()) == b"".join(raw for raw, _ in written.values())
    some = _open(Text(path=f"{tmp_path}/**/*.so*", alphabet="bytes", length=8))
    assert bytes(read_all(some).tolist()) == elf[1][: len(elf[1]) // 8 * 8]
    assert complaint(Text(path=str(tmp_path / "lib"))).startswith(f"{tmp_path}/lib/libz.so.1: ")


@pytest.mark.parametrize(
    ("path", "pattern", "sentence"),
    [
        (".", "*.txt", "files: '*.txt' matches no file with text in it"),
        ("missing", "*.txt", "no such folder"),
        ("book.md", "*.txt", "is no folder; leave files out"),
        (".", "/*.txt", "files: '/*.txt' is not a pattern: "),
    ],
)
def test_folders_of_no_use_are_refused(tmp_path, path, pattern, sentence):
    (tmp_path / "book.md").write_text("abc")
    (tmp_path / "empty.txt").write_text("")
    folder = tmp_path / path
    assert complaint(Text(path=str(folder), files=pattern)).startswith(f"{folder}: {sentence}")


def test_a_folder_shares_its_files_with_no_other_source(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text(name * 99)
    folder = _open(Text(path=str(tmp_path), files="*", length=3))
    file = _open(Text(path=str(tmp_path / "a"), length=3))
    assert set(folder.info.origins) & set(file.info.origins)


def _letters(source):
    return "".join(ASCII96[token] for token in read_all(source))


@pytest.mark.parametrize("alphabet", ["bytes", "ascii96"])
def test_text_is_held_once(book, alphabet):
    """Tokens in memory, and the file while they are made; a character that is no byte adds none."""
    config = book("The quick brown fox. " * 400_000 + "😀", alphabet=alphabet, unknown="drop")
    size = Path(config.path).stat().st_size
    tracemalloc.start()
    try:
        source = _open(config)
        split = Split(source, source.sequences // 10, root=0)
        split.chunks(0, first=3, count=2, batch_size=4)
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    orders = 16 * source.sequences  # which sequence comes when
    assert size <= held < size + orders + 200_000
    copies = 1 if alphabet == "bytes" else 2
    assert most < copies * size + orders + 5_000_000
