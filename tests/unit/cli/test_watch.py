"""`watch`, and the server that `run --watch` starts."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from typing import ClassVar

import pytest

from epiplexity_jax.cli import watch as module
from epiplexity_jax.pages import build, server
from epiplexity_jax.store.sweep_state import SweepState, SweepStatus, write_state
from tests.unit.store.stored import make_law_store


def state(status=SweepStatus.TRAINING, started=None, process=None):
    now = time.time()
    return SweepState(
        status=status,
        process=process or os.getpid(),
        host=socket.gethostname(),
        started=now if started is None else started,
        updated=now,
        runs=8,
    )


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A store with a sweep in training; this process keeps its priority and its signals."""
    monkeypatch.setattr(os, "nice", lambda by: 0)
    monkeypatch.setattr(module, "interrupt_on_signals", lambda: None)
    monkeypatch.setattr(server, "_FAREWELL", 0.0)
    monkeypatch.setattr(build, "_STOPS", 3)
    store = make_law_store(tmp_path / "two words", (1000, 4000)).path
    write_state(store, state())
    return store


def test_it_serves_until_the_sweep_is_finished(call, trained, monkeypatch):
    served = server.Server.serve

    def serve(self):
        assert "What a model can learn from text" in self._view.html
        assert "a dataset of 2e6 tokens" in self._view.html
        write_state(trained, state(SweepStatus.FINISHED))
        served(self)

    monkeypatch.setattr(server.Server, "serve", serve)
    called = call("watch", trained, "--test-tokens", "2e6")
    assert (called.status, called.err) == (0, "")
    first, last = called.out.splitlines()
    assert first.startswith(f"watching {trained} at http://127.0.0.1:")
    assert first.endswith("/ (Ctrl-C ends)")
    assert last == f"the sweep is finished; `epiplexity-jax report '{trained}'` writes its page"


def test_ctrl_c_ends_it(call, trained, monkeypatch):
    def interrupted(self):
        self._http.server_close()
        raise KeyboardInterrupt

    monkeypatch.setattr(server.Server, "serve", interrupted)
    called = call("watch", trained)
    assert called.status == 130
    assert "finished" not in called.out


def test_a_port_in_use_is_refused(call, trained):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        called = call("watch", trained, "--port", port)
    assert (called.status, called.out) == (2, "")
    assert called.err == (
        f"epiplexity-jax: error: --port: {port} cannot be used: Address already in use; 0 takes a "
        "free one\n"
    )


@pytest.mark.parametrize("left", [None, SweepStatus.FINISHED])
def test_a_store_into_which_nothing_trains_is_refused(call, trained, left):
    (trained / "progress.json").unlink()
    if left:
        write_state(trained, replace(state(left), updated=1.0))
    called = call("watch", trained)
    assert (called.status, called.out) == (2, "")
    assert called.err == (
        f"epiplexity-jax: error: {trained}: nothing trains into it; `epiplexity-jax report "
        f"'{trained}'` writes its page\n"
    )


REFUSED = {
    "a missing store": ["{tmp}/nowhere"],
    "a folder without a store": ["{tmp}"],
    "a file": ["{tmp}/file"],
    "no tokens": ["{tmp}/two words", "--test-tokens", "0"],
    "tokens that are no number": ["{tmp}/two words", "--test-tokens", "nan"],
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line(call, trained, tmp_path, case):
    (tmp_path / "file").write_text("x")
    called = call("watch", *(word.format(tmp=tmp_path) for word in REFUSED[case]))
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith("epiplexity-jax: error: ")
    assert called.err.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_no_port_is_refused(call, trained, port):
    called = call("watch", trained, "--port", port)
    assert called.status == 2
    assert "--port" in called.err


class Started(subprocess.Popen):
    """A process that was asked for, and never runs."""

    every: ClassVar[list] = []
    _child_created = False  # nothing to wait for when it is collected

    def __init__(self, command, **options):
        self.command, self.options, self.calls = command, options, []
        Started.every.append(self)

    def wait(self, timeout=None):
        self.calls.append(("wait", timeout))

    def terminate(self):
        self.calls.append(("terminate",))


@pytest.fixture
def started(monkeypatch):
    """Processes that were asked for, none of which runs."""
    monkeypatch.setattr(Started, "every", [])
    monkeypatch.setattr(module.subprocess, "Popen", Started)
    monkeypatch.setattr(module, "_WAIT", 0.01)
    return Started.every


def until(found):
    """Wait for what another thread does."""
    end = time.monotonic() + 30
    while not found and time.monotonic() < end:
        time.sleep(0.01)
    return found


def test_a_sweep_is_watched_by_a_process_of_its_own(tmp_path, started):
    with module.watched(tmp_path, True):
        write_state(tmp_path, state())
        (process,) = until(started)
    assert process.command == [sys.executable, "-m", "epiplexity_jax", "watch", str(tmp_path)]
    assert process.options == {"stdout": sys.stderr, "stdin": subprocess.DEVNULL}
    assert process.calls == [("wait", 60.0), ("terminate",), ("wait", None)]


def test_the_process_of_a_sweep_that_failed_ends_at_once(tmp_path, started):
    def sweep():
        with module.watched(tmp_path, True):
            write_state(tmp_path, state())
            until(started)
            raise ValueError("a shape")

    with pytest.raises(ValueError, match="a shape"):
        sweep()
    assert started[0].calls == [("terminate",), ("wait", None)]


def test_a_process_that_does_not_end_is_ended(tmp_path, started, monkeypatch):
    def late(self, timeout=None):
        self.calls.append(("wait", timeout))
        if timeout is not None:
            raise subprocess.TimeoutExpired(self.command, timeout)

    monkeypatch.setattr(Started, "wait", late)
    with module.watched(tmp_path, True):
        write_state(tmp_path, state())
        until(started)
    assert started[0].calls == [("wait", 60.0), ("terminate",), ("wait", None)]


@pytest.mark.parametrize("other", [{"started": 1.0}, {"process": 1}])
def test_the_state_of_another_sweep_starts_nothing(tmp_path, started, other):
    write_state(tmp_path, state(**other))
    with module.watched(tmp_path, True):
        time.sleep(0.1)
    assert started == []


def test_nothing_is_started_that_is_not_wanted(tmp_path, started):
    with module.watched(tmp_path, False):
        write_state(tmp_path, state())
        time.sleep(0.1)
    assert started == []
