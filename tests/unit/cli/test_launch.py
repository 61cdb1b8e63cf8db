"""Processes on one host: the one that is named when some of them die, and why it died."""

import signal
import socket
from types import SimpleNamespace

import pytest

from epiplexity_jax.cli import launch
from epiplexity_jax.runtime.processes import LOST, RESUMES


def ended(status, last="", unseen=()):
    """A process that has ended, with the last lines of its standard error."""
    process = object.__new__(launch._Process)
    process.name, process.last, process.unseen = "process 1 of 2", last, list(unseen)
    process.process = SimpleNamespace(returncode=status, poll=lambda: status)
    return process


def test_the_first_that_fails_is_named_and_not_those_that_lost_it(monkeypatch):
    monkeypatch.setattr(launch.time, "sleep", lambda seconds: None)
    fine, failed, lost = ended(0), ended(1), ended(LOST)
    assert launch._first_to_die([fine, fine]) is None
    assert launch._first_to_die([fine, lost, failed]) is failed
    assert launch._first_to_die([fine, lost]) is lost  # once nobody else has died for a while


@pytest.mark.parametrize(
    ("status", "last", "said"),
    [
        (2, "epiplexity-jax: error: x", "epiplexity-jax: error: x"),
        (-9, "", f"epiplexity-jax: process 1 of 2 was ended by SIGKILL{RESUMES}"),
        (1, f"epiplexity-jax: x{RESUMES}", f"epiplexity-jax: process 1 of 2 failed: x{RESUMES}"),
    ],
)
def test_the_reason_is_one_line(status, last, said):
    assert ended(status, last).reason() == said


def test_only_a_crash_has_last_words():
    lines = ["Fatal Python error", "a stack"]
    assert ended(-signal.SIGSEGV, unseen=lines).last_words() == lines
    assert ended(1, unseen=lines).last_words() == []


def test_the_port_is_free():
    with socket.socket() as own:
        own.bind(("127.0.0.1", launch._free_port()))


def test_only_run_is_launched(call):
    called = call("launch", "-n", "2", "--", "frontier", "runs/x")
    assert (called.status, called.out) == (2, "")
    assert "launch: expected the command to run: launch -n 2 -- run CONFIG" in called.err
