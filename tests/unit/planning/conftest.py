"""A small measurement, trained once for all tests that read it."""

import random

import pytest

from epiplexity_jax import api

WORDS = ["the ", "old ", "cat ", "sat ", "on a ", "mat.\n", "She ", "saw ", "it ", "there, "]
ARGUMENTS = {"minutes": 14.0, "test_tokens": 40_000.0, "budgets": [1.2e9], "length": 16}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with a file of words in random order."""
    folder = tmp_path_factory.mktemp("measured")
    words = random.Random(1).choices(WORDS, k=12_000)
    (folder / "words.txt").write_text("".join(words), encoding="ascii")
    return folder


@pytest.fixture(scope="session")
def measured(folder):
    """The answer about the words, with its controls."""
    return api.measure(folder / "words.txt", store=folder / "store", **ARGUMENTS)
