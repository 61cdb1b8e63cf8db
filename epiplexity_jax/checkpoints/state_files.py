"""The last state of a run, kept through Orbax and checked by our own checksum.

Orbax does not notice a flipped bit and casts dtypes silently, so two checksums stand beside the
state: of the files, compared before Orbax reads any (what is damaged makes it raise anything, in
threads of its own too), and of every leaf's bytes, shape and dtype, compared after reading.
"""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np

from epiplexity_jax.base.files import write_atomically

_CHECKSUM = "checksum.json"
_STATE = "state"
_SLACK = 1 << 17  # bytes that Orbax writes beside the arrays, and more


def checksum(state: Any) -> str:
    """SHA-256 over the leaves of a pytree: path, dtype, shape and bytes."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        array = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape};".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def save_state(folder: Path, state: Any) -> None:
    """Write a state (pytree of host arrays) and read it back.

    The checksum comes last, so that a torn write has none.

    Raises:
        OSError: when the disk is full or not writable, or does not give back what was written;
            nothing is left of the state then.
    """
    import orbax.checkpoint as ocp

    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        _check_space(folder, state)
        with _checkpointer() as checkpointer:
            arrays = ocp.args.StandardSave(jax.tree.map(np.asarray, state))
            checkpointer.save(folder.resolve() / _STATE, args=arrays)
        if not _same(_read(folder, state), state):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sums = {"files": _files_checksum(folder / _STATE), "leaves": checksum(state)}
        write_atomically(folder / _CHECKSUM, json.dumps(sums).encode())
    except (OSError, ValueError) as error:  # the file driver's errors reach us as ValueError
        shutil.rmtree(folder, ignore_errors=True)
        full = "No space left on device" in str(error)
        code = errno.ENOSPC if full else getattr(error, "errno", None) or errno.EIO
        raise OSError(code, os.strerror(code), str(folder)) from None


def _check_space(folder: Path, state: Any) -> None:
    """Refuse a full disk; Orbax would notice in threads of its own, and show their tracebacks."""
    needed = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(state)) + _SLACK
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def restore_state(folder: Path, like: Any) -> Any | None:
    """Read a state back.

    Args:
        folder: what `save_state` wrote.
        like: a pytree of arrays or shapes with the state's structure, shapes and dtypes.

    Returns:
        Host arrays in the structure of `like`, or None when the state is absent, torn or damaged.
    """
    try:
        sums = json.loads((folder / _CHECKSUM).read_text())
        if sums["files"] != _files_checksum(folder / _STATE):
            return None
        state = _read(folder, like)
        return state if state is not None and checksum(state) == sums["leaves"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files_checksum(folder: Path) -> str:
    """SHA-256 over the files under a folder: path and bytes."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            own = hashlib.file_digest(file, "sha256")
        digest.update(f"{path.relative_to(folder)} {own.hexdigest()};".encode())
    return digest.hexdigest()


def _checkpointer() -> Any:
    """Orbax for host arrays of this process alone, whatever other processes there are."""
    import orbax.checkpoint as ocp

    options = ocp.options.MultiprocessingOptions()
    if jax.distributed.is_initialized():
        own = jax.process_index()
        options = ocp.options.MultiprocessingOptions(
            primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"process_{own}"
        )
    # Not its asynchronous twin, whose threads wait for minutes where a write has failed.
    handler = ocp.StandardCheckpointHandler(multiprocessing_options=options)
    return ocp.Checkpointer(handler, multiprocessing_options=options)


def _same(state: Any, other: Any) -> bool:
    """Whether two pytrees of one structure hold the same bytes; quicker than two checksums."""

    def equal(a: Any, b: Any) -> bool:
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
        alike = (a.dtype, a.shape) == (b.dtype, b.shape)
        return alike and np.array_equal(a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8))

    return state is not None and jax.tree.all(jax.tree.map(equal, state, other))


def _read(folder: Path, like: Any) -> Any | None:
    """What Orbax makes of a folder, None where it can make nothing of it."""
    import orbax.checkpoint as ocp

    try:
        target = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), like)
        with _checkpointer() as checkpointer:
            arrays = ocp.args.StandardRestore(target)
            return checkpointer.restore(folder.resolve() / _STATE, args=arrays)
    except Exception:  # noqa: BLE001 - a damaged folder makes Orbax raise anything, asserts too
        return None
