"""Text and bytes: files, and the source text of Python's own standard library."""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.sequences import (
    TokenSequences,
    check_max_tokens,
    cut,
    data_hash,
    file_origin,
    unreadable,
)
from epiplexity_jax.sources.spec import SourceInfo

ASCII96 = "\n" + "".join(map(chr, range(32, 127)))
_BLOCK = 1 << 22
_UNKNOWN = -1
_CURE = "unknown: drop, alphabet: bytes, or name your own alphabet"
_LEFT_OUT = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}


class Text(Config):
    """A text or bytes file as tokens: bytes, 96 ASCII characters, or an alphabet of your own.

    Except for `bytes` the file must be UTF-8. A character outside the alphabet ends the sweep
    before it starts, with its line and column; `unknown: drop` leaves such characters out. Bits
    per byte count bytes of the file as it is on disk, dropped ones too.
    """

    kind: Literal["text"] = "text"
    path: str = Field(min_length=1)
    """The file, relative to the current folder."""
    alphabet: str = "ascii96"
    """`ascii96` (95 printable characters and newline), `bytes` (all 256), or the characters
    themselves."""
    unknown: Literal["error", "drop"] = "error"
    """What to do with a character outside the alphabet."""
    length: int = Field(default=128, ge=1)
    """L, tokens of a sequence."""

    @model_validator(mode="after")
    def _alphabet_makes_sense(self) -> "Text":
        if self.alphabet not in ("ascii96", "bytes"):
            if len(self.alphabet) < 2:
                raise ValueError(f"alphabet: needs 2 characters or more, got {self.alphabet!r}")
            twice = {c for c in self.alphabet if self.alphabet.count(c) > 1}
            if twice:
                raise ValueError(f"alphabet: {min(twice)!r} stands twice")
        return self


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
    """What to do with a character outside the 96-character alphabet."""

    @model_validator(mode="after")
    def _holds_a_sequence(self) -> "PythonStdlib":
        check_max_tokens(self.max_tokens, self.length)
        return self


def open_text(config: Text) -> TokenSequences:
    """The whole file is read into memory, at one byte a token for alphabets of up to 256.

    Raises:
        DataError: when the file is missing, unreadable, empty, too short for a sequence, not UTF-8,
            or holds a character outside the alphabet.
    """
    path = Path(config.path)
    raw = _bytes(path)
    if not raw:
        raise DataError(f"{path}: is empty; there is nothing to measure")
    data = np.frombuffer(raw, np.uint8)
    size, origins = len(raw), (data_hash(data), file_origin(path))
    if config.alphabet == "bytes":
        return _sequences(data, config.alphabet, 256, config.length, size, str(path), origins)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is not UTF-8 at byte {error.start}; convert it, or use alphabet: bytes"
        ) from None
    del raw, data
    alphabet = ASCII96 if config.alphabet == "ascii96" else config.alphabet
    tokens = _encode([text], alphabet, config.unknown, str(path))
    return _sequences(tokens, alphabet, len(alphabet), config.length, size, str(path), origins)


def open_python_stdlib(config: PythonStdlib) -> TokenSequences:
    """The files are read one by one in sorted order, until there are `max_tokens`.

    Raises:
        DataError: when no source text is installed, it is too short for a sequence, or, with
            `unknown: error`, it holds a character outside the alphabet.
    """
    root = Path(sysconfig.get_path("stdlib"))
    read = bytes_read = 0
    parts = []
    for path in _python_files(root):
        raw = _bytes(path)
        text = raw.decode("utf-8", errors="replace")
        where = f"{config.kind}, {path.relative_to(root)}"
        tokens = _encode([text], ASCII96, config.unknown, where, cure="unknown: drop")
        parts.append(tokens)
        read, bytes_read = read + len(tokens), bytes_read + len(raw)
        if read >= config.max_tokens:
            break
    if not parts:
        raise DataError("python_stdlib: this Python has no standard library in source form")
    tokens = np.concatenate(parts)[: config.max_tokens]
    size = bytes_read * len(tokens) / max(1, read)
    origin = hashlib.sha256(f"{config.kind};{sys.version}".encode()).hexdigest()[:16]
    return _sequences(tokens, ASCII96, len(ASCII96), config.length, size, config.kind, (origin,))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


def _python_files(root: Path) -> Iterator[Path]:
    """Source files below a folder, without tests and installed packages, sorted by path."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = set(subfolders) - _LEFT_OUT  # not entered: packages may be many
        found += [Path(folder, name) for name in names if name.endswith(".py")]
    return iter(sorted(found))


def _encode(
    texts: Iterable[str], alphabet: str, unknown: str, where: str, cure: str = _CURE
) -> np.ndarray:
    """Characters to indices into the alphabet, block by block, in the smallest type."""
    dtype = np.min_scalar_type(len(alphabet) - 1)
    codes = np.array([ord(c) for c in alphabet])
    table = np.full(codes.max() + 2, _UNKNOWN, np.int32)  # the last entry: any higher character
    table[codes] = np.arange(len(codes))
    parts = []
    for text in texts:
        for start in range(0, len(text), _BLOCK):
            part = text[start : start + _BLOCK]
            points = np.frombuffer(part.encode("utf-32-le", "surrogatepass"), np.uint32)
            tokens = table[np.minimum(points, len(table) - 1)]
            strange = tokens == _UNKNOWN
            if strange.any():
                if unknown == "error":
                    _refuse(text, start + int(strange.argmax()), where, cure)
                tokens = tokens[~strange]
            parts.append(tokens.astype(dtype))
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _refuse(text: str, at: int, where: str, cure: str) -> None:
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    raise DataError(
        f"{where}: {text[at]!r} in line {line}, column {column} is not in the alphabet; use {cure}"
    )


def _sequences(
    tokens: np.ndarray,
    alphabet: str,
    vocab_size: int,
    length: int,
    size: float,
    where: str,
    origins: tuple[str, ...],
) -> TokenSequences:
    """Sequences of encoded tokens; `size` is the bytes of the text that they stand for."""
    if len(tokens) < max(2, length):
        raise DataError(
            f"{where}: has {len(tokens)} token{'s' * (len(tokens) != 1)} of its alphabet, less "
            f"than one sequence of {max(2, length)}; bring more data or lower `length`"
        )
    digest = hashlib.sha256(f"{alphabet};{length};".encode("utf-8", "surrogatepass"))
    digest.update(tokens.data)
    info = SourceInfo(
        vocab_size=vocab_size,
        length=length,
        label_mask=np.ones(length, bool),
        fingerprint=digest.hexdigest()[:16],
        bytes_per_token=size / len(tokens),
        origins=origins,
    )
    return TokenSequences(info, cut(tokens, length))
