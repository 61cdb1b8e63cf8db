"""Words as GPT-2 splits them, whole and in parts of any size."""

import unicodedata

import pytest

from epiplexity_jax.sources.maps.gpt2_words import WordSplitter, as_bytes, word_pattern

TEXT = (
    "It's  they'll 12x²\n\n  “ÄÖ” 日本 ½!'s \x1c\x85\u2003'ĺl\t\t end' 'l 're \U0001d7d8\U00010400 "
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("we'll we'LL", ["we", "'ll", " we", "'", "LL"]),
        ("a1 b22²½", ["a", "1", " b", "22²½"]),
        ("x  y\n\n z", ["x", " ", " y", "\n\n", " z"]),
        ("a \n", ["a", " \n"]),
        ("!?'s -- ’s", ["!?'", "s", " --", " ’", "s"]),
        ("né日本 1", ["né日本", " 1"]),
        ("a\x1cb\x85c", ["a", "\x1c", "b", "\x85", "c"]),  # a sign, and white space of Unicode
        ("\u0660\U0001d7d8 \U00010400", ["\u0660\U0001d7d8", " \U00010400"]),
    ],
)
def test_words_by_hand(text, words):
    assert word_pattern().findall(text) == words


def test_classes_are_those_of_unicode():
    """Each point in turn between two letters: a letter joins them, nothing else does."""
    for point in [*range(0x3000), *range(0x1D7C0, 0x1D800), *range(0x20000, 0x20010)]:
        text = f"a{chr(point)}a"
        kind = unicodedata.category(chr(point))[0]
        assert (word_pattern().findall(text) == [text]) == (kind == "L")
        number = word_pattern().findall(f"1{chr(point)}1") == [f"1{chr(point)}1"]
        assert number == (kind == "N")


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_parts_of_any_size_have_the_words_of_the_whole(step):
    raw = TEXT.encode() + b"\xff\xc3 \xe6\x97" + TEXT.encode() + b"\xe6\x97"
    splitter, words = WordSplitter(), []
    for _ in range(2):  # the second text begins anew
        found = []
        for start in range(0, len(raw), step):
            found += splitter.add(raw[start : start + step])
        words.append(found + splitter.end())
    assert words[0] == words[1] == word_pattern().findall(raw.decode("utf-8", "surrogateescape"))
    assert b"".join(map(as_bytes, words[0])) == raw
