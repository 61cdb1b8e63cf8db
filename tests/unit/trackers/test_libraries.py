"""Weights & Biases and trackio, with the real libraries and no network, each in its process."""

import json
import os
import sqlite3

import pytest

from epiplexity_jax.trackers import Trackio, Wandb, open_tracker
from tests.unit.trackers.series import ONE, TWO, track


def test_weights_and_biases_offline(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))  # where an API key would be
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    track(Wandb(project="tests"), tmp_path, 3, ends=True)
    folders = list((tmp_path / "wandb").glob("offline-run-*"))
    assert sorted(folder.name[-16:] for folder in folders) == [ONE.id, TWO.id]
    for folder in folders:
        (file,) = folder.glob("*.wandb")
        content = file.read_bytes()
        for word in (b"heldout_loss_bits", b"learning_rate", b"tests", b"store"):
            assert word in content
        assert (b"model_bits" in content) == (folder.name.endswith(ONE.id))


def test_trackio_goes_on_behind_what_it_has(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    track(Trackio(project="tests"), tmp_path, 2)
    track(Trackio(project="tests"), tmp_path, 4, ends=True)
    with sqlite3.connect(tmp_path / "tests.db") as database:
        rows = database.execute("select run_name, step, metrics from metrics order by id")
        told = [(name, step, json.loads(metrics)) for name, step, metrics in rows]
    database.close()
    for series in (ONE, TWO):
        own = [(step, metrics) for name, step, metrics in told if name == series.name]
        logged = [(step, m["heldout_loss_bits"]) for step, m in own if "heldout_loss_bits" in m]
        assert logged == [(step, 8.0 - step) for step in range(5)]
    (end,) = [metrics for _, _, metrics in told if "status" in metrics]
    assert (end["status"], end["model_bits"]) == ("finished", 12.5)


BROKEN = """
def init(**options):
    raise RuntimeError("no such\\nproject")
class Error(Exception):
    pass
Settings = dict
"""


def test_the_error_of_a_library_is_raised(tmp_path, monkeypatch):
    """In place of trackio a library that refuses; the next record finds its process gone."""
    (tmp_path / "trackio.py").write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sink = open_tracker(Trackio())
    sink.start(tmp_path)
    sink.log(ONE, 0, {"train_tokens": 0.0})
    sink._process.wait()
    with pytest.raises(RuntimeError, match="^no such project$"):
        sink.log(ONE, 1, {"train_tokens": 36.0})


def test_a_process_that_was_killed_raises(tmp_path):
    sink = open_tracker(Trackio())
    sink.start(tmp_path)
    sink._process.kill()
    sink._process.wait()
    with pytest.raises(RuntimeError, match="its process was ended"):
        sink.log(ONE, 0, {"train_tokens": 0.0})


FLOODS = """
import os, sys
def init(**options):
    for _ in range(1000):
        print("noise" * 1000)
        print("noise" * 1000, file=sys.stderr)
        os.write(1, b"noise")
        os.write(2, b"noise")
    os._exit(3)
"""


def test_a_library_that_prints_a_lot_and_ends_its_process_ends_nothing_else(
    tmp_path, monkeypatch, capfd
):
    (tmp_path / "trackio.py").write_text(FLOODS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sink = open_tracker(Trackio())
    sink.start(tmp_path)
    sink.log(ONE, 0, {"train_tokens": 0.0})
    sink._process.wait()
    with pytest.raises(RuntimeError, match="^its process was ended$"):
        sink.log(ONE, 1, {"train_tokens": 36.0})
    assert capfd.readouterr() == ("", "")
