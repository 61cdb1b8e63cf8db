"""nanoGPT's meta.pkl: read without running anything, refused where it holds objects."""

import os
import pickle

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.tokens import Tokens, open_file

TEXT = "the quick brown fö\n" * 200
LETTERS = sorted(set(TEXT))


class _Runs:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.fixture(autouse=True)
def _data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.array([LETTERS.index(c) for c in TEXT], np.uint16).tofile("train.bin")


def write(meta):
    with open("meta.pkl", "wb") as file:
        pickle.dump(meta, file)


def test_vocabulary_and_bytes_per_token():
    plain = open_file(Tokens(path="train.bin", length=32))
    itos = dict(enumerate(LETTERS))
    write({"vocab_size": len(LETTERS), "itos": itos, "stoi": {c: i for i, c in itos.items()}})
    source = open_file(Tokens(path="train.bin", length=32))
    assert source.info.vocab_size == plain.info.vocab_size == len(LETTERS)
    assert source.info.bytes_per_token == len(TEXT.encode()) / len(TEXT)
    assert f"meta.pkl was read: {len(LETTERS)} symbols" in source.info.notes[0]


def test_the_config_comes_first():
    write({"vocab_size": len(LETTERS)})
    assert open_file(Tokens(path="train.bin", length=32, vocab_size=99)).info.vocab_size == 99
    write({"itos": _Runs()})
    named = Tokens(path="train.bin", length=32, vocab_size=99, bytes_per_token=1.0)
    assert open_file(named).info.notes[0].startswith("train.bin names no dtype")


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({"vocab_size": 9, "itos": _Runs()}, r"it names \w+.mkdir"),
        (np.arange(3), "it names numpy"),
        ({"vocab_size": "65"}, "holds no vocab_size or itos"),
        ([1, 2], "holds no vocab_size or itos"),
    ],
)
def test_objects_and_other_pickles_are_refused(meta, said):
    write(meta)
    with pytest.raises(DataError, match=said):
        open_file(Tokens(path="train.bin", length=32))
    assert not os.path.exists("ran")
