"""Files that appear whole or not at all, and locks that end with their process."""

import subprocess
import sys

import pytest

from epiplexity_jax.base import files
from epiplexity_jax.base.errors import StoreError


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "rows"
    files.write_atomically(path, b"old")

    def full(handle):
        raise OSError(28, "no room")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="no room"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert files.names_in(tmp_path) == ["rows"]


def test_half_written_files_are_removed(tmp_path):
    (tmp_path / ".rows.1.tmp").write_bytes(b"ro")
    (tmp_path / "rows").write_bytes(b"rows")
    files.remove_partial(tmp_path)
    assert files.names_in(tmp_path) == ["rows"]


def test_what_is_missing_is_empty_and_what_is_no_file_is_refused(tmp_path):
    assert files.read_if_there(tmp_path / "rows") is None
    assert files.names_in(tmp_path / "folder") == []
    with pytest.raises(StoreError, match="cannot be read: Is a directory"):
        files.read_if_there(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be read: Not a directory"):
        files.names_in(tmp_path / "file")


def test_names_are_sorted_and_end_as_asked(tmp_path):
    for name in ("b.parquet", "a.parquet", "c.yaml"):
        (tmp_path / name).write_bytes(b"")
    assert files.names_in(tmp_path, ".parquet") == ["a.parquet", "b.parquet"]


HOLDS = """
import sys
from pathlib import Path
from epiplexity_jax.base.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_by_one_process_until_it_ends(tmp_path):
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        busy = f"in use by another process \\({other.pid} on"
        with pytest.raises(StoreError, match=busy), files.locked(path):
            pass
        other.kill()
    with files.locked(path) as holder:
        assert path.read_bytes() == holder
