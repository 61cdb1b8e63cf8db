"""States on disk: written through Orbax, verified by checksums of our own.

Orbax restores flipped bits silently and casts dtypes silently. So a file of two checksums stands
beside what Orbax wrote: of the files, compared before Orbax reads any (damaged ones make it raise
anything, in its own threads too), and of every leaf's bytes, shape and dtype, compared afterwards.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from epiplexity_jax.base.files import write_atomically

CHECKSUM = "checksum.json"
_STATE = "state"
_SLACK = 1 << 17  # bytes that Orbax writes beside the arrays, and more


def save_state(folder: Path, state: Any) -> None:
    """Write a state and read it back.

    Args:
        folder: the state's own; replaced where it exists.
        state: a pytree of host arrays.

    Raises:
        OSError: when the disk is full or not writable, or returns other bytes than were written;
            nothing is left of the state then.
    """
    import orbax.checkpoint as ocp

    shutil.rmtree(folder, ignore_errors=True)
    with os_errors(folder):
        folder.mkdir(parents=True)
        check_space(folder, state)
        with _checkpointer() as checkpointer:
            arrays = ocp.args.StandardSave(jax.tree.map(np.asarray, state))
            checkpointer.save(folder.resolve() / _STATE, args=arrays)
        seal(folder, state, _read(folder, state))


def restore_state(folder: Path, like: Any) -> Any | None:
    """Read a state back.

    Args:
        folder: what `save_state` wrote.
        like: a pytree of arrays or shapes with the state's structure, shapes and dtypes.

    Returns:
        Host arrays in the structure of `like`, or None when the state is absent, torn or damaged.
    """
    leaves = sealed_leaves(folder)
    state = None if leaves is None else _read(folder, like)
    return state if state is not None and leaves_checksum(state) == leaves else None


def seal(folder: Path, state: Any, again: Any) -> None:
    """Compare what was written with what was read back, then write the checksums.

    They come last, so that a torn write has none.

    Args:
        folder: everything that Orbax wrote is in it.
        state: a pytree of host arrays that was written.
        again: what was read back, None where nothing was.

    Raises:
        OSError: when the disk returned other bytes than were written.
    """
    if again is None or not jax.tree.all(jax.tree.map(_same, again, state)):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    sums = {"files": _files_checksum(folder), "leaves": leaves_checksum(state)}
    write_atomically(folder / CHECKSUM, json.dumps(sums).encode())


def sealed_leaves(folder: Path) -> str | None:
    """Return the checksum of a sealed folder's leaves, None where its files have changed."""
    try:
        sums = json.loads((folder / CHECKSUM).read_text())
        return sums["leaves"] if sums["files"] == _files_checksum(folder) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def leaves_checksum(state: Any) -> str:
    """SHA-256 over the leaves of a pytree: path, dtype, shape and bytes."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        array = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape};".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@contextlib.contextmanager
def os_errors(folder: Path) -> Iterator[None]:
    """Turn an error of a write into an OSError, and remove the folder.

    Raises:
        OSError: in place of a ValueError, by which Orbax' file driver reports a full disk.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        full = "No space left on device" in str(error)
        code = errno.ENOSPC if full else getattr(error, "errno", None) or errno.EIO
        raise OSError(code, os.strerror(code), str(folder)) from None


def check_space(folder: Path, state: Any) -> None:
    """Refuse a full disk; Orbax would notice in threads of its own, and print their tracebacks.

    Raises:
        OSError: when a state needs more bytes than the folder's disk has.
    """
    needed = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(state)) + _SLACK
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def this_process_alone() -> Any:
    """Return Orbax options to save and restore host arrays without other processes."""
    import orbax.checkpoint as ocp

    if not jax.distributed.is_initialized():
        return ocp.options.MultiprocessingOptions()
    own = jax.process_index()
    return ocp.options.MultiprocessingOptions(
        primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"process_{own}"
    )


def host_arrays(like: Any) -> Any:
    """Return the arguments by which Orbax restores host arrays of these shapes and dtypes."""
    import orbax.checkpoint as ocp

    target = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), like)
    return ocp.args.StandardRestore(target)


def _checkpointer() -> Any:
    import orbax.checkpoint as ocp

    alone = this_process_alone()
    handler = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _read(folder: Path, like: Any) -> Any | None:
    """Return what Orbax reads from a folder, None where it fails."""
    try:
        with _checkpointer() as checkpointer:
            return checkpointer.restore(folder.resolve() / _STATE, args=host_arrays(like))
    except Exception:  # noqa: BLE001 - a damaged folder makes Orbax raise anything, asserts too
        return None


def _files_checksum(folder: Path) -> str:
    """SHA-256 over the files under a folder, path and bytes, without the checksums."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.name != CHECKSUM:
            with path.open("rb") as file:
                own = hashlib.file_digest(file, "sha256")
            digest.update(f"{path.relative_to(folder)} {own.hexdigest()};".encode())
    return digest.hexdigest()


def _same(one: Any, other: Any) -> bool:
    """Return whether two arrays hold the same bytes; quicker than two checksums."""
    a, b = np.ascontiguousarray(one), np.ascontiguousarray(other)
    alike = (a.dtype, a.shape) == (b.dtype, b.shape)
    return alike and np.array_equal(a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8))
