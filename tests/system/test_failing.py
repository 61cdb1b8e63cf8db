"""Calls of the file system that fail: said in a line, nothing lost, and the next run mends it."""

import itertools
import os
import shutil

import pytest
import yaml

from epiplexity_jax import EpiplexityError
from epiplexity_jax.checkpoints.keeper import WaveCheckpointHook
from tests.system.failing import ERRORS, Refusing
from tests.system.sweeps import histories, train
from tests.system.test_faults import CONFIG

EVERY = int(os.environ.get("EVERY", "19"))  # calls, one of which is refused; EVERY=1: all of them


@pytest.fixture(name="config")
def _config(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    keep = WaveCheckpointHook.keep

    def due(self):
        self.asked = getattr(self, "asked", 0) + 1
        return self.asked % 6 == 0

    def kept(self, *arguments):
        keep(self, *arguments)
        self.wait()

    monkeypatch.setattr(WaveCheckpointHook, "due", due)
    monkeypatch.setattr(WaveCheckpointHook, "keep", kept)
    return path


def refused(config, store, number, error):
    """A sweep in which a call is refused: what was, and the line that says so, if one does."""
    calls = Refusing(store, number, error)
    try:
        with calls.watching():
            told, _ = train(config, store)
    except EpiplexityError as mended:
        return calls, [str(mended)]
    return calls, told.said


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Orbax's threads
def test_every_call_may_fail_once(config, tmp_path):
    store = tmp_path / "store"
    watched = Refusing(store)
    with watched.watching():
        _, whole = train(config, store)
    assert len(watched.calls) > 100
    errors = itertools.cycle(ERRORS)
    for number in range(1, len(watched.calls) + 1, EVERY):
        shutil.rmtree(store, ignore_errors=True)
        calls, said = refused(config, store, number, next(errors))
        assert all("\n" not in line for line in said)
        before = histories(store)
        _, found = train(config, store)
        assert found == whole, (number, calls.refused, said)
        assert before.items() <= histories(store).items()
