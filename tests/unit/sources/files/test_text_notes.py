import numpy as np
import pytest

from epiplexity_jax.sources import Text, open_source
from epiplexity_jax.sources.files.characters import ASCII96
from epiplexity_jax.sources.files.text_notes import text_notes

IDS = " ".join(map(str, np.random.Generator(np.random.Philox(1)).integers(0, 50_257, 3000)))


@pytest.mark.parametrize("alphabet", ["bytes", "ascii96", "characters"])
@pytest.mark.parametrize("text", [IDS, f"[{IDS.replace(' ', ', ')}]", IDS.replace(" ", "\n")])
def test_numbers_are_said_to_be_numbers(tmp_path, alphabet, text):
    path = tmp_path / "ids.txt"
    path.write_text(text)
    (note,) = open_source(Text(path=str(path), alphabet=alphabet, length=32)).info.notes
    assert note.startswith(f"{path}: consists of numbers and blanks, and the digits are measured")


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_bytes_of_utf_16_are_said(tmp_path, order):
    path = tmp_path / "book.txt"
    path.write_bytes(("\ufeff" + "It was the best of times. " * 200).encode(order))
    (note,) = open_source(Text(path=str(path), alphabet="bytes", length=32)).info.notes
    assert note == f"{path}: every second byte is 0, as of UTF-16 text; convert it to UTF-8"


@pytest.mark.parametrize(
    "raw",
    [b"It was 1859, page 12. " * 99, b"3.14159265358979" * 99, bytes(2000), bytes(range(256)) * 9],
)
def test_nothing_is_said_of_other_texts(raw):
    assert text_notes(np.frombuffer(raw, np.uint8), "bytes", "x") == ()


def test_letters_are_looked_up_in_the_alphabet():
    places = np.array([ASCII96.index(c) for c in "17, 4\n" * 20], np.uint8)
    assert len(text_notes(places, ASCII96, "x")) == 1
    assert text_notes(places[:50], ASCII96, "x") == ()
