"""Event files as TensorBoard reads them."""

import os
import struct

import pytest

from epiplexity_jax.trackers import Tensorboard, open_tracker
from tests.unit.trackers.series import ONE, TWO, track


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


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "tensorboard").write_text("a file")
    sink = open_tracker(Tensorboard())
    sink.start(tmp_path)
    with pytest.raises(OSError, match="tensorboard"):
        sink.log(ONE, 0, {"train_tokens": 0.0})
