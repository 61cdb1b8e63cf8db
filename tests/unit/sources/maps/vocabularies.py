"""Files of a small vocabulary, learnt from the words of a text."""

import json

import numpy as np

from epiplexity_jax.sources.maps.gpt2_words import WordSplitter, as_bytes
from epiplexity_jax.sources.maps.pair_encoding import learn_pairs
from epiplexity_jax.sources.maps.vocabulary_files import LETTERS


def learnt(text, count):
    """Learn merges within the words of a text: texts of tokens, and the merges in order."""
    splitter = WordSplitter()
    words = [as_bytes(word) for word in splitter.add(text.encode()) + splitter.end()]
    symbols = np.frombuffer(b"".join(words), np.uint8)
    starts = np.zeros(len(symbols), bool)
    starts[np.cumsum([0, *map(len, words)])[:-1]] = True
    texts = list(LETTERS)
    merges = learn_pairs(symbols, starts, 256, 256 + count).merges
    for left, right in merges:
        texts.append(texts[left] + texts[right])
    return texts, [(texts[left], texts[right]) for left, right in merges]


def write(folder, texts, merges):
    """Write both files of GPT-2, with its special token as the last."""
    folder.mkdir(exist_ok=True)
    ids = {text: k for k, text in enumerate([*texts, "<|endoftext|>"])}
    (folder / "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder)


def whole(texts, merges, **changes):
    """Make the content of a `tokenizer.json`; `model` adds to its model."""
    model = {
        "type": "BPE",
        "vocab": {text: k for k, text in enumerate(texts)},
        "merges": [list(pair) for pair in merges],
        **changes.pop("model", {}),
    }
    special = {"id": len(texts), "content": "<|endoftext|>", "special": True}
    before = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    return {"added_tokens": [special], "pre_tokenizer": before, "model": model, **changes}
