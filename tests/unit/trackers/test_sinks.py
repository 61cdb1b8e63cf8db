"""The sinks of the package, with the real libraries and no network."""

import json
import os
import sqlite3
import struct

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.trackers import (
    Jsonl,
    Series,
    Tensorboard,
    Trackio,
    Wandb,
    open_tracker,
    process,
    spec,
)

CONFIG = {"source": "text", "size": "width 8 depth 1", "learning_rate": 0.03, "seed": 0}
ONE = Series("0123456789abcdef", "text-seed-0-01234567", "store", CONFIG)
TWO = Series("fedcba9876543210", "text-seed-1-fedcba98", "store", CONFIG | {"seed": 1})
SUMMARY = {"status": "finished", "message": "", "model_bits": 12.5, "data_bits": None}


def track(config, store, last, ends=False):
    """Two series side by side up to a step, from their first."""
    sink = open_tracker(config)
    sink.start(store)
    for step in range(last + 1):
        for series in (ONE, TWO):
            sink.log(series, step, {"heldout_loss_bits": 8.0 - step, "train_tokens": 36.0 * step})
    if ends:
        sink.finish(ONE, SUMMARY)
    sink.close()


def lines(store):
    text = (store / "metrics.jsonl").read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_lines_go_on_behind_what_is_there(tmp_path):
    track(Jsonl(), tmp_path, 2)
    with (tmp_path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('not ours\n{"id": "0123456789abcdef", "event": "lo')  # killed in a line
    track(Jsonl(), tmp_path, 4, ends=True)
    content = (tmp_path / "metrics.jsonl").read_text("utf-8").replace("not ours\n", "")
    told = [json.loads(line) for line in content.splitlines()]
    for series in (ONE, TWO):
        own = [line for line in told if line["id"] == series.id]
        start, *rest = own
        assert (start["event"], start["name"], start["config"]) == (
            *("start", series.name),
            dict(series.config),
        )
        logged = [line for line in rest if line["event"] == "log"]
        assert [line["step"] for line in logged] == [0, 1, 2, 3, 4]
        assert [line["heldout_loss_bits"] for line in logged] == [8.0, 7.0, 6.0, 5.0, 4.0]
    (end,) = [line for line in told if line["event"] == "end"]
    assert end.items() >= (SUMMARY | {"id": ONE.id}).items()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    (tmp_path / "tensorboard").write_text("a file")
    with pytest.raises(IsADirectoryError):
        open_tracker(Jsonl()).start(tmp_path)
    sink = open_tracker(Tensorboard())
    sink.start(tmp_path)
    with pytest.raises(OSError, match="tensorboard"):
        sink.log(ONE, 0, {"train_tokens": 0.0})


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux")
def test_a_full_disk(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    sink = open_tracker(Jsonl())
    sink._file = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left on device"):
        sink.log(ONE, 0, {"train_tokens": 0.0})
    sink.close()


def events(file):
    """The events of a file of TensorBoard's."""
    from tensorboardX.proto import event_pb2

    content, found = file.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        found.append(event_pb2.Event.FromString(content[12 : 12 + length]))
        content = content[12 + length + 4 :]
    return found


def shown(folder):
    """What TensorBoard shows of a folder: a start hides what was logged from its step on."""
    values = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns):
        for event in events(file):
            if event.HasField("session_log"):
                values = {key: v for key, v in values.items() if key[1] < event.step}
            for value in event.summary.value:
                key = (value.tag, event.step)
                assert key not in values
                values[key] = value.simple_value or value.tensor.string_val
    return values


def test_tensorboard_shows_a_step_once(tmp_path, monkeypatch):
    track(Tensorboard(), tmp_path, 2)
    monkeypatch.setattr(os, "getpid", lambda: 1)  # another process in the same second
    track(Tensorboard(), tmp_path, 4, ends=True)
    assert sorted(path.name for path in (tmp_path / "tensorboard").iterdir()) == [
        ONE.name,
        TWO.name,
    ]
    found = shown(tmp_path / "tensorboard" / ONE.name)
    assert [found["heldout_loss_bits", step] for step in range(5)] == [8.0, 7.0, 6.0, 5.0, 4.0]
    assert b"| learning_rate | 0.03 |" in found["config/text_summary", 0][0]
    assert b"| model_bits | 12.5 |" in found["end/text_summary", 0][0]


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


def test_what_a_library_says_is_said(tmp_path, monkeypatch):
    """In place of trackio a library that refuses; the next record finds its process gone."""
    (tmp_path / "trackio.py").write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sink = open_tracker(Trackio())
    sink.start(tmp_path)
    sink.log(ONE, 0, {"train_tokens": 0.0})
    sink._process.wait()
    with pytest.raises(RuntimeError, match="^no such project$"):
        sink.log(ONE, 1, {"train_tokens": 36.0})


def test_a_process_that_was_killed_is_said(tmp_path):
    sink = open_tracker(Trackio())
    sink.start(tmp_path)
    sink._process.kill()
    sink._process.wait()
    with pytest.raises(RuntimeError, match="its process was ended"):
        sink.log(ONE, 0, {"train_tokens": 0.0})


class Library:
    """Weights & Biases with a key and without network: the first online run fails."""

    class Error(Exception):
        pass

    Settings = dict

    def __init__(self):
        self.begun, self.torn_down = [], 0

    def init(self, **options):
        self.begun.append(options)
        if options["mode"] is None:
            raise self.Error("no network")
        return type("Run", (), {"starting_step": 0, "log": lambda *a, **k: None})()

    def teardown(self):
        self.torn_down += 1


@pytest.mark.parametrize("chosen", [None, "online"])
def test_without_network_it_is_offline_unless_the_user_chose(chosen, monkeypatch):
    library = Library()
    monkeypatch.setitem(process.sys.modules, "wandb", library)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if chosen:
        monkeypatch.setenv("WANDB_MODE", chosen)
    sink = process._Wandb({"project": "p", "entity": None, "store": "store"})
    series = {"id": "1", "name": "n", "group": "g", "config": {}}
    if chosen:
        with pytest.raises(Library.Error):
            sink.log(series, 0, {})
        return
    sink.log(series, 0, {})
    sink.log(series | {"id": "2"}, 0, {})
    assert [run["mode"] for run in library.begun] == [None, "offline", "offline"]
    assert [run["id"] for run in library.begun] == ["1", "1", "2"]
    assert {(run["group"], run["resume"]) for run in library.begun} == {("g", "allow")}
    assert library.torn_down == 1


@pytest.mark.parametrize(
    ("config", "package"),
    [(Tensorboard(), "tensorboardX"), (Wandb(), "wandb"), (Trackio(), "trackio")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_package_that_is_missing_is_named_with_its_extra(config, package, monkeypatch):
    monkeypatch.setattr(spec.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as refused:
        open_tracker(config)
    assert str(refused.value) == (
        f"{config.kind} needs the package {package}: pip install 'epiplexity-jax[{config.kind}]'"
    )
