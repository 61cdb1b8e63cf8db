"""A small config of each kind of source, and changes that each make it another source."""

AUTOMATON = {"kind": "elementary_ca", "rule": 54, "cells": 7, "steps": 2, "burn_in": 1}
BOOK = {"kind": "text", "path": "book.txt", "length": 16}

EXAMPLES = {
    "text": (
        {"path": "book.txt", "length": 16},
        [
            {"length": 8},
            {"alphabet": "bytes"},
            {"alphabet": "characters"},
            {"path": "other.txt"},
            {"heldout": "other.txt"},
            {"path": "*.txt"},
        ],
    ),
    "documents": (
        {"path": "stories.jsonl", "length": 16},
        [
            {"length": 8},
            {"alphabet": "ascii96"},
            {"separator": ""},
            {"heldout": "other.jsonl"},
            {"column": "ids", "vocab_size": 9},
            {"column": "ids", "vocab_size": 9, "pad": 0},
        ],
    ),
    "fasta": (
        {"path": "genome.fa", "length": 16},
        [{"length": 8}, {"alphabet": "ACGT", "unknown": "drop"}, {"case": "keep"}],
    ),
    "python_stdlib": ({"length": 16, "max_tokens": 4000}, [{"length": 8}, {"max_tokens": 3000}]),
    "noise": ({"vocab_size": 5, "length": 7}, [{"vocab_size": 6}, {"length": 8}]),
    "markov": (
        {"vocab_size": 4, "length": 9},
        [{"vocab_size": 5}, {"length": 8}, {"concentration": 2.0}, {"table_seed": 1}],
    ),
    "markov_rows": (
        {"vocab_size": 4, "length": 9, "hidden": 1},
        [
            {"vocab_size": 5},
            {"length": 8},
            {"hidden": 0},
            {"hidden": 4},
            {"rows": "tokens"},
            {"order_seed": 1},
        ],
    ),
    "elementary_ca": (
        {"rule": 54, "cells": 11, "steps": 3, "burn_in": 5},
        [{"rule": 55}, {"cells": 12}, {"steps": 4}, {"burn_in": 6}],
    ),
    "tokens": (
        {"path": "tokens.npy", "length": 16},
        [
            {"length": 8},
            {"path": "other.npy"},
            {"vocab_size": 60},
            {"bytes_per_token": 2.5},
            {"heldout": "other.npy"},
        ],
    ),
    "iterator": (
        {
            "factory": "number_rows:squares",
            "vocab_size": 50,
            "length": 16,
            "max_tokens": 4000,
        },
        [
            {"length": 8},
            {"max_tokens": 3000},
            {"vocab_size": 60},
            {"options": {"first": 3}},
            {"factory": "number_rows:cubes"},
        ],
    ),
    "grain": (
        {"factory": "number_rows:rows", "vocab_size": 50},
        [
            {"vocab_size": 60},
            {"options": {"length": 15}},
            {"options": {"given": 4}},
            {"fingerprint": "mine"},
            {"bytes_per_token": 2.5},
        ],
    ),
    "tfds": (
        {"name": "tiny_numbers", "feature": "text", "length": 8},
        [
            {"length": 9},
            {"split": "test"},
            {"alphabet": "bytes"},
            {"separator": ""},
            {"length": None, "feature": "image"},
            {"length": None, "feature": "row", "vocab_size": 47},
            {"feature": "digits"},
        ],
    ),
    "images": (
        {"path": "images.npy"},
        [
            {"path": "other_images.npy"},
            {"patch": 2},
            {"levels": 16},
            {"downsample": 2},
            {"channels": "planar"},
            {"values": 300},
        ],
    ),
    "repeat": ({"vocab_size": 5, "length": 7}, [{"vocab_size": 6}, {"length": 8}]),
    "cipher": (
        {"algorithm": "threefry", "length": 6, "sequences": 400},
        [
            {"algorithm": "aes"},
            {"algorithm": "chacha20"},
            {"key_seed": 1},
            {"vocab_size": 16},
            {"length": 7},
            {"sequences": 401},
        ],
    ),
    "induction": (
        {"rule": 30, "cells": 11, "steps": 3, "hidden": 4},
        [{"rule": 54}, {"cells": 12}, {"steps": 2}, {"hidden": 3}],
    ),
    "lcg": (
        {"modulus_bits": 12, "output": "high", "bits": 3, "length": 9},
        [
            {"modulus_bits": 13},
            {"multiplier": 5},
            {"increment": 1},
            {"output": "low"},
            {"bits": 4},
            {"length": 8},
        ],
    ),
    "lfsr": (
        {"degree": 9, "bits": 2, "length": 11},
        [{"degree": 10}, {"taps": (5, 9)}, {"bits": 3}, {"length": 12}],
    ),
    "labelled": (
        {"path": "labelled.npz"},
        [
            {"labels": "others"},
            {"inputs": "real"},
            {"inputs": "real", "standardise": True},
            {"classes": 9},
            {"input_vocab_size": 5},
        ],
    ),
    "shuffle": (
        {"source": AUTOMATON},
        [
            {"map_seed": 1},
            {"source": {**AUTOMATON, "rule": 30}},
            {"source": BOOK},
            {"source": BOOK, "scope": "corpus"},
        ],
    ),
    "reorder": (
        {"source": AUTOMATON, "order": "permute"},
        [
            {"map_seed": 1},
            {"order": "reverse"},
            {"order": "label_first"},
            {"segments": 2, "of": "segments", "order": "reverse"},
            {"segments": 1},
            {"source": {**AUTOMATON, "rule": 30}},
            {"source": BOOK},
        ],
    ),
    "flip_labels": (
        {"source": AUTOMATON, "rate": 0.1},
        [{"map_seed": 1}, {"rate": 0.2}, {"source": BOOK}],
    ),
    "mix": (
        {"sources": [{"source": AUTOMATON}, {"source": {**AUTOMATON, "rule": 30}}]},
        [
            {"map_seed": 1},
            {"sources": [{"source": AUTOMATON, "weight": 2}, {"source": AUTOMATON}]},
            {"sources": [{"source": AUTOMATON}]},
        ],
    ),
    "subsample": (
        {"source": AUTOMATON, "sequences": 300},
        [{"map_seed": 1}, {"sequences": 301}, {"source": BOOK, "sequences": 100}],
    ),
    "replay": ({"source": BOOK, "times": 1}, [{"times": 2}, {"source": {**BOOK, "length": 8}}]),
}
FILES = {
    "documents",
    "fasta",
    "text",
    "python_stdlib",
    "tokens",
    "iterator",
    "labelled",
    "grain",
    "tfds",
    "images",
}
HOST = FILES | {"cipher", "subsample", "replay"}
FROM_BYTES = {
    "documents",
    "text",
    "python_stdlib",
    "replay",
    "tfds",
    "images",
}  # whose tokens have an original in bytes
