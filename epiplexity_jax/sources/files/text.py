"""Text and bytes: files, and the source text of Python's own standard library."""

import codecs
import os
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import numpy as np
from jaxtyping import Integer
from pydantic import AfterValidator, Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import bytes_digest
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.documents import Documents
from epiplexity_jax.sources.spec import SourceInfo
from epiplexity_jax.sources.token_array import (
    TokenSequences,
    check_enough,
    check_max_tokens,
    cut,
    data_hash,
    file_origin,
    readable,
)

ASCII96 = "\n" + "".join(map(chr, range(32, 127)))
_CHUNK = 1 << 18  # bytes that are decoded at a time
_UNKNOWN = -1
_CURE = "unknown: drop, alphabet: bytes, or name your own alphabet"
_LEFT_OUT = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}


def _alphabet_makes_sense(alphabet: str) -> str:
    if alphabet not in ("ascii96", "bytes"):
        if len(alphabet) < 2:
            raise ValueError(f"needs 2 characters or more, got {alphabet!r}")
        twice = {c for c in alphabet if alphabet.count(c) > 1}
        if twice:
            raise ValueError(f"{min(twice)!r} is given twice")
    return alphabet


Alphabet = Annotated[str, AfterValidator(_alphabet_makes_sense)]
"""A field's type: `ascii96`, `bytes`, or the characters themselves."""


class Text(Config):
    """A text or bytes file as tokens: bytes, 96 ASCII characters, or an alphabet of your own.

    Several `files` of a folder are joined in the order of their paths; `heldout.split: documents`
    holds out whole ones. Except for `bytes` a file must be UTF-8. A character outside the alphabet
    ends the sweep before it starts, with its line and column; `unknown: drop` leaves such
    characters out. Bits per byte count bytes of the file as it is on disk, dropped ones too.
    """

    kind: Literal["text"] = "text"
    path: str = Field(min_length=1)
    """The file, relative to the current folder; with `files`, a folder."""
    files: str | None = Field(default=None, min_length=1)
    """Pattern of the files to read in the folder, such as `*.txt`, or `**/*.txt` in those below it
    too; hidden ones are left out."""
    alphabet: Alphabet = "ascii96"
    """`ascii96` (95 printable characters and newline), `bytes` (all 256), or the characters
    themselves."""
    unknown: Literal["error", "drop"] = "error"
    """Treatment of a character outside the alphabet."""
    length: int = Field(default=128, ge=1)
    """L, tokens of a sequence."""


class PythonStdlib(Config):
    """The source text of Python's standard library: real text that every machine has.

    The .py files of the running Python's standard library in sorted order, without tests and
    installed packages: some 12 million characters. Another version of Python has another text and
    so another fingerprint; for results that must be comparable, take a file.
    """

    kind: Literal["python_stdlib"] = "python_stdlib"
    length: int = Field(default=128, ge=1)
    """L, tokens of a sequence."""
    max_tokens: int = Field(default=20_000_000, ge=1)
    """Tokens to read at the most."""
    unknown: Literal["error", "drop"] = "drop"
    """Treatment of a character outside the 96-character alphabet."""

    @model_validator(mode="after")
    def _holds_a_sequence(self) -> "PythonStdlib":
        check_max_tokens(self.max_tokens, self.length)
        return self


def open_text(config: Text) -> TokenSequences:
    """Read a file and keep its tokens in memory, at one byte each for alphabets of up to 256.

    Raises:
        DataError: when a file is missing, unreadable, empty, too short for a sequence, not UTF-8,
            or holds a character outside the alphabet.
    """
    path = Path(config.path)
    if config.files is not None:
        return _open_folder(path, config.files, config)
    with readable(path):
        raw = path.read_bytes()
    if not raw:
        raise DataError(f"{path}: is empty; there is nothing to measure")
    origins = (data_hash(np.frombuffer(raw, np.uint8)), file_origin(path))
    return from_bytes(raw, str(path), config.alphabet, config.unknown, config.length, origins)


def _open_folder(folder: Path, pattern: str, config: Text) -> TokenSequences:
    """Read files of a folder one by one, sorted by path; each is a document."""
    stored, size, ends, origins = bytearray(), 0, [], []
    dtype = np.dtype(np.uint8)
    for path in _matching(folder, pattern):
        with readable(path):
            raw = path.read_bytes()
        tokens = _encoded(raw, str(path), config.alphabet, config.unknown)
        stored += tokens.view(np.uint8).data
        dtype = tokens.dtype
        size += len(raw)
        ends.append(len(stored) // dtype.itemsize)
        if raw:
            origins += [data_hash(np.frombuffer(raw, np.uint8)), file_origin(path)]
    if not size:
        raise DataError(f"{folder}: files: {pattern!r} matches no file with text in it")
    tokens = np.frombuffer(stored, dtype)
    options = (config.alphabet, config.length, size, str(folder), tuple(origins))
    return _sequences(tokens, *options, ends)


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Find the files of a folder that match a pattern and are not hidden, sorted by path."""
    if not folder.is_dir():
        fault = "is no folder; leave files out" if folder.exists() else "no such folder"
        raise DataError(f"{folder}: {fault}")
    try:
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
    except (NotImplementedError, ValueError) as error:
        raise DataError(f"{folder}: files: {pattern!r} is not a pattern: {error}") from None
    parts = [(path, path.relative_to(folder).parts) for path in found]
    return [path for path, names in parts if not any(name.startswith(".") for name in names)]


def from_bytes(
    raw: bytes, where: str, alphabet: str, unknown: str, length: int, origins: tuple[str, ...] = ()
) -> TokenSequences:
    """Make a source of text in bytes.

    Args:
        raw: UTF-8, or anything where the alphabet is `bytes`.
        where: name of the file or data set, for messages.
        alphabet: as in `Text`.
        unknown: as in `Text`.
        length: L.
        origins: names of the data.

    Raises:
        DataError: when it is too short, not UTF-8, or holds a character outside the alphabet.
    """
    tokens = _encoded(raw, where, alphabet, unknown)
    return _sequences(tokens, alphabet, length, len(raw), where, origins)


def _encoded(raw: bytes, where: str, alphabet: str, unknown: str) -> Integer[np.ndarray, " N"]:
    """Encode bytes as tokens, part by part; those of the alphabet `bytes` are not copied."""
    if alphabet == "bytes":
        return np.frombuffer(raw, np.uint8)
    size, letters = len(raw), _letters(alphabet)
    encode, decoder = _encoder(letters, unknown), codecs.getincrementaldecoder("utf-8")()
    stored, characters = bytearray(), 0  # grows without a copy of each part
    part, start = b"", 0
    try:
        for start in range(0, size, _CHUNK):
            part = raw[start : start + _CHUNK]
            text = decoder.decode(part, final=start + _CHUNK >= size)
            stored += encode(text).data
            characters += len(text)
    except UnicodeDecodeError as error:
        # The error counts from the bytes that the last chunk left over.
        place = start + len(part) - len(error.object) + error.start
        fault = f"is not UTF-8 at byte {place}; convert it, or use alphabet: bytes"
        raise DataError(f"{where}: {fault}") from None
    except _StrangeError as strange:
        _refuse(raw.decode(errors="replace"), characters + strange.args[0], where, _CURE)
    return np.frombuffer(stored, np.min_scalar_type(len(letters) - 1))


def count_tokens(raw: bytes, alphabet: str, unknown: str) -> int:
    """Count the tokens that `from_bytes` makes of UTF-8 without a character to refuse.

    Args:
        raw: the bytes.
        alphabet: as in `Text`.
        unknown: as in `Text`.
    """
    if alphabet == "bytes":
        return len(raw)
    text = raw.decode()
    if unknown == "error":
        return len(text)
    return sum(map(set(_letters(alphabet)).__contains__, text))


def _letters(alphabet: str) -> str:
    return ASCII96 if alphabet == "ascii96" else alphabet


def open_python_stdlib(config: PythonStdlib) -> TokenSequences:
    """Read the files one by one in sorted order, until there are `max_tokens`.

    Raises:
        DataError: when no source text is installed, it is too short for a sequence, or, with
            `unknown: error`, it holds a character outside the alphabet.
    """
    root = Path(sysconfig.get_path("stdlib"))
    files = _python_files(root)
    if not files:
        raise DataError("python_stdlib: this Python has no standard library in source form")
    encode, stored, bytes_read = _encoder(ASCII96, config.unknown), bytearray(), 0
    ends = []
    for path in files:
        with readable(path):
            raw = path.read_bytes()
        text = raw.decode("utf-8", errors="replace")
        try:
            stored += encode(text).data
        except _StrangeError as strange:
            where = f"{config.kind}, {path.relative_to(root)}"
            _refuse(text, strange.args[0], where, "unknown: drop")
        bytes_read += len(raw)
        ends.append(len(stored))
        if len(stored) >= config.max_tokens:
            break
    tokens = np.frombuffer(stored, np.uint8)[: config.max_tokens]
    size = bytes_read * len(tokens) / max(1, len(stored))
    origin = bytes_digest([f"{config.kind};{sys.version}"])
    return _sequences(tokens, ASCII96, config.length, size, config.kind, (origin,), ends)


def _python_files(root: Path) -> list[Path]:
    """Find source files below a folder, without tests and installed packages, sorted by path."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = set(subfolders) - _LEFT_OUT  # not entered: packages may be many
        found += [Path(folder, name) for name in names if name.endswith(".py")]
    return sorted(found)


class _StrangeError(Exception):
    """A character outside the alphabet; its argument is the place in the text."""


def _encoder(alphabet: str, unknown: str) -> Callable[[str], Integer[np.ndarray, " n"]]:
    """Make a function that encodes characters as indices into an alphabet, in the smallest type.

    It raises _StrangeError on a character outside the alphabet, unless those are dropped.
    """
    codes = np.array([ord(c) for c in alphabet])
    table = np.full(codes.max() + 2, _UNKNOWN, np.int32)  # the last: any higher character
    table[codes] = np.arange(len(codes))
    dtype = np.min_scalar_type(len(alphabet) - 1)

    def encode(text: str) -> Integer[np.ndarray, " n"]:
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        tokens = table[np.minimum(points, len(table) - 1)]
        strange = tokens == _UNKNOWN
        if strange.any():
            if unknown == "error":
                raise _StrangeError(int(strange.argmax()))
            tokens = tokens[~strange]
        return tokens.astype(dtype)

    return encode


def _refuse(text: str, at: int, where: str, cure: str) -> NoReturn:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    raise DataError(
        f"{where}: {text[at]!r} in line {line}, column {column} is not in the alphabet; use {cure}"
    )


def _sequences(
    tokens: Integer[np.ndarray, " N"],
    alphabet: str,
    length: int,
    size: float,
    where: str,
    origins: tuple[str, ...],
    ends: Sequence[int] = (),
) -> TokenSequences:
    """Cut encoded tokens into sequences.

    `size` is the bytes of the text that they stand for, `ends` are those of its files in tokens.
    """
    check_enough(len(tokens), length, where, " of its alphabet")
    alphabet = _letters(alphabet)
    vocab_size = 256 if alphabet == "bytes" else len(alphabet)
    name = bytes_digest([f"{alphabet};{length};", tokens.data])
    rows = cut(tokens, length)
    info = SourceInfo.all_labels(
        vocab_size,
        length,
        name,
        bytes_per_token=size / len(tokens),
        origins=origins,
        documents=Documents.of_files(ends or [len(tokens)], len(rows), length),
    )
    return TokenSequences(info, rows)
