"""Compressed files: known by their first bytes, read as the bytes that were compressed."""

import bz2
import contextlib
import gzip
import io
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

from epiplexity_jax.base.errors import ConfigError, DataError

Compression = Literal["auto", "none", "gz", "bz2", "xz", "zst"]
"""A field's type: `auto` goes by the first bytes of the file, `none` takes it as it is."""

FAULTS = (EOFError, OSError, lzma.LZMAError, ValueError)  # of a damaged compressed file
_MAGIC = {b"\x1f\x8b\x08": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
_POINTER = b"version https://git-lfs.github.com/spec/"
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
}
_START = 512  # bytes that tell


def first_bytes(path: Path) -> bytes:
    """Read the first bytes of a file, by which it is known.

    Raises:
        OSError: when it cannot be read.
        DataError: when it is a Git LFS pointer, whose content is elsewhere.
    """
    with path.open("rb") as file:
        start = file.read(_START)
    refuse_pointer(path, start)
    return start


def refuse_pointer(path: Path, start: bytes) -> None:
    """Refuse a Git LFS pointer.

    Raises:
        DataError: as its content is elsewhere.
    """
    if start.startswith(_POINTER):
        raise DataError(
            f"{path}: is a Git LFS pointer, and its content was not fetched; run git lfs pull"
        )


def compression_of(start: bytes) -> Literal["gz", "bz2", "xz", "zst"] | None:
    """Name the compression of a file by its first bytes, None for others.

    >>> compression_of(gzip.compress(b"text"))
    'gz'
    """
    found: Any = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)
    return found if found != "bz2" or start[3:4] in b"123456789" else None


def archive_of(start: bytes) -> str | None:
    """Name an archive of files, which is no compressed file, in words; None for anything else."""
    found = next((name for magic, name in _ARCHIVES.items() if start.startswith(magic)), None)
    return "a tar archive" if found is None and start[257:262] == b"ustar" else found


@contextlib.contextmanager
def open_decompressed(path: Path, compression: Compression = "auto") -> Iterator[IO[bytes]]:
    """Open a file for reading the bytes that were compressed, or its own.

    Args:
        path: the file's path.
        compression: how its bytes are compressed.

    Raises:
        OSError: when it cannot be read.
        DataError: when it is a Git LFS pointer, or its compressed bytes are damaged.
        ConfigError: when what reads zst is not installed.
    """
    start = first_bytes(path)
    name = compression_of(start) if compression == "auto" else compression
    if name is None or name == "none":
        with path.open("rb") as file:
            yield file
        return
    try:
        with _OPENERS[name](path) as file:
            yield file
    except FAULTS as error:
        if isinstance(error, DataError):
            raise
        what = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: is no whole {name} file: {what}") from None


@contextlib.contextmanager
def _open_zst(path: Path) -> Iterator[IO[bytes]]:
    """Open with Python's own module (3.14), `zstandard` or Arrow, the first that is installed."""
    try:
        from compression import zstd  # type: ignore[import-not-found]
    except ImportError:
        zstd = None
    if zstd is not None:
        with zstd.open(path, "rb") as file:
            yield file
        return
    try:
        import zstandard  # type: ignore[import-not-found]
    except ImportError:
        with _open_with_arrow(path) as file:
            yield file
        return
    with path.open("rb") as raw:
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        yield io.BufferedReader(reader)


@contextlib.contextmanager
def _open_with_arrow(path: Path) -> Iterator[IO[bytes]]:
    try:
        import pyarrow
    except ImportError:
        raise ConfigError(f"{path}: zst is read by zstandard; pip install zstandard") from None
    with pyarrow.CompressedInputStream(str(path), "zstd") as stream:
        yield io.BufferedReader(stream)


_OPENERS: dict[str, Callable[[Path], Any]] = {
    "gz": gzip.open,
    "bz2": bz2.open,
    "xz": lzma.open,
    "zst": _open_zst,
}
