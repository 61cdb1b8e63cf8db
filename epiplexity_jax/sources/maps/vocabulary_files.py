"""Vocabularies of byte-level tokenisers in files: GPT-2's two, or a `tokenizer.json`."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.maps.byte_level import ByteLevelCoding
from epiplexity_jax.sources.token_array import MAX_VOCAB, readable

TOKENS, MERGES, WHOLE = "vocab.json", "merges.txt", "tokenizer.json"
_CURE = f"bring GPT-2's {TOKENS} and {MERGES}, or the {WHOLE} of a byte-level BPE"


def _letters() -> tuple[str, ...]:
    """Give each byte the character that stands for it in these files."""
    printed = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)}
    printed |= set(range(ord("®"), ord("ÿ") + 1))
    others = iter(range(256, 512))
    return tuple(chr(byte) if byte in printed else chr(next(others)) for byte in range(256))


LETTERS = _letters()
"""By byte, its character in a vocabulary: `Ġ` for a blank, `Ċ` for the end of a line."""


def read_vocabulary(path: str) -> ByteLevelCoding:
    """Read the tokens and merges of a folder, or of one file.

    Raises:
        DataError: when a file is missing, damaged, or of a tokeniser of another kind.
    """
    where = Path(path)
    if "\0" not in path and where.is_dir():
        if not (where / WHOLE).is_file():
            return _read_both(where)
        where = where / WHOLE
    return _read_whole(where)


def _read_both(folder: Path) -> ByteLevelCoding:
    missing = [name for name in (TOKENS, MERGES) if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder}: holds no {missing[0]}; {_CURE}")
    path = folder / MERGES
    with readable(path):
        lines = path.read_text("utf-8").split("\n")
    lines = [line.removesuffix("\r") for line in lines]
    merges = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    return _coding(_json(folder / TOKENS), merges, (), folder)


def _read_whole(path: Path) -> ByteLevelCoding:
    found = _json(path)
    model, added = found.get("model"), found.get("added_tokens") or ()
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
        raise DataError(f"{path}: model: is no BPE; {_CURE}")
    before = found.get("pre_tokenizer")
    if not isinstance(before, dict) or before.get("type") != "ByteLevel":
        kind = before.get("type") if isinstance(before, dict) else before
        raise DataError(
            f"{path}: pre_tokenizer: expected ByteLevel, which splits as GPT-2 does, got {kind}; "
            f"{_CURE}"
        )
    unread = [name for name in ("add_prefix_space",) if before.get(name)]
    unread += ["use_regex: false"] * (not before.get("use_regex", True))
    unread += ["normalizer"] * bool(found.get("normalizer"))
    flags = ("dropout", "byte_fallback", "ignore_merges")
    flags += ("continuing_subword_prefix", "end_of_word_suffix")
    unread += [name for name in flags if model.get(name)]
    if unread:
        raise DataError(f"{path}: {unread[0]}: is not read, and GPT-2 has none; {_CURE}")
    tokens: dict[str, Any] = {}
    for each in added if isinstance(added, list) else ():
        if not isinstance(each, dict) or not each.get("special"):
            name = each.get("content") if isinstance(each, dict) else each
            raise DataError(
                f"{path}: added_tokens: {name!r:.40} is no special token and would be found before "
                f"words are; {_CURE}"
            )
        tokens[str(each.get("content"))] = each.get("id")
    merges = model.get("merges")
    if not isinstance(merges, list):
        raise DataError(f"{path}: merges: is no list of pairs; {_CURE}")
    pairs = [each.split(" ") if isinstance(each, str) else each for each in merges]
    return _coding(model.get("vocab"), pairs, tokens.values(), path)


def _json(path: Path) -> dict[str, Any]:
    with readable(path, damaged="is no JSON in UTF-8: {}"):
        found = json.loads(path.read_bytes().decode("utf-8"))
    if not isinstance(found, dict):
        raise DataError(f"{path}: is no vocabulary; {_CURE}")
    return found


def _coding(
    vocabulary: Any, merges: Iterable[Any], special: Iterable[Any], path: Path
) -> ByteLevelCoding:
    """Check that all tokens are there.

    Args:
        vocabulary: token by text, in which a character stands for a byte.
        merges: pairs of texts, in order.
        special: tokens that are not of the vocabulary.
        path: name of the file or folder, for messages.

    Raises:
        DataError: when one is missing or no token.
    """
    if not isinstance(vocabulary, Mapping) or not vocabulary:
        raise DataError(f"{path}: holds no tokens; {_CURE}")
    for token in (*vocabulary.values(), *special):
        if type(token) is not int or not 0 <= token < MAX_VOCAB:
            raise DataError(f"{path}: {token!r:.40} is no token; {_CURE}")
    if len(set(vocabulary.values())) < len(vocabulary):
        raise DataError(f"{path}: gives a token to two texts; {_CURE}")
    lost = [byte for byte in range(256) if LETTERS[byte] not in vocabulary]
    if lost:
        raise DataError(f"{path}: has no token for byte {lost[0]}, {LETTERS[lost[0]]!r}; {_CURE}")
    tokens = tuple(vocabulary[letter] for letter in LETTERS)
    size, made = max([*vocabulary.values(), *special]) + 1, {}
    sizes = np.zeros(size, np.int64)
    sizes[list(tokens)] = 1
    for place, pair in enumerate(merges):
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not all(isinstance(t, str) for t in pair)
        ):
            raise DataError(f"{path}: merge {place + 1}: {pair!r:.60} is no pair of texts; {_CURE}")
        parts = [vocabulary.get(text) for text in (*pair, "".join(pair))]
        if None in parts:
            raise DataError(
                f"{path}: merge {place + 1}: {' '.join(pair)!r:.60} is not of the vocabulary's "
                f"tokens; {_CURE}"
            )
        left, right, token = parts
        made[left, right] = (place, token)
        sizes[token] = len("".join(pair))
    return ByteLevelCoding(size, tokens, made, sizes)
