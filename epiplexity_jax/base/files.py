"""Access to files, which appear whole or not at all."""

import contextlib
import fcntl
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

from epiplexity_jax.base.errors import StoreError


def reason(error: OSError) -> str:
    """Describe in a few words why the file system refused.

    >>> reason(OSError(28, "Error writing bytes to file"))
    'No space left on device'
    """
    return os.strerror(error.errno) if error.errno else str(error)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one, or the new one, whole.

    Raises:
        OSError: when the file system refuses; the half-written file is removed.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        partial.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove the half-written files of a killed process; the caller holds the folder's lock."""
    for partial in folder.glob(".*.tmp"):
        partial.unlink(missing_ok=True)


def read_if_there(path: Path) -> bytes | None:
    """Read a file's content; None where there is no such file.

    Raises:
        StoreError: when it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {reason(error)}") from None


def names_in(folder: Path, ending: str = "") -> list[str]:
    """List names of a folder's files and folders with an ending, sorted; [] without the folder.

    Raises:
        StoreError: when it cannot be read.
    """
    try:
        return sorted(path.name for path in folder.iterdir() if path.name.endswith(ending))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{folder}: cannot be read: {reason(error)}") from None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bytes]:
    """Hold a file's lock, which ends with the process, however it ends.

    Yields:
        The file's content while the lock is held: process, host and a nonce; nobody else writes it.

    Raises:
        StoreError: when another process holds it.
        OSError: when the file cannot be opened.
    """
    holder = f"{os.getpid()} on {socket.gethostname()}\n{uuid.uuid4().hex}\n".encode()
    with path.open("ab+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.readline().decode(errors="replace").strip()
            raise StoreError(
                f"{path.parent}: is in use by another process{who and f' ({who})'}; wait until it "
                "ends or choose another folder with --store"
            ) from None
        file.truncate(0)
        file.write(holder)
        file.flush()
        yield holder
