"""States on disk: steps of an Orbax `CheckpointManager`, each verified by checksums of our own.

Orbax makes folders atomic, lists and deletes steps. It restores flipped bits silently, casts dtypes
silently, and a damaged step is still its latest one. So a file of two checksums stands beside what
it wrote: of the files, compared before Orbax reads any (damaged ones make it raise anything, in its
own threads too), and of every leaf's bytes, shape and dtype, compared afterwards.
"""

import contextlib
import errno
import hashlib
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from epiplexity_jax.base.files import names_in, write_atomically

_CHECKSUM = "checksum.json"
_TORN = "*.orbax-checkpoint-tmp"
_SLACK = 1 << 17  # bytes that Orbax writes beside the arrays, and more


def save_state(folder: Path, state: Any) -> None:
    """Write a state, host arrays, to a folder of its own in place of an older one; read it back.

    Raises:
        OSError: when the disk is full or not writable, or returns other bytes than were written;
            nothing is left of the state then.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with _os_errors(folder):
        save_step(folder, 0, state, {}, 1)


def restore_state(folder: Path, like: Any) -> Any | None:
    """Read a state that `save_state` wrote; None when it is absent, torn or damaged.

    `like` is a pytree of arrays or shapes with the state's structure, shapes and dtypes.
    """
    found = read_step(folder, 0, lambda _: like)
    return found and found[1]


def iterations(folder: Path) -> list[int]:
    """Return the numbers of a folder's steps, whole or not, the latest first.

    Raises:
        StoreError: when the folder cannot be read.
    """
    return sorted((int(name) for name in names_in(folder) if name.isdigit()), reverse=True)


def is_torn(step: Path) -> bool:
    """Return whether a step was never written to its end."""
    return not (step / _CHECKSUM).exists()


def save_step(folder: Path, number: int, states: Any, header: dict[str, Any], keep: int) -> None:
    """Write a step, read it back, write its checksums, then delete the oldest steps.

    The checksums come last, so that a torn write has none.

    Args:
        folder: the folder of the steps.
        number: number of this step.
        states: a pytree of host arrays.
        header: plain values beside them.
        keep: steps that stay.

    Raises:
        OSError: when the disk is full or not writable, or returns other bytes than were written;
            nothing is left of this step then.
    """
    import orbax.checkpoint as ocp

    step = folder / str(number)
    arrays = ocp.args.StandardSave(jax.tree.map(np.asarray, states))
    both = ocp.args.Composite(states=arrays, cohort=ocp.args.JsonSave(header))
    try:
        with _os_errors(step):
            shutil.rmtree(step, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            _check_space(folder, states)
            with _manager(folder) as manager:
                manager.save(number, args=both, force=True)
                # Not by `max_to_keep`, which deletes the older step before this one is verified.
                again = _restore(folder, number, states)
                same = json.dumps(again.get("cohort")) == json.dumps(header)
                _seal(step, states, again["states"] if same else None)
                for old in sorted(manager.all_steps())[:-keep]:
                    manager.delete(old)
    finally:
        for torn in folder.glob(_TORN):  # Orbax leaves what it could not write
            shutil.rmtree(torn, ignore_errors=True)


def read_step(
    folder: Path, number: int, like: Callable[[dict[str, Any]], Any]
) -> tuple[dict[str, Any], Any] | None:
    """Read a step back.

    Args:
        folder: the folder of the steps.
        number: number of the step.
        like: function from the header to a pytree of arrays or shapes, with structure, shapes and
            dtypes of the states; None leaves them out.

    Returns:
        The header and the states, host arrays; or None where the step is absent, torn or damaged.
    """
    step = folder / str(number)
    try:
        sums = json.loads((step / _CHECKSUM).read_text())
        leaves = sums["leaves"] if sums["files"] == _files_checksum(step) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    header = _restore(folder, number).get("cohort") if leaves else None
    if header is None:
        return None
    if (shapes := like(header)) is None:
        return header, None
    states = _restore(folder, number, shapes).get("states")
    return None if states is None or _leaves_checksum(states) != leaves else (header, states)


def _manager(folder: Path) -> Any:
    """Open Orbax' manager of a folder's steps, for this process without the others."""
    import orbax.checkpoint as ocp

    alone = {}
    if jax.distributed.is_initialized():
        own = jax.process_index()
        alone = {"primary_host": own, "active_processes": {own}}
        alone["barrier_sync_key_prefix"] = f"process_{own}"
    options = ocp.CheckpointManagerOptions(
        create=False,
        lightweight_initialize=True,
        save_root_metadata=False,
        # What is saved is read back and sealed before it counts, which Orbax' thread does not do:
        # `WaveCheckpointHook` has one that does all three.
        enable_async_checkpointing=False,
        multiprocessing_options=ocp.options.MultiprocessingOptions(**alone),
    )
    return ocp.CheckpointManager(folder.resolve(), options=options)


def _restore(folder: Path, number: int, like: Any = None) -> Mapping[str, Any]:
    """Return what Orbax reads of a step, its states where shapes are given; {} where it fails."""
    import orbax.checkpoint as ocp

    items: dict[str, Any] = {"cohort": ocp.args.JsonRestore()}
    if like is not None:
        target = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), like)
        items["states"] = ocp.args.StandardRestore(target)
    try:
        with _manager(folder) as manager:
            return dict(manager.restore(number, args=ocp.args.Composite(**items)).items())
    except Exception:  # noqa: BLE001 - a damaged step makes Orbax raise anything, asserts too
        return {}


@contextlib.contextmanager
def _os_errors(folder: Path) -> Iterator[None]:
    """Turn an error of a write into an OSError, and remove the folder.

    Orbax' file driver reports a full disk as a ValueError.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        full = "No space left on device" in str(error)
        code = errno.ENOSPC if full else getattr(error, "errno", None) or errno.EIO
        raise OSError(code, os.strerror(code), str(folder)) from None


def _check_space(folder: Path, states: Any) -> None:
    """Refuse a full disk, and files above the process' limit (`ulimit -f`).

    Orbax would notice in threads of its own, and print their tracebacks.
    """
    needed = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(states)) + _SLACK
    most, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if most != resource.RLIM_INFINITY and most < needed:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


def _seal(step: Path, states: Any, again: Any) -> None:
    """Compare what was written with what was read back, then write the checksums."""
    if again is None or not jax.tree.all(jax.tree.map(_same, again, states)):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    sums = {"files": _files_checksum(step), "leaves": _leaves_checksum(states)}
    write_atomically(step / _CHECKSUM, json.dumps(sums).encode())


def _leaves_checksum(states: Any) -> str:
    """SHA-256 over the leaves of a pytree: path, dtype, shape and bytes."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(states):
        array = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _files_checksum(step: Path) -> str:
    """SHA-256 over the files of a step, path and bytes, without the checksums."""
    digest = hashlib.sha256()
    for path in sorted(path for path in step.rglob("*") if path.is_file()):
        if path.name != _CHECKSUM:
            with path.open("rb") as file:
                own = hashlib.file_digest(file, "sha256")
            digest.update(f"{path.relative_to(step)} {own.hexdigest()};".encode())
    return digest.hexdigest()


def _same(one: Any, other: Any) -> bool:
    """Return whether two arrays hold the same bytes; quicker than two checksums."""
    a, b = np.ascontiguousarray(one), np.ascontiguousarray(other)
    alike = (a.dtype, a.shape) == (b.dtype, b.shape)
    return alike and np.array_equal(a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8))
