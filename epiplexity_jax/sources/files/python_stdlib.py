"""The source text of Python's own standard library."""

import dataclasses
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import bytes_digest
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.characters import ASCII96, Document, Encoder
from epiplexity_jax.sources.files.corpus import Corpus, encoded_source, in_parts
from epiplexity_jax.sources.token_array import TokenSequences, check_max_tokens, readable

_LEFT_OUT = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}


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


def open_python_stdlib(config: PythonStdlib) -> TokenSequences:
    """Read the files one by one in sorted order, until there are `max_tokens`.

    Raises:
        DataError: when no source text is installed, it is too short for a sequence, or, with
            `unknown: error`, it holds a character outside the alphabet.
    """
    encoder = Encoder(ASCII96, config.unknown, cure="unknown: drop")
    for name, raw in stdlib_files(config.kind):
        text = raw.decode("utf-8", errors="replace").encode()
        encoder.add((name, in_parts(text)))
        encoder.flush()
        if encoder.spool.count >= config.max_tokens:
            break
    corpus = stdlib_corpus(config)
    source = encoded_source(encoder, config.length, corpus, config.max_tokens)
    # A few characters of comments are dropped, as the page of this source says.
    return dataclasses.replace(source, info=dataclasses.replace(source.info, notes=()))


def stdlib_files(where: str) -> Iterator[tuple[str, bytes]]:
    """Read the files in sorted order: name and bytes of each.

    Raises:
        DataError: when no source text is installed, or a file cannot be read.
    """
    root = Path(sysconfig.get_path("stdlib"))
    files = _python_files(root)
    if not files:
        raise DataError(f"{where}: this Python has no standard library in source form")
    for path in files:
        with readable(path):
            yield f"{where}, {path.relative_to(root)}", path.read_bytes()


def stdlib_corpus(config: PythonStdlib) -> Corpus:
    """Make a corpus of whole files, until their text has `max_tokens` bytes."""

    def documents() -> Iterator[Document]:
        size = 0
        for name, raw in stdlib_files(config.kind):
            yield name, [raw]
            size += len(raw)
            if size >= config.max_tokens:
                return

    return Corpus(documents, config.kind, (bytes_digest([f"{config.kind};{sys.version}"]),))


def _python_files(root: Path) -> list[Path]:
    """Find source files below a folder, without tests and installed packages, sorted by path."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = set(subfolders) - _LEFT_OUT  # not entered: packages may be many
        found += [Path(folder, name) for name in names if name.endswith(".py")]
    return sorted(found)
