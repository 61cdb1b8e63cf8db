"""Python source text as the bytecode that it compiles to."""

import dataclasses
import marshal
import platform
import sys
import warnings
from collections.abc import Iterator
from typing import Any, Literal

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError, DataError, EpiplexityError
from epiplexity_jax.sources.files.characters import BYTES, Document
from epiplexity_jax.sources.files.corpus import Corpus, TextOptions, open_corpus
from epiplexity_jax.sources.files.document_files import DocumentFiles, document_corpora
from epiplexity_jax.sources.files.python_stdlib import PythonStdlib, stdlib_corpus
from epiplexity_jax.sources.files.text import Text, text_corpora
from epiplexity_jax.sources.maps.inner import Nested
from epiplexity_jax.sources.spec import HostSource

_FILE = "document"  # name of the file in all bytecode, whose path would differ between machines
_FAULTS = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError)
# Formats from 3 on refer back to values that occur twice, or that the process has a reference to
# elsewhere: the bytes would depend on what else it does. Slices are constants from Python 3.14 on,
# which need format 5; there, names are referred to whatever the process does.
_FORMAT = 2 if sys.version_info < (3, 14) else 5


class CompilePython(Config):
    """Python source text as bytecode: what a deterministic program makes of it.

    Every document of `text`, `documents` or `python_stdlib` is compiled as a module by the running
    Python, and never run; the tokens are the bytes of its code object, as `marshal` writes it,
    without paths and at optimisation level 0. A document that does not compile is left out, which
    results say, as they say the version of Python: another version has other bytecode. Comments
    are lost, so the original text does not follow from it and there are no bits per byte of it.
    """

    kind: Literal["compile_python"] = "compile_python"
    source: Nested
    """The source text: `text` of a folder or a pattern, `documents` or `python_stdlib`; its
    `alphabet` and `unknown` do not matter, and sequences have its `length`. Of `python_stdlib`
    whole files are compiled, until their text has `max_tokens` bytes."""


def open_compile_python(config: CompilePython) -> HostSource:
    """Compile all documents, and cut their bytecode into sequences.

    Raises:
        ConfigError: when the source holds no documents of text.
        DataError: when no document compiles, their bytecode is too short, or they cannot be read.
    """
    try:
        options, *corpora = _texts(config.source)
        parts = [_Compiled(each) for each in corpora if each is not None]
        source: Any = open_corpus(parts[0].corpus, options, *(part.corpus for part in parts[1:]))
    except EpiplexityError as error:
        raise type(error)(f"source: {error}") from None
    notes = (*source.info.notes, *(note for part in parts for note in part.notes()))
    return dataclasses.replace(source, info=dataclasses.replace(source.info, notes=notes))


def _texts(source: Config) -> tuple[TextOptions, Corpus, Corpus | None]:
    """Find the documents of a source, those that are held out, and how they are cut."""
    corpora = None
    rows: Literal["join", "keep"] = "join"
    if isinstance(source, Text):
        corpora = text_corpora(source)
    elif isinstance(source, PythonStdlib):
        corpora = stdlib_corpus(source), None
    elif isinstance(source, DocumentFiles):
        corpora, rows = document_corpora(source), source.rows
    if corpora is None or not isinstance(source, Text | PythonStdlib | DocumentFiles):
        raise ConfigError(
            f"{getattr(source, 'kind', 'it')} holds no documents of text to compile; use text, "
            "documents or python_stdlib itself, and put maps around compile_python"
        )
    texts, heldout = corpora
    return TextOptions(BYTES, "error", source.length, rows), texts, heldout


class _Compiled:
    """Documents as bytecode, counted while they are read.

    Args:
        texts: the documents.

    Attributes:
        corpus: the bytecode of those that compile.
    """

    def __init__(self, texts: Corpus):
        self._texts, self._left_out, self._seen = texts, 0, 0
        self.corpus = Corpus(self._documents, texts.where, texts.origins, texts.notes, False)

    def _documents(self) -> Iterator[Document]:
        self._left_out = self._seen = 0
        for name, parts in self._texts.documents():
            self._seen += 1
            code = bytecode(b"".join(parts))
            if code is None:
                self._left_out += 1
            else:
                yield name, [code]
        if self._left_out == self._seen:
            raise DataError(f"{self.corpus.where}: no document of it compiles; is it Python?")

    def notes(self) -> tuple[str, ...]:
        """Say by which Python documents were compiled, and how many were left out."""
        python = f"{platform.python_implementation()} {platform.python_version()}"
        said = f"{self.corpus.where}: compiled by {python}"
        if self._left_out:
            said += (
                f"; {self._left_out:,} of {self._seen:,} documents do not compile and were left out"
            )
        return (said,)


def bytecode(text: bytes) -> bytes | None:
    """Compile a module, without running it; None where it does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the text, such as escapes that are not valid
            code = compile(text, _FILE, "exec", dont_inherit=True, optimize=0)
        return marshal.dumps(code, _FORMAT)
    except _FAULTS:
        return None
