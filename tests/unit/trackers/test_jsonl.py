"""JSON lines in the store: appended to whole, with an error where the disk has no room."""

import json
import os

import pytest

from epiplexity_jax.trackers import Jsonl, open_tracker
from tests.unit.trackers.series import ONE, SUMMARY, TWO, track


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


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(IsADirectoryError):
        open_tracker(Jsonl()).start(tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux")
def test_a_full_disk(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    sink = open_tracker(Jsonl())
    sink._file = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left on device"):
        sink.log(ONE, 0, {"train_tokens": 0.0})
    sink.close()
