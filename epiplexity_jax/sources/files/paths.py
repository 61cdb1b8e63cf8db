"""Files named by a path: one file, a pattern of several, or a folder."""

import glob
import re
from collections.abc import Collection
from pathlib import Path

from epiplexity_jax.base.errors import DataError

_COMPRESSED = {".gz", ".bz2", ".xz", ".zst", ".zstd"}


def is_pattern(path: str) -> bool:
    """Return whether a path names files by a pattern such as `part-*.bin`."""
    return bool(re.search(r"[*?\[]", path)) and not Path(path).exists()


def ending(path: Path) -> str:
    """Take a file's ending in lower case, that of its compression left out.

    >>> ending(Path("pile/00.JSONL.zst"))
    '.jsonl'
    """
    path = path.with_suffix("") if path.suffix.lower() in _COMPRESSED else path
    return path.suffix.lower()


def find_files(path: str, endings: Collection[str] = ()) -> list[Path]:
    """Find the files that a path names, sorted; hidden ones are left out.

    Args:
        path: a file; a pattern, in which `**` stands for folders at any depth; or a folder, of
            which all files below are taken.
        endings: endings of the files to take from a folder; empty: all files.

    Raises:
        DataError: when there is no such file.
    """
    where = Path(path)
    if is_pattern(path):
        found = sorted(Path(each) for each in glob.glob(path, recursive=True))
        found = [each for each in found if each.is_file()]
        if not found:
            raise DataError(f"{path}: matches no file")
        return found
    if "\0" not in path and where.is_dir():
        below = sorted(each for each in where.rglob("*") if each.is_file())
        seen = [each for each in below if not _hidden(each, where)]
        found = [each for each in seen if not endings or ending(each) in endings]
        if not found:
            known = f" that ends in {', '.join(sorted(endings))}" if endings else ""
            raise DataError(f"{path}: is a folder without a file{known}")
        return found
    return [where]


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
