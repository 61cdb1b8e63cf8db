"""Layouts of files of token ids: their headers, their integer types, and wrong guesses of both."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from epiplexity_jax.base.compressed import archive_of
from epiplexity_jax.base.errors import DataError

_HEADERS = {20240520: "uint16", 20240801: "uint32"}  # llm.c and modded-nanogpt, by magic number
_HEADER_BYTES = 1024  # 256 integers of 4 bytes: magic, version, number of tokens
_EVAL_MAGIC = 20240522  # of llm.c's file of an evaluation, which is no row of tokens
_INDEX = b"MMIDIDX\x00\x00"
_INDEX_TYPES = dict(enumerate(("uint8", "int8", "int16", "int32", "int64"), start=1)) | {
    8: "uint16"
}
_LONGEST_HEADER = 100_000_000  # bytes, of safetensors
_SIZES = (1e-12, 1e12)  # between which real numbers of data lie, where they are not 0
_LEAST_REAL = 0.999  # of them
_BYTES_APART = 1.0  # bits of entropy by which the low byte of a token exceeds the high one, or more
_SAMPLED = 1 << 16  # integers whose bytes are counted
_LOOKED_AT = 1 << 20  # integers by which a wrong type is known
_LEAST = 64  # integers, of which fewer say nothing
_OTHERS = {
    b"PAR1": "a Parquet file; use kind: documents",
    b"ARROW1": "an Arrow file; use kind: documents",
    b"\x89HDF": "an HDF5 file; save its array with numpy.save as .npy",
    b"SQLite format 3": "a database; write its tokens with numpy.save as .npy",
    b"\x80\x02}": "a pickle, which is never opened; save the tokens with numpy.save as .npy",
    b"\x80\x03}": "a pickle, which is never opened; save the tokens with numpy.save as .npy",
    b"\x80\x04\x95": "a pickle, which is never opened; save the tokens with numpy.save as .npy",
    b"\x80\x05\x95": "a pickle, which is never opened; save the tokens with numpy.save as .npy",
    b"\x89PNG": "a picture; use kind: images with an array of pixels",
    b"\xff\xd8\xff": "a picture; use kind: images with an array of pixels",
    b"%PDF": "a PDF document; bring its text",
    _INDEX: "the index of a Megatron data set; give the .bin file beside it",
}


class TokenLayout(NamedTuple):
    """Place and type of the integers in a file.

    Attributes:
        dtype: type of the integers; None where the file does not give it.
        offset: bytes before them.
        ends: tokens up to the end of each document, where an index says so.
    """

    dtype: str | None = None
    offset: int = 0
    ends: Integer[np.ndarray, " D"] | None = None


def known_layout(path: Path, start: bytes, size: int) -> TokenLayout:
    """Read the layout that a file's header, or a Megatron index beside it, says.

    Args:
        path: the file's path.
        start: its first bytes.
        size: the file's size in bytes.

    Raises:
        DataError: when header and size do not go together, or it is another known file of llm.c.
    """
    magic, version, count = np.frombuffer(start[:12].ljust(12, b"\0"), "<i4").tolist()
    if magic == _EVAL_MAGIC:
        raise DataError(f"{path}: is an evaluation of llm.c, not a row of tokens; give its .bin")
    if magic in _HEADERS and 0 < version < 1 << 10 and size >= _HEADER_BYTES:
        dtype = _HEADERS[magic]
        held = (size - _HEADER_BYTES) / np.dtype(dtype).itemsize
        if held != count:
            raise DataError(
                f"{path}: its header (magic {magic}) says {count} tokens of {dtype}, but it holds "
                f"{held:g}; bring the whole file, or say skip_bytes and dtype"
            )
        return TokenLayout(dtype, _HEADER_BYTES)
    return _indexed(path) or TokenLayout()


def _indexed(path: Path) -> TokenLayout | None:
    """Read the Megatron index beside a file: type and documents of its tokens."""
    index = path.with_suffix(".idx")
    if path.suffix != ".bin" or not index.is_file():
        return None
    with index.open("rb") as file:
        if file.read(len(_INDEX)) != _INDEX:
            return None
        np.fromfile(file, "<u8", 1)  # its version
        (code,) = np.fromfile(file, "u1", 1)
        counts = np.fromfile(file, "<u8", 2)
        if int(code) not in _INDEX_TYPES or len(counts) < 2:
            raise DataError(f"{index}: is damaged, or of another type than integers")
        lengths = np.fromfile(file, "<i4", int(counts[0]))
        file.seek(8 * len(lengths), 1)  # places of the sequences in bytes
        borders = np.fromfile(file, "<i8", int(counts[1]))
    ends = np.cumsum(lengths, dtype=np.int64)
    inner = borders[(borders > 0) & (borders <= len(ends))]
    return TokenLayout(_INDEX_TYPES[int(code)], 0, ends[inner - 1] if len(inner) else ends)


def refuse_other_files(path: Path, start: bytes) -> None:
    """Refuse files of another kind, which would be read as tokens.

    Raises:
        DataError: naming the kind, and what reads it.
    """
    archive = archive_of(start)
    if archive:
        raise DataError(f"{path}: is {archive}; unpack it, and give the file of tokens in it")
    for magic, words in _OTHERS.items():
        if start.startswith(magic):
            raise DataError(f"{path}: is {words}")
    if start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < _LONGEST_HEADER:
        raise DataError(f"{path}: is a safetensors file; save its tokens with numpy.save as .npy")
    if len(start) >= _LEAST and is_text(start):
        raise DataError(f"{path}: is text; use kind: text, or say dtype: uint8")


def is_text(start: bytes) -> bool:
    """Return whether the first bytes of a file are text: UTF-8 without control characters.

    >>> is_text("Zwölf".encode()), is_text(bytes([1, 0, 2, 0]))
    (True, False)
    """
    text = start.decode("utf-8", errors="ignore")
    lost = len(start) - len(text.encode())
    return lost <= 3 and all(char.isprintable() or char in "\t\n\r\f" for char in text)


def refuse_wrong_type(path: Path, values: Integer[np.ndarray, " N"]) -> None:
    """Refuse 16-bit integers that look like halves of wider ones, or like bytes in wrong order.

    Args:
        path: path of the file, which names no type.
        values: its bytes as little-endian uint16.

    Raises:
        DataError: with the type that fits, and the key.
    """
    values = np.asarray(values[:_LOOKED_AT])
    if len(values) < _LEAST or not values.any():
        return
    low, high = values[: len(values) // 2 * 2].reshape(-1, 2).T
    sign = (high == 0xFFFF) & (low >= 0xFF00)  # -256 to -1
    if ((high < 4) | sign).all() and (low.max() >= 4 or not high.any()):
        quarters = values[: len(values) // 4 * 4].reshape(-1, 4)
        wide = not quarters[:, 2:].any()
        fits = "int64" if wide else "int32" if sign.any() else "uint32"
        raise DataError(
            f"{path}: dtype: {'three of four' if wide else 'every second'} of its 16-bit integers "
            f"{'are 0' if wide or not high.any() else 'are 0 to 3'}, as of {fits}; say dtype: "
            f"{fits}, or dtype: uint16 if that is right"
        )
    if not (values & 0xFF).any():
        raise DataError(
            f"{path}: byte_order: all of its 16-bit integers are multiples of 256, as of "
            "big-endian ones; say byte_order: big, or dtype: uint16 if that is right"
        )
    values = values[:_SAMPLED]
    real = next((kind for kind in ("float64", "float32") if _are_real(values, kind)), None)
    if real:
        raise DataError(
            f"{path}: dtype: its bytes are those of {real} numbers, and tokens are integers from "
            "0; convert them, or say dtype: uint16 if that is right"
        )
    low, high = (_entropy(part) for part in (values & 0xFF, values >> 8))
    if high > low + _BYTES_APART:
        raise DataError(
            f"{path}: byte_order: the high bytes of its 16-bit integers vary more than the low "
            f"ones ({high:.1f} and {low:.1f} bits), as in big-endian order; say byte_order: big, "
            "or dtype: uint16 if that is right"
        )


def _are_real(values: Integer[np.ndarray, " N"], kind: str) -> bool:
    """Return whether integers of 16 bits are parts of real numbers: of usual size, and varied."""
    width = np.dtype(kind).itemsize // 2
    with np.errstate(invalid="ignore"):
        real = np.ascontiguousarray(values[: len(values) // width * width]).view(kind)
        size = np.abs(real.astype(np.float64))
        usual = (size == 0) | ((size > _SIZES[0]) & (size < _SIZES[1]))
    return float(usual.mean()) > _LEAST_REAL and len(np.unique(real)) > _LEAST


def _entropy(values: Integer[np.ndarray, " N"]) -> float:
    """Entropy of the bytes' counts, bits."""
    shares = np.bincount(values.astype(np.int64), minlength=256) / len(values)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())
