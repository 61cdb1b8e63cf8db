"""Byte-level tokens: merges by hand, equal to a plain loop and to the `tokenizers` library."""

import numpy as np
import pytest

from epiplexity_jax.sources.maps.vocabulary_files import LETTERS, read_vocabulary
from tests.unit.sources.maps import vocabularies

BOOK = "It was the best of times, it was the worst of times; it's 1859.\n  Ça va? “Oui” — 日本\n"
STRANGE = BOOK * 3 + "the  time'll <|endoftext|>\x00\x00\x00\x1c\n\n\t wasth timestimes\U0001f600 "


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    texts, merges = vocabularies.learnt(BOOK * 4 + "the times of it", 60)
    folder = vocabularies.write(tmp_path_factory.mktemp("tiny"), texts, merges)
    return folder, read_vocabulary(folder), texts, merges


def encoded(coding, raw, step=1 << 20):
    symbols = np.frombuffer(raw, np.uint8)
    starts = np.zeros(len(raw), bool)
    parts = ((symbols[k : k + step], starts[k : k + step]) for k in range(0, len(raw), step))
    return np.concatenate(list(coding.encode_parts(parts))).tolist()


def decoded(tokens, texts):
    return bytes(LETTERS.index(letter) for token in tokens for letter in texts[token])


def plainly_merged(word, coding):
    """Merge the first pair of the list wherever it stands, again and again."""
    tokens = [coding.byte_tokens[byte] for byte in word]
    while True:
        pairs = [pair for pair in zip(tokens, tokens[1:], strict=False) if pair in coding.merges]
        if not pairs:
            return tokens
        best = min(pairs, key=lambda pair: coding.merges[pair][0])
        made, k = [], 0
        while k < len(tokens):
            hit = tuple(tokens[k : k + 2]) == best
            made.append(coding.merges[best][1] if hit else tokens[k])
            k += 1 + hit
        tokens = made


def test_merges_by_hand(tmp_path):
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("a", "a")]
    texts = [*LETTERS, "th", "the", "Ġthe", "aa"]
    coding = read_vocabulary(vocabularies.write(tmp_path, texts, merges))
    assert [texts[k] for k in encoded(coding, b"the the thaaa")] == [
        *("the", "Ġthe", "Ġ", "th", "aa", "a")
    ]
    assert coding.lengths()[[97, 256, 257, 258, 259, 260]].tolist() == [1, 2, 3, 4, 2, 0]
    assert coding.vocab_size == 261


def test_words_of_any_bytes_are_those_of_a_plain_loop(vocabulary):
    _, coding, texts, _ = vocabulary
    random = np.random.default_rng(0)
    for size in (1, 2, 3, 9, 60, 500):
        for letters in (b"ab", b"timeshwa ", bytes(range(256))):
            word = bytes(random.choice(list(letters), size).tolist())
            tokens = coding.encode_word(word)
            assert tokens == plainly_merged(word, coding)
            assert decoded(tokens, texts) == word
            assert coding.lengths()[tokens].sum() == size


@pytest.mark.parametrize("step", [1, 5, 64])
def test_parts_of_a_text_are_encoded_as_the_whole(vocabulary, step):
    _, coding, texts, _ = vocabulary
    raw = STRANGE.encode() + bytes(range(256)) + b"\xe6\x97"
    tokens = encoded(coding, raw)
    assert encoded(coding, raw, step) == tokens
    assert decoded(tokens, texts) == raw
    assert len(tokens) < 0.8 * len(raw)


def test_a_text_that_does_not_continue_is_on_its_own(vocabulary):
    _, coding, _, _ = vocabulary
    raw = b"e the the th"
    symbols, starts = np.frombuffer(raw, np.uint8), np.arange(12) % 4 == 0
    one = encoded(coding, b"e th")
    assert np.concatenate(list(coding.encode_parts([(symbols, starts)]))).tolist() == one * 3
    assert encoded(coding, raw) != one * 3


def test_tokens_are_those_of_the_tokenizers_library(vocabulary):
    tokenizers = pytest.importorskip("tokenizers")
    _, coding, texts, merges = vocabulary
    vocab = {text: k for k, text in enumerate(texts)}
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    random = np.random.default_rng(1)
    letters = list(STRANGE + "  '\n ½²ÄŐ\u2003\x85\u0660\U0001d7d8")
    texts = [STRANGE, *("".join(random.choice(letters, 200).tolist()) for _ in range(50))]
    for text in texts:
        assert encoded(coding, text.encode()) == theirs.encode(text).ids
