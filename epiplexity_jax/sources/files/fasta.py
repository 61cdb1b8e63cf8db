"""Sequences of letters in FASTA files: genomes and proteins."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from epiplexity_jax.base.compressed import open_decompressed
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.characters import Alphabet, Document
from epiplexity_jax.sources.files.corpus import (
    Corpus,
    TextOptions,
    files_corpus,
    in_parts,
    open_corpus,
)
from epiplexity_jax.sources.files.paths import find_files
from epiplexity_jax.sources.spec import HostSource
from epiplexity_jax.sources.token_array import readable

_ENDINGS = (".fa", ".fasta", ".fna", ".faa", ".ffn", ".fas", ".mfa")
_WHITE = b" \t\r\n\f\v"


class Fasta(Config):
    """Records of FASTA files, each a document: headers and line ends are left out.

    Files may be compressed. By default the alphabet is the letters that occur, in upper case: lower
    case marks repeats in genomes, and the results say where it was changed.
    """

    kind: Literal["fasta"] = "fasta"
    path: str = Field(min_length=1)
    """The file, a pattern such as `chr*.fa.gz`, or a folder, relative to the current folder."""
    heldout: str | None = Field(default=None, min_length=1)
    """File, pattern or folder of your own held-out records: they alone are held out, and all of
    `path` is trained on."""
    alphabet: Alphabet = "characters"
    """`characters` (the letters that occur), or the letters themselves, such as `ACGT`."""
    unknown: Literal["error", "drop"] = "error"
    """Treatment of a letter outside the alphabet."""
    case: Literal["upper", "keep"] = "upper"
    """`upper` takes lower-case letters for upper-case ones."""
    length: int = Field(default=128, ge=1)
    """L, tokens of a sequence."""


def open_fasta(config: Fasta) -> HostSource:
    """Read the records of every file, in order.

    Raises:
        DataError: when a file is missing, damaged, a Git LFS pointer or no FASTA, its records are
            too short, or a letter is outside the alphabet.
    """
    options = TextOptions(config.alphabet, config.unknown, config.length)
    heldout = None if config.heldout is None else _corpus(config.heldout, config)
    return open_corpus(_corpus(config.path, config), options, heldout)


def _corpus(path: str, config: Fasta) -> Corpus:
    paths, upper = find_files(path, _ENDINGS), config.case == "upper"
    files = files_corpus(paths, path, "auto")

    def documents() -> Iterator[Document]:
        for each in paths:
            yield from _records(each, upper)

    changed = upper and any(_has_lower_case(each) for each in paths)
    said = f"{path}: lower-case letters were read as upper-case ones; case: keep tells them apart"
    notes = (*files.notes, said) if changed else files.notes
    return Corpus(documents, path, files.origins, notes, lossless=not changed)


def _records(path: Path, upper: bool) -> Iterator[Document]:
    """Read the records of a file, each whole: its name, and its letters in parts."""
    name, letters = None, bytearray()
    with readable(path), open_decompressed(path) as file:
        for number, line in enumerate(file, start=1):
            if line.startswith(b">"):
                if name is not None:
                    yield name, in_parts(bytes(letters))
                words = line[1:].split()
                title = words[0].decode(errors="replace") if words else f"record in line {number}"
                name, letters = f"{path}: {title}", bytearray()
            elif name is not None and not line.startswith(b";"):  # an old comment
                letters += (line.upper() if upper else line).translate(None, _WHITE)
            elif line.strip() and not line.startswith(b";"):
                fastq = line.startswith(b"@")
                what = (
                    "is FASTQ; convert it to FASTA" if fastq else "begins with no '>' of a record"
                )
                raise DataError(f"{path}: {what}")
    if name is None:
        raise DataError(f"{path}: holds no record; there is nothing to measure")
    yield name, in_parts(bytes(letters))


def _has_lower_case(path: Path) -> bool:
    """Return whether a letter of a sequence is in lower case."""
    with readable(path), open_decompressed(path) as file:
        return any(
            not line.startswith((b">", b";")) and re.search(rb"[a-z]", line) for line in file
        )
