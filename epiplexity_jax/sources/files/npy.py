"""NumPy's files: a mapped array, or arrays of an archive; Python objects are never unpickled."""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.token_array import readable

NPY = b"\x93NUMPY"


def map_npy(path: Path) -> Shaped[np.ndarray, "..."]:
    """Map the array of a .npy file, without loading it.

    Raises:
        DataError: when the file is missing, unreadable, empty, damaged, of another format or of
            Python objects, which would have to be unpickled.
    """
    if opening(path)[0] != NPY:
        raise DataError(
            f"{path}: is no .npy file; save the array with numpy.save, or name the dtype "
            "of plain integers"
        )
    with readable(path, damaged="is not a whole .npy file of integers: {}"):
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def load_npz(path: Path, *names: str, alone: bool = False) -> list[Shaped[np.ndarray, "..."]]:
    """Read arrays of a .npz archive into memory, by name.

    Args:
        path: the archive.
        *names: of the arrays.
        alone: read the only array of an archive that holds one, whatever its name.

    Raises:
        DataError: when the file is missing, damaged or no archive, or lacks an array.
    """
    damaged = "is no whole .npz archive of numbers; save it with numpy.savez"
    # Of a damaged archive NumPy would leave the file open.
    with readable(path, damaged), path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            cure = "name the file .npy" if alone else "save both with numpy.savez as .npz"
            raise DataError(f"{path}: holds one array{', not two' * (not alone)}; {cure}")
        if alone and len(archive.files) == 1:
            names = tuple(archive.files)
        for name in names:
            if name not in archive:
                held = ", ".join(archive) or "nothing"
                raise DataError(f"{path}: holds no array {name!r}; it holds: {held}")
        return [archive[name] for name in names]


def opening(path: Path) -> tuple[bytes, int]:
    """Read the first bytes and the size of a file that must not be empty.

    Raises:
        DataError: when it is missing, unreadable or empty.
    """
    with readable(path), path.open("rb") as file:
        start, size = file.read(len(NPY)), path.stat().st_size
    if not start:
        raise DataError(f"{path}: is empty; there is nothing to measure")
    return start, size
