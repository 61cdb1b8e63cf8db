"""A small config of each kind of source, and changes that each make it another source."""

from tests.unit.sources.chess_examples import CHESS_EXAMPLES

AUTOMATON = {"kind": "elementary_ca", "rule": 54, "cells": 7, "steps": 2, "burn_in": 1}
BITS = {"kind": "noise", "vocab_size": 2, "length": 9}
CHAIN = {"kind": "markov", "vocab_size": 4, "length": 8}
BOOK = {"kind": "text", "path": "book.txt", "length": 16}
BYTES = {**BOOK, "alphabet": "bytes"}

EXAMPLES = CHESS_EXAMPLES | {
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
            {"alphabet": "story0123\n ", "unknown": "skip_document"},
            {"column": "ids", "vocab_size": 9},
            {"column": "ids", "vocab_size": 9, "pad": 0},
        ],
    ),
    "fasta": (
        {"path": "genome.fa", "length": 16},
        [{"length": 8}, {"alphabet": "ACGT", "unknown": "drop"}, {"case": "keep"}],
    ),
    "package_files": (
        {"package": "rich", "files": "_palettes.py", "length": 16},
        [{"length": 8}, {"files": "box.py"}, {"alphabet": "ascii96"}],
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
        [
            {"rule": 55},
            {"cells": 12},
            {"steps": 4},
            {"burn_in": 6},
            {"states": 3},
            {"pay": "all"},
        ],
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
            *({"path": "other_images.npy"}, {"patch": 2}, {"levels": 16}, {"downsample": 2}),
            *({"channels": "planar"}, {"channels": "grey"}),
            {"length": 24},
            {"values": 300},
        ],
    ),
    "photographs": (
        {"path": "photographs", "side": 4},
        [{"path": "photographs/0.png"}, {"side": 8}, {"levels": 16}, {"length": 8}],
    ),
    "repeat": ({"vocab_size": 5, "length": 7}, [{"vocab_size": 6}, {"length": 8}]),
    "cipher": (
        {"algorithm": "threefry", "length": 6, "sequences": 400},
        [
            {"algorithm": "aes"},
            {"algorithm": "chacha20"},
            {"algorithm": "chacha20", "rounds": 8},
            {"rounds": 8},
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
    "life": (
        {"rows": 4, "columns": 5, "steps": 2},
        [
            {"rule": "B36/S23"},
            {"rows": 5},
            {"columns": 4},
            {"density": 0.25},
            {"steps": 3},
            {"states": 2},
        ],
    ),
    "lorenz": (
        {"time": 0.5, "bits": (4, 3, 2), "burn_in": 0.5},
        [
            {"time": 0.6},
            {"start": False},
            {"bits": (4, 4, 2)},
            {"burn_in": 0.6},
            {"measure": "uniform", "burn_in": None},
        ],
    ),
    "pairs": (
        {"answers": "teacher", "inputs": 9},
        [
            {"answers": "coin"},
            {"answers": "prg"},
            {"inputs": 8},
            {"second": False},
            {"key_seed": 1},
            {"sharpness": 3.0},
        ],
    ),
    "tic_tac_toe": ({}, [{"order": "board_first"}]),
    "tic_tac_toe_questions": (
        {"question": "value", "plies": 5},
        [
            {"plies": 6},
            {"inputs": "board"},
            {"question": "winner", "plies": None},
            {"question": "winner", "plies": None, "inputs": "board_first"},
        ],
    ),
    "connect_four": (
        {"columns": 4, "rows": 3, "connect": 3},
        [{"columns": 5}, {"rows": 4}, {"connect": 4}, {"order": "board_first"}],
    ),
    "mixture": (
        {"models": 5, "vocab_size": 4, "length": 9},
        [
            {"models": 6},
            {"vocab_size": 5},
            {"length": 8},
            {"exponent": 1.0},
            {"of": "periodic"},
            {"of": "periodic", "period": 3},
            {"concentration": 2.0},
            {"table_seed": 1},
        ],
    ),
    "boolean": (
        {"bits": 6},
        [
            {"bits": 7},
            {"function": "parity"},
            {"function": "parity", "relevant": 2},
            {"function": "majority", "relevant": 3},
            {"table_seed": 1},
        ],
    ),
    "modular_addition": (
        {"modulus": 11},
        [{"modulus": 12}, {"pairs": "all"}, {"equals_sign": True}],
    ),
    "zipf_facts": (
        {"facts": 40, "values": 6},
        [{"facts": 41}, {"values": 7}, {"exponent": 0.5}, {"pay": "all"}, {"table_seed": 1}],
    ),
    "in_context": (
        {"classes": 9, "context": 3, "label_symbols": 4, "labels": "fixed"},
        [
            {"classes": 10},
            {"context": 4},
            {"label_symbols": 5},
            {"bursty": 0.5},
            {"copies": 2},
            {"exponent": 1.0},
            {"labels": "fresh"},
            {"table_seed": 1},
        ],
    ),
    "grammar": (
        {"primitives": 5},
        [
            {"primitives": 6},
            {"modifiers": 2},
            {"clauses": 3},
            {"heldout_combinations": 0.5},
            {"split": "new_combinations"},
            {"table_seed": 1},
        ],
    ),
    "length_generalisation": (
        {"lengths": (5, 5)},
        [
            {"task": "reverse"},
            {"task": "sort"},
            {"task": "parity"},
            {"lengths": (2, 5)},
            {"max_length": 6},
            {"symbols": 5},
        ],
    ),
    "two_features": ({"core_bits": 3}, [{"core_bits": 4}, {"spurious": 0.8}, {"core": 0.7}]),
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
    "apply_rule": (
        {"source": AUTOMATON, "rule": 54, "steps": 2},
        [
            {"rule": 30},
            {"steps": 3},
            {"keep": "xy"},
            {"source": {**AUTOMATON, "rule": 30}},
            {"source": BITS},
            {"source": {"kind": "text", "path": "bits.txt", "length": 16, "alphabet": "01"}},
        ],
    ),
    "dedupe": (
        {"source": {"kind": "tokens", "path": "tokens.npy", "length": 7}},
        [{"source": {"kind": "tokens", "path": "tokens.npy", "length": 6}}],
    ),
    "compile_python": (
        {"source": {"kind": "text", "path": "*_rows.py", "length": 4}},
        [
            {"source": {"kind": "text", "path": "*_rows.py", "length": 5}},
            {"source": {"kind": "python_stdlib", "length": 4, "max_tokens": 4000}},
        ],
    ),
    "encrypt": (
        {"source": AUTOMATON, "algorithm": "threefry"},
        [
            {"key_seed": 1},
            {"algorithm": "chacha20"},
            {"nonce": "reused"},
            {"nonce": "reused", "algorithm": "aes"},
            {"source": {**AUTOMATON, "rule": 30}},
            {"source": BOOK},
        ],
    ),
    "sort": (
        {"source": AUTOMATON},
        [
            {"source": {**AUTOMATON, "rule": 30}},
            {"source": BOOK},
            {"source": BOOK, "segments": 4},
        ],
    ),
    "retokenise": (
        {"source": CHAIN, "into": "chunk", "group": 2},
        [
            {"group": 4},
            {"group": None, "into": "bytes"},
            {"group": None, "into": "bytes", "alphabet": "acgt"},
            {"group": None, "into": "base64", "source": {**BYTES, "length": 9}},
            {"source": {**CHAIN, "table_seed": 1}},
            {"source": BOOK},
            {"group": None, "into": "bpe", "vocab_size": 110, "source": BOOK},
            {"group": None, "into": "tokeniser", "vocabulary": "tiny", "source": BYTES},
            {"group": None, "into": "tokeniser", "vocabulary": "less", "source": BYTES},
            {"group": None, "into": "bpe", "vocab_size": 99, "length": 9, "source": BOOK},
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
TEXTS = {"documents", "text", "package_files", "python_stdlib"}
IMAGES = {"images", "photographs", "tfds"}
CHESS = set(CHESS_EXAMPLES)
FILES = TEXTS | IMAGES | CHESS | {"fasta", "tokens", "iterator", "labelled", "grain"}
HOST = FILES | {"cipher", "subsample", "replay", "dedupe", "compile_python"}
FROM_BYTES = TEXTS | {"replay", "tfds", "images"}  # whose tokens have an original in bytes
