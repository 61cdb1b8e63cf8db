"""Text and bytes in files."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from epiplexity_jax.base.compressed import Compression
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.characters import Alphabet
from epiplexity_jax.sources.files.corpus import Corpus, TextOptions, files_corpus, open_corpus
from epiplexity_jax.sources.files.paths import find_files
from epiplexity_jax.sources.files.whole_documents import Unknown, check_skips
from epiplexity_jax.sources.spec import HostSource


class Text(Config):
    """Text or bytes as tokens: bytes, 96 ASCII characters, or an alphabet of your own.

    Several files (a folder, a pattern, or `files` of a folder) are joined in the order of their
    paths; `heldout.split: documents` holds out whole ones. Except for `bytes` a file must be UTF-8.
    A character outside the alphabet ends the sweep before it starts, with its line and column;
    `unknown: drop` leaves such characters out. Results then say how many, and have no bits per
    byte; where they are more than half, the file is refused. `unknown: skip_document` leaves out
    every file that holds one, as the epiplexity paper does with the texts of OpenWebText; results
    say how many, and bits per byte are those of the files that are kept. A compressed file is read
    as what was compressed, which the results say.
    """

    kind: Literal["text"] = "text"
    path: str = Field(min_length=1)
    """The file, a pattern such as `books/*.txt`, or a folder of which all files are read, relative
    to the current folder; hidden files are left out."""
    files: str | None = Field(default=None, min_length=1)
    """Pattern of the files to read in the folder, such as `*.txt`, or `**/*.txt` in those below it
    too; hidden ones are left out."""
    heldout: str | None = Field(default=None, min_length=1)
    """File, pattern or folder of your own held-out text: it alone is held out, and all of `path` is
    trained on."""
    alphabet: Alphabet = "ascii96"
    """`ascii96` (95 printable characters and newline), `bytes` (all 256), `characters` (all that
    occur), or the characters themselves."""
    unknown: Unknown = "error"
    """Treatment of a character outside the alphabet."""
    length: int = Field(default=128, ge=1)
    """L, tokens of a sequence."""
    compression: Compression = "auto"
    """`auto` reads what gz, bz2, xz and zst compressed, known by its first bytes; `none` takes a
    file's own bytes."""

    @model_validator(mode="after")
    def _skips_some(self) -> "Text":
        check_skips(self.alphabet, self.unknown)
        return self


def open_text(config: Text) -> HostSource:
    """Read files and keep their tokens, at one byte each for alphabets of up to 256.

    Above 1 GiB they lie in a temporary file, not in memory.

    Raises:
        DataError: when a file is missing, unreadable, empty, a Git LFS pointer, too short for a
            sequence, not UTF-8, or holds a character outside the alphabet.
    """
    options = TextOptions(config.alphabet, config.unknown, config.length)
    corpus, heldout = text_corpora(config)
    return open_corpus(corpus, options, heldout)


def text_corpora(config: Text) -> tuple[Corpus, Corpus | None]:
    """Find the files, each a document, and those that the user holds out.

    Raises:
        DataError: when a file is missing, unreadable, a Git LFS pointer or no text, or all are
            empty.
    """
    heldout = None if config.heldout is None else _corpus(config.heldout, None, config)
    return _corpus(config.path, config.files, config), heldout


def _corpus(path: str, pattern: str | None, config: Text) -> Corpus:
    paths = find_files(path) if pattern is None else _matching(Path(path), pattern)
    corpus = files_corpus(paths, path, config.compression)
    if not corpus.origins:  # no file holds anything
        if pattern is not None:
            raise DataError(f"{path}: files: {pattern!r} matches no file with text in it")
        raise DataError(f"{path}: is empty; there is nothing to measure")
    return corpus


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
