"""Vocabularies in files: both layouts give one encoding, other tokenisers are refused."""

import json

import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.maps.vocabulary_files import LETTERS, read_vocabulary
from tests.unit.sources.maps import vocabularies

MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the")]
TEXTS = [*LETTERS, "th", "the", "Ġthe"]
LEVEL = {"type": "ByteLevel"}


def complaint(path):
    with pytest.raises(DataError) as caught:
        read_vocabulary(str(path))
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_letters_stand_for_bytes():
    assert len(set(LETTERS)) == 256
    assert [LETTERS[byte] for byte in b"A~ \n\0\xa1\xad\xff"] == [*"A~ĠĊĀ¡Ńÿ"]
    assert not any(letter.isspace() for letter in LETTERS)


@pytest.mark.parametrize("layout", ["pairs", "texts", "folder"])
def test_both_layouts_are_the_same_tokens(tmp_path, layout):
    both = read_vocabulary(vocabularies.write(tmp_path / "both", TEXTS, MERGES))
    content = vocabularies.whole(TEXTS, MERGES)
    if layout == "texts":
        content["model"]["merges"] = [" ".join(pair) for pair in MERGES]
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(content))
    one = read_vocabulary(str(tmp_path if layout == "folder" else path))
    assert (
        (one.vocab_size, one.byte_tokens)
        == (both.vocab_size, both.byte_tokens)
        == (
            260,
            tuple(range(256)),
        )
    )
    assert (
        one.merges
        == both.merges
        == {(116, 104): (0, 256), (256, 101): (1, 257)} | {(32, 257): (2, 258)}
    )
    assert one.lengths().tolist() == both.lengths().tolist() == [1] * 256 + [2, 3, 4, 0]


def test_the_file_that_names_its_words_goes_before_the_two_that_do_not(tmp_path):
    vocabularies.write(tmp_path, TEXTS, MERGES)
    split = {"type": "Sequence", "pretokenizers": [{"type": "Split"}, LEVEL]}
    content = vocabularies.whole(TEXTS, MERGES, pre_tokenizer=split)
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="pre_tokenizer: expected ByteLevel, which splits as GPT-2"):
        read_vocabulary(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": {"type": "Unigram"}}, "model: is no BPE; bring GPT-2's vocab.json and merges"),
        ({"pre_tokenizer": None}, "pre_tokenizer: expected ByteLevel, which splits as GPT-2 does"),
        ({"pre_tokenizer": {**LEVEL, "add_prefix_space": True}}, "add_prefix_space: is not read"),
        ({"pre_tokenizer": {**LEVEL, "use_regex": False}}, "use_regex: false: is not read"),
        ({"normalizer": {"type": "NFC"}}, "normalizer: is not read, and GPT-2 has none; bring"),
        ({"model": {"ignore_merges": True}}, "ignore_merges: is not read"),
        ({"model": {"merges": None}}, "merges: is no list of pairs"),
        ({"model": {"merges": [["t", "h"], ["t"]]}}, "merge 2: ['t'] is no pair of texts"),
        ({"model": {"merges": [["t", "o"]]}}, "merge 1: 't o' is not of the vocabulary's tokens"),
        ({"model": {"vocab": {}}}, "holds no tokens"),
        ({"model": {"vocab": {"a": -1}}}, "-1 is no token"),
        ({"model": {"vocab": {"a": 1, "b": 1}}}, "gives a token to two texts"),
        ({"model": {"vocab": {"a": 1}}}, "has no token for byte 0, 'Ā'"),
        (
            {"added_tokens": [{"id": 7, "content": "    ", "special": False}]},
            "added_tokens: '    ' is no special token and would be found before words are",
        ),
    ],
)
def test_other_tokenisers_are_refused(tmp_path, changes, sentence):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(vocabularies.whole(TEXTS, MERGES, **changes)))
    assert complaint(path).startswith(sentence)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("vocab.json", None, "holds no vocab.json; bring GPT-2's"),
        ("merges.txt", None, "holds no merges.txt; bring GPT-2's"),
        ("merges.txt", "#version: 0.2\nt h\nt h e\n", "merge 2: ['t', 'h', 'e'] is no pair"),
    ],
)
def test_folders_of_no_use_are_refused(tmp_path, name, content, sentence):
    vocabularies.write(tmp_path, TEXTS, MERGES)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    assert complaint(tmp_path).startswith(sentence)


def test_files_of_no_use_are_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    assert complaint(path) == "no such file"
    for content, sentence in {
        b"[1, 2": "is no JSON in UTF-8: ",
        b"[]": "is no vocabulary; ",
    }.items():
        path.write_bytes(content)
        assert complaint(path).startswith(sentence)
