"""A sink of any kind fails alone: said once in one line, and never waited for."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from epiplexity_jax.trackers import worker as workers
from epiplexity_jax.trackers.worker import Worker


class Sink:
    """Remembers what it is told; raises or blocks at a call."""

    def __init__(self, fails_at="", error=None):
        self.told, self.fails_at, self.error = [], fails_at, error
        self.free = threading.Event()

    def _tell(self, what):
        self.told.append(what)
        if what == self.fails_at:
            if self.error is None:
                self.free.wait()
            else:
                raise self.error

    def start(self, store):
        self._tell("start")

    def log(self, number):
        self._tell(number)

    def finish(self, series, summary):
        self._tell("finish")

    def close(self):
        self._tell("close")


def track(sink, records, seconds=30.0):
    """A sink that is given some records and then its end: all that is said of it."""
    worker = Worker("mine", sink, Path())
    said = []
    for number in range(records):
        worker.give(lambda sink, number=number: sink.log(number))
        said += [complaint] if (complaint := worker.complaint()) else []
    worker.let_end()
    return said + worker.wait(time.monotonic() + seconds), worker


def test_a_sink_that_is_well_is_told_everything_in_order():
    sink = Sink()
    said, _ = track(sink, 5)
    assert said == []
    assert sink.told == ["start", 0, 1, 2, 3, 4, "close"]


@pytest.mark.parametrize(
    ("at", "told"), [("start", 1), (1, 3), ("close", 7)], ids=["start", "second record", "close"]
)
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ValueError("two\nlines"), "two lines"),
        (OSError(28, "no matter", "/a/file"), "/a/file: No space left on device"),
        (SystemExit(), "SystemExit"),
    ],
    ids=["error", "disk", "exit"],
)
def test_a_sink_that_raises_is_said_once_and_told_nothing_more(at, told, error, why):
    sink = Sink(at, error)
    said, worker = track(sink, 5)
    assert said == [f"tracker mine: given up, {why}"]
    assert len(sink.told) == told
    assert worker.complaint() is None


def test_a_sink_that_hangs_is_given_up_while_training(monkeypatch):
    monkeypatch.setattr(workers, "_PATIENCE", 0.0)
    sink = Sink(0)
    worker = Worker("mine", sink, Path())
    worker.give(lambda sink: sink.log(0))
    while 0 not in sink.told:
        time.sleep(0.001)
    assert worker.complaint() == "tracker mine: given up, no answer for 0 s"
    assert worker.complaint() is None
    worker.give(lambda sink: sink.log(1))
    worker.let_end()
    assert worker.wait(time.monotonic() + 30.0) == []
    sink.free.set()
    worker._thread.join()
    assert sink.told == ["start", 0]  # what waited is not told later


def test_a_sink_that_hangs_at_the_end_is_not_waited_for():
    sink = Sink(2)
    said, worker = track(sink, 5, seconds=0.05)
    assert said == [
        "tracker mine: still busy, and not waited for",
        "tracker mine: too slow, 2 records are left out",
    ]
    sink.free.set()
    worker._thread.join()
    assert sink.told == ["start", 0, 1, 2]


def test_a_slow_sink_loses_records_and_their_number_is_said(monkeypatch):
    monkeypatch.setattr(workers, "_ROOM", 3)
    sink = Sink("start")
    worker = Worker("mine", sink, Path())
    while not sink.told:
        time.sleep(0.001)
    for number in range(10):
        worker.give(lambda sink, number=number: sink.log(number))
    sink.free.set()
    worker.let_end()
    assert worker.wait(time.monotonic() + 30.0) == [
        "tracker mine: too slow, 7 records are left out"
    ]
    assert sink.told == ["start", 0, 1, 2, "close"]


HANGS = """
import pathlib, threading, time
from epiplexity_jax.trackers.worker import Worker
class Sink:
    def start(self, store):
        threading.Event().wait()
worker = Worker("mine", Sink(), pathlib.Path())
worker.let_end()
print(*worker.wait(time.monotonic()))
"""


def test_a_sink_that_hangs_does_not_keep_the_process():
    ran = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout == "tracker mine: still busy, and not waited for\n"
    assert ran.stderr == ""
