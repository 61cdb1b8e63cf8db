"""A small measurement, trained once for all tests that read it, whatever worker they are on."""

import fcntl
import os
import random
import shutil

import pytest

from epiplexity_jax import api

WORDS = ["the ", "old ", "cat ", "sat ", "on a ", "mat.\n", "She ", "saw ", "it ", "there, "]
ARGUMENTS = {"minutes": 14.0, "test_tokens": 40_000.0, "budgets": [1.2e9], "length": 16}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of this worker's own with a file of words in random order, and their store."""
    base = tmp_path_factory.getbasetemp()
    common = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "measured_once"
    common.mkdir(exist_ok=True)
    with (common / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first worker trains, others wait and copy
        if not (common / "store").exists():
            words = "".join(random.Random(1).choices(WORDS, k=12_000))
            (common / "words.txt").write_text(words, encoding="ascii")
            api.measure(common / "words.txt", store=common / "training", **ARGUMENTS)
            (common / "training").rename(common / "store")
    own = tmp_path_factory.mktemp("measured")
    shutil.copy2(common / "words.txt", own)
    shutil.copytree(common / "store", own / "store")
    return own


@pytest.fixture(scope="session")
def measured(folder):
    """The answer about the words, with its controls."""
    return api.measure(folder / "words.txt", store=folder / "store", **ARGUMENTS)
