"""The state of a sweep as a file of its store."""

import os
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from epiplexity_jax.base.errors import StoreError
from epiplexity_jax.store.sweep_state import (
    FILE,
    SweepState,
    SweepStatus,
    process_started,
    read_state,
    write_state,
)

STATE = SweepState(
    status=SweepStatus.TRAINING,
    process=os.getpid(),
    host=socket.gethostname(),
    started=1.0e9,
    updated=1.0e9 + 5.0,
    runs=8,
    done=3,
    member_steps=800,
    steps_done=300,
    tokens=12345,
    seconds_left=7.5,
    losses={"text, seed 0": 1.5},
    messages=["one", "two"],
    command=["run", "a b.yaml"],
)


@pytest.mark.parametrize("status", list(SweepStatus))
def test_a_state_is_read_as_it_was_written(tmp_path, status):
    state = replace(STATE, status=status, message="disk is full")
    write_state(tmp_path, state)
    found = read_state(tmp_path)
    assert found == state
    assert isinstance(found.status, SweepStatus)
    assert [file.name for file in tmp_path.iterdir()] == ["progress.json"]


def test_a_second_state_replaces_the_first(tmp_path):
    write_state(tmp_path, STATE)
    write_state(tmp_path, replace(STATE, done=8))
    assert read_state(tmp_path).done == 8


def test_without_a_file_there_is_no_state(tmp_path):
    assert read_state(tmp_path) is None
    assert read_state(tmp_path / "nowhere") is None


@pytest.mark.parametrize("text", ["{", "[" * 200_000], ids=["torn", "deep"])
def test_a_damaged_file_holds_no_state(tmp_path, text):
    (tmp_path / "progress.json").write_text(text, encoding="utf-8")
    assert read_state(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[1, 2]",
        b'"training"',
        b"\xff\xfe\x00",
        b"{}",
        b'{"status": "training"}',
        b'{"status": "paused", "process": 1, "host": "x", "started": 0.0, "updated": 0.0}',
        b'{"status": null, "process": 1, "host": "x", "started": 0.0, "updated": 0.0}',
        b'{"epoch": 3, "loss": 1.5}',
    ],
)
def test_damaged_and_foreign_files_hold_no_state(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    assert read_state(tmp_path) is None


def test_fields_of_a_newer_version_are_passed_over(tmp_path):
    (tmp_path / FILE).write_text(
        '{"status": "stopped", "process": 1, "host": "x", "started": 0.0, "updated": 1.0, "new": 1}'
    )
    found = read_state(tmp_path)
    assert (found.status, found.runs, found.losses) == (SweepStatus.STOPPED, 0, {})


def test_a_file_that_cannot_be_read_is_an_error_of_one_line(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(StoreError, match="progress.json: cannot be read: Is a directory"):
        read_state(tmp_path)


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path):
    (tmp_path / "file").write_text("x")
    write_state(tmp_path / "file", STATE)
    write_state(tmp_path / "nowhere", STATE)
    assert (tmp_path / "file").read_text() == "x"
    assert not (tmp_path / "nowhere").exists()


def test_a_sweep_is_lost_when_its_process_is_gone():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = replace(STATE, process=ended.pid)
    assert gone.is_lost
    assert not STATE.is_lost
    assert not replace(gone, host="another machine").is_lost
    assert not replace(gone, status=SweepStatus.STOPPED).is_lost


def test_the_number_of_a_process_may_be_anothers_by_now():
    own = replace(STATE, process_started=process_started(os.getpid()))
    assert own.process_started.isdigit()
    assert not own.is_lost
    assert replace(own, process_started="1").is_lost
    assert process_started(2**22 + 1) == ""


def test_a_process_of_another_user_is_not_lost(monkeypatch):
    def refuse(process, signal):
        raise PermissionError(1, "kill")

    monkeypatch.setattr(os, "kill", refuse)
    assert not STATE.is_lost
