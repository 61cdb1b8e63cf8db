"""The encoder against a plain loop, whatever the parts that documents come in."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Text
from epiplexity_jax.sources.files import characters
from epiplexity_jax.sources.files.characters import Encoder, Spool, occurring

TEXTS = ["Zwölf\nBoxkämpfer", "", "jagen — 😀\n", "x", "", "über\n\nden Deich"]
LETTERS = "".join(sorted(set("".join(TEXTS))))


def documents(size, texts=TEXTS):
    for k, text in enumerate(texts):
        raw = text.encode()
        yield f"doc {k}", [raw[i : i + size] for i in range(0, len(raw), size)]


@pytest.fixture(params=[1, 5, 1 << 18])
def chunk(request, monkeypatch):
    monkeypatch.setattr(characters, "_CHUNK", request.param)


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(("alphabet", "unknown"), [(LETTERS, "error"), ("abcdefgh\n", "drop")])
def test_documents_become_tokens_and_are_counted(alphabet, unknown, size):
    encoder = Encoder(alphabet, unknown)
    for document in documents(size):
        encoder.add(document)
    encoder.flush()
    kept = ["".join(c for c in text if c in alphabet) for text in TEXTS]
    assert "".join(alphabet[token] for token in encoder.spool.tokens()) == "".join(kept)
    assert encoder.ends == np.cumsum([len(text) for text in kept]).tolist()
    assert encoder.size == len("".join(TEXTS).encode())
    assert encoder.characters == len("".join(TEXTS))
    assert encoder.dropped == encoder.characters - len("".join(kept))


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("size", [1, 3, 100])
def test_bytes_are_their_own_tokens(size):
    encoder = Encoder("bytes", "error")
    for document in documents(size):
        encoder.add(document)
    encoder.flush()
    assert bytes(encoder.spool.tokens()) == "".join(TEXTS).encode()
    assert encoder.ends == np.cumsum([len(text.encode()) for text in TEXTS]).tolist()


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("strange", range(len("ab\nab\n\ncd")))
@pytest.mark.parametrize("which", [0, 1, 3])
def test_a_strange_character_has_its_document_line_and_column(size, strange, which):
    texts = ["ab\nab\n\ncd"] * 4
    texts[which] = texts[which][:strange] + "!" + texts[which][strange:]
    encoder = Encoder("abcd\n", "error")
    with pytest.raises(DataError) as caught:  # noqa: PT012 - in whichever call it is seen
        for document in documents(size, texts):
            encoder.add(document)
        encoder.flush()
    before = texts[which][:strange]
    line, column = before.count("\n") + 1, strange - before.rfind("\n")
    assert str(caught.value).startswith(f"doc {which}: '!' in line {line}, column {column} is not")


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("raw", "place"), [(b"abc\xffd", 3), (b"\xc3\xa4\xc3", 2), (b"a\xf0\x9f\x98b", 1)]
)
def test_what_is_not_utf8_has_its_place(size, raw, place):
    parts = [raw[i : i + size] for i in range(0, len(raw), size)]
    encoder = Encoder("abcä", "error")
    with pytest.raises(DataError, match=f"^x: is not UTF-8 at byte {place}; convert it, or use"):
        encoder.add(("x", parts))
    with pytest.raises(DataError, match=f"^x: is not UTF-8 at byte {place}"):
        occurring([("x", parts)])


def test_characters_that_occur_are_in_order():
    assert occurring(documents(2)) == LETTERS


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("memory", [0, 50, 1 << 30])
def test_many_tokens_lie_in_a_file(monkeypatch, memory, dtype):
    monkeypatch.setattr(characters, "MEMORY", memory)
    spool = Spool(np.dtype(dtype))
    values = np.arange(200) % 250
    for part in np.split(values, [10, 70, 70, 130]):
        spool.add(part)
    tokens = spool.tokens()
    del spool  # the file is gone, its map is not
    assert tokens.dtype == dtype
    assert np.array_equal(tokens, values)


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_text_in_utf_16_is_named(order):
    raw = "\ufeffplain".encode(order)
    with pytest.raises(DataError, match="doc: is UTF-16; convert it to UTF-8"):
        occurring([("doc", [raw])])


@pytest.mark.parametrize(
    ("word", "name"), [("byte", "bytes"), ("ascii", "ascii96"), ("Characters", "characters")]
)
def test_misspelt_names_of_alphabets_are_no_alphabets(word, name):
    with pytest.raises(ConfigError, match=f"alphabet: unknown alphabet .*did you mean '{name}'"):
        Text(path="book.txt", alphabet=word)
    assert Text(path="book.txt", alphabet="ACGT").alphabet == "ACGT"
