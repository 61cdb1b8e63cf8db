"""Progress that a store keeps: what is written, when, and how a sweep ended."""

import os
import socket
import sys
import time

import pytest

from epiplexity_jax.base.errors import EpiplexityError, StoreError
from epiplexity_jax.store.sweep_state import SweepStatus, read_state
from epiplexity_jax.sweep import recorded as module
from epiplexity_jax.sweep.progress import Progress, Silent
from epiplexity_jax.sweep.recorded import recorded


class Heard(Progress):
    """A display that keeps what it was asked to show."""

    def __init__(self):
        self.calls = []

    def start(self, runs, finished, member_steps):
        self.calls.append(("start", runs, finished, member_steps))

    def advance(self, member_steps, tokens, losses):
        self.calls.append(("advance", member_steps, tokens, dict(losses)))

    def run_done(self, row):
        self.calls.append(("run_done", row["run_id"]))

    def message(self, text):
        self.calls.append(("message", text))

    def close(self):
        self.calls.append(("close",))


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Every call is written, whatever the clock says."""
    monkeypatch.setattr(module, "_EVERY", -1.0)


def drive(progress):
    progress.start(4, 1, 300)
    progress.advance(100, 1000, {"a": 2.0})
    progress.advance(100, 1000, {"a": 1.5, "b": 1.0})
    progress.run_done({"run_id": "a"})
    progress.message("b diverged")


CALLS = [
    ("start", 4, 1, 300),
    ("advance", 100, 1000, {"a": 2.0}),
    ("advance", 100, 1000, {"a": 1.5, "b": 1.0}),
    ("run_done", "a"),
    ("message", "b diverged"),
    ("close",),
]


def test_the_display_gets_every_call(tmp_path):
    heard = Heard()
    with recorded(heard, tmp_path, True) as progress:
        drive(progress)
        progress.close()
    assert heard.calls == CALLS


def test_the_store_keeps_what_was_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["epiplexity-jax", "run", "x.yaml"])
    before = time.time()
    with recorded(Silent(), tmp_path, True) as progress:
        assert read_state(tmp_path).status == SweepStatus.TRAINING
        assert read_state(tmp_path).runs == 0
        drive(progress)
        state = read_state(tmp_path)
    assert (state.process, state.host) == (os.getpid(), socket.gethostname())
    assert state.command == ["run", "x.yaml"]
    assert (state.runs, state.done) == (4, 2)
    assert (state.member_steps, state.steps_done, state.tokens) == (300, 200, 2000)
    assert state.losses == {"a": 1.5, "b": 1.0}
    assert state.messages == ["b diverged"]
    assert before <= state.started <= state.updated <= time.time()


def test_a_sweep_that_ends_is_finished(tmp_path):
    with recorded(Silent(), tmp_path, True) as progress:
        drive(progress)
    state = read_state(tmp_path)
    assert (state.status, state.message, state.seconds_left) == (SweepStatus.FINISHED, "", None)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), SweepStatus.STOPPED, ""),
        (StoreError("x: the disk is full"), SweepStatus.FAILED, "x: the disk is full"),
        (EpiplexityError("two runs failed"), SweepStatus.FAILED, "two runs failed"),
        (ValueError("a shape"), SweepStatus.FAILED, "ValueError: a shape"),
        (SystemExit(3), SweepStatus.FAILED, "SystemExit: 3"),
    ],
)
def test_how_a_sweep_ended_is_kept_and_raised_on(tmp_path, error, status, message):
    def sweep():
        with recorded(Silent(), tmp_path, True) as progress:
            drive(progress)
            raise error

    with pytest.raises(type(error)):
        sweep()
    state = read_state(tmp_path)
    assert (state.status, state.message) == (status, message)
    assert (state.done, state.seconds_left) == (2, None)


def test_a_process_that_does_not_write_leaves_nothing(tmp_path):
    heard = Heard()
    with recorded(heard, tmp_path, False) as progress:
        drive(progress)
        assert progress is heard
    with pytest.raises(KeyboardInterrupt), recorded(heard, tmp_path, False):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("x")
    heard = Heard()
    with recorded(heard, tmp_path / "file", True) as progress:
        drive(progress)
        progress.close()
    assert heard.calls == CALLS


def test_the_time_left_is_that_of_the_rate_since_the_first_steps(tmp_path, monkeypatch):
    clock = iter(float(second) for second in range(1000, 2000, 10))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with recorded(Silent(), tmp_path, True) as progress:
        progress.start(2, 0, 300)
        progress.advance(100, 10, {})
        assert read_state(tmp_path).seconds_left is None
        begun = progress.first[0]
        progress.advance(100, 10, {})
        now = next(clock)
        left = read_state(tmp_path).seconds_left
    assert 0.0 < left < now - begun
    assert left % 10.0 == 0.0


def test_more_steps_than_were_planned_leave_no_time(tmp_path):
    with recorded(Silent(), tmp_path, True) as progress:
        progress.start(2, 0, 150)
        progress.advance(100, 10, {})
        progress.advance(100, 10, {})
        assert read_state(tmp_path).seconds_left == 0.0


def test_a_second_round_counts_from_zero(tmp_path):
    with recorded(Silent(), tmp_path, True) as progress:
        drive(progress)
        progress.start(8, 0, 500)
        state = read_state(tmp_path)
    assert (state.runs, state.done, state.member_steps, state.steps_done) == (8, 0, 500, 0)
    assert state.tokens == 2000


def test_few_losses_and_messages_are_kept(tmp_path):
    with recorded(Silent(), tmp_path, True) as progress:
        for i in range(20):
            progress.message(f"m{i}")
        progress.advance(1, 1, {f"run {i}": 1.0 for i in range(50)})
        state = read_state(tmp_path)
    assert state.messages == [f"m{i}" for i in range(12, 20)]
    assert list(state.losses) == [f"run {i}" for i in range(12)]


def test_steps_are_written_once_a_second(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_EVERY", 1000.0)
    with recorded(Silent(), tmp_path, True) as progress:
        progress.start(2, 0, 300)
        progress.advance(100, 10, {})
        assert read_state(tmp_path).steps_done == 0
        progress.run_done({"run_id": "a"})
        assert read_state(tmp_path).steps_done == 100
