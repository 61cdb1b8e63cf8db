"""All access to the file system: files appear whole or not at all."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from epiplexity_jax.base.errors import StoreError

_PARTIAL = ".tmp"


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in its place.

    A crash leaves the old file, or the new one, whole; what was half written is removed.

    Raises:
        OSError: as `write` or the file system does.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_PARTIAL, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        write(partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.replace(path)
        _sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def names_in(folder: Path) -> list[str]:
    """Sorted names of what a folder holds; none when it is missing.

    Raises:
        OSError: when it cannot be read (`Path.glob` would show it as empty).
    """
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def remove_partial(folder: Path) -> None:
    """Remove what killed writers left behind; the caller makes sure that nobody writes now."""
    for name in names_in(folder):
        if name.startswith(".") and name.endswith(_PARTIAL):
            (folder / name).unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """Why the file system refused, in a few words; libraries word the error number differently.

    >>> reason(OSError(28, "Error writing bytes to file"))
    'No space left on device'
    """
    return os.strerror(error.errno) if error.errno else str(error)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock, which ends with the process, however it ends.

    Raises:
        StoreError: when another process holds it.
    """
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"{path.parent}: another process trains into this store; wait for it or use --store"
            ) from None
        yield
