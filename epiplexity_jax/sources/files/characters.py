"""Characters as tokens: alphabets, and the encoder that writes documents one after the other."""

import codecs
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import IO, Annotated

import numpy as np
from jaxtyping import Bool, Integer
from pydantic import AfterValidator

from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import DataError

ASCII96 = "\n" + "".join(map(chr, range(32, 127)))
CHESS = "\n #+,-/0123456789;=?BKNOPQRabcdefghknpqrwx|"  # all that games can hold
# With the others that Finzi et al. 2026 list, and 13 that never come: their model pads to 64.
CHESS64 = CHESS + "!()*:lmv" + "ACDEFGHIJLMST"
_NAMED = {"ascii96": ASCII96, "chess64": CHESS64}
BYTES, CHARACTERS = "bytes", "characters"
MEMORY = 1 << 30  # bytes of tokens that are kept in memory; more lie in a temporary file
CURE = "unknown: drop, alphabet: characters or bytes, or name your own alphabet"
_CHUNK = 1 << 18  # bytes that are read, and characters that are encoded, at a time
_UNKNOWN = -1
_ALIKE = 0.75  # of a misspelt name of an alphabet and the name
_POINTS = 0x110000  # of Unicode

Tokens = Integer[np.ndarray, " n"]
Document = tuple[str, Iterable[bytes]]
"""Name of a document, for messages, and its bytes in parts of any size."""


def _alphabet_makes_sense(alphabet: str) -> str:
    known = (*_NAMED, BYTES, CHARACTERS)
    if alphabet not in known:
        if get_close_matches(alphabet.lower(), known, cutoff=_ALIKE):
            raise ValueError(did_you_mean("alphabet", alphabet.lower(), known))
        if len(alphabet) < 2:
            raise ValueError(f"needs 2 characters or more, got {alphabet!r}")
        twice = {c for c in alphabet if alphabet.count(c) > 1}
        if twice:
            raise ValueError(f"{min(twice)!r} is given twice")
    return alphabet


Alphabet = Annotated[str, AfterValidator(_alphabet_makes_sense)]
"""A field's type: `ascii96`, `chess64`, `bytes`, `characters` (all that occur), or letters."""


def letters_of(alphabet: str) -> str:
    """Write out an alphabet that is no `characters`: its characters, or the word `bytes`."""
    return _NAMED.get(alphabet, alphabet)


class Spool:
    """Tokens that are added part by part, in memory or, if they are many, in a temporary file.

    Args:
        dtype: type of the tokens.
    """

    def __init__(self, dtype: np.dtype):
        self._dtype, self._held = dtype, bytearray()
        self._file: IO[bytes] | None = None
        self.count = 0

    def add(self, tokens: Integer[np.ndarray, " n"] | bytes) -> None:
        """Add tokens at the end."""
        if isinstance(tokens, bytes):
            tokens = np.frombuffer(tokens, np.uint8)
        self.count += len(tokens)
        data = np.ascontiguousarray(tokens, self._dtype).data
        if self._file is None and len(self._held) + data.nbytes > MEMORY:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
            weakref.finalize(self, self._file.close)
            self._file.write(self._held)
            self._held = bytearray()
        if self._file is None:
            self._held += data
        else:
            self._file.write(data)

    def tokens(self) -> Tokens:
        """All that was added, as one array."""
        if self._file is None:
            return np.frombuffer(self._held, self._dtype)
        self._file.flush()
        return np.asarray(np.memmap(self._file, self._dtype, "r"))


class Encoder:
    """Encodes documents in UTF-8 as tokens, and counts what it reads.

    Args:
        alphabet: `bytes`, or the characters themselves.
        unknown: `error` or `drop`, for a character outside the alphabet.
        cure: advice about such a character, for the message.

    Attributes:
        spool: the tokens.
        ends: tokens up to the end of each document.
        size: bytes of the documents.
        characters: their characters; dropped: those outside the alphabet.
    """

    def __init__(self, alphabet: str, unknown: str, cure: str = CURE):
        self.alphabet, self._drop, self._cure = alphabet, unknown == "drop", cure
        self.size = self.characters = self.dropped = 0
        self.ends: list[int] = []
        if alphabet == BYTES:
            self.spool = Spool(np.dtype(np.uint8))
            return
        codes = np.array([ord(c) for c in alphabet])
        self._table = np.full(codes.max() + 2, _UNKNOWN, np.int32)  # the last: any higher one
        self._table[codes] = np.arange(len(codes))
        self.spool = Spool(np.min_scalar_type(len(alphabet) - 1))
        self._text: list[str] = []  # not yet encoded, and the documents that they are of
        self._starts: list[int] = []
        self._names: list[str] = []
        self._stops: list[int] = []
        self._waiting = 0
        self._before = (1, 0)  # line and column before them, in their first document

    def add(self, document: Document) -> None:
        """Encode a document.

        Raises:
            DataError: when it is not UTF-8, or holds a character outside the alphabet.
        """
        where, parts = document
        if self.alphabet == BYTES:
            for part in parts:
                self.size += len(part)
                self.spool.add(part)
            self.ends.append(self.spool.count)
            return
        self._starts.append(self._waiting)
        self._names.append(where)
        for text in self._decoded(where, parts):
            self._text.append(text)
            self._waiting += len(text)
            if self._waiting >= _CHUNK:
                self.flush()
        self._stops.append(self._waiting)

    def _decoded(self, where: str, parts: Iterable[bytes]) -> Iterator[str]:
        for text, size in decoded(where, parts):
            self.size += size
            yield text

    def flush(self) -> None:
        """Encode what was added and is still text."""
        if self.alphabet == BYTES or not (self._waiting or self._stops):
            return
        text = "".join(self._text)
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        tokens = self._table[np.minimum(points, len(self._table) - 1)]
        known = tokens != _UNKNOWN
        if not self._drop and not known.all():
            self._refuse(text, int(known.argmin()))
        kept = np.concatenate([[0], np.cumsum(known)])
        self.ends += (self.spool.count + kept[np.array(self._stops, np.int64)]).tolist()
        self.characters += len(text)
        self.dropped += len(text) - int(kept[-1])
        self.spool.add(tokens if kept[-1] == len(tokens) else tokens[known])
        self._before = self._place(text, len(text))
        open_document = len(self._names) > len(self._stops)
        self._names = self._names[-1:] if open_document else []
        self._starts = [-1] if open_document else []
        self._text, self._stops, self._waiting = [], [], 0

    def _place(self, text: str, at: int) -> tuple[int, int]:
        """Find line and column, from 1 and 0, of a place in its document."""
        begins = [start for start in self._starts if start <= at]
        start = begins[-1] if begins else -1
        line, column = (1, 0) if start >= 0 else self._before
        start = max(start, 0)
        lines = text.count("\n", start, at)
        if lines:
            return line + lines, at - text.rfind("\n", start, at) - 1
        return line, column + at - start

    def _refuse(self, text: str, at: int) -> None:
        line, column = self._place(text, at)
        where = self._names[len([start for start in self._starts if start <= at]) - 1]
        raise DataError(
            f"{where}: {text[at]!r} in line {line}, column {column + 1} is not in the alphabet; "
            f"use {self._cure}"
        )


def decoded(where: str, parts: Iterable[bytes]) -> Iterator[tuple[str, int]]:
    """Decode a document's parts: text, and the number of bytes read for it.

    Args:
        where: its name.
        parts: its bytes.

    Raises:
        DataError: when it is not UTF-8, with the place.
    """
    decoder, place, part = codecs.getincrementaldecoder("utf-8")(), 0, b""
    try:
        for part in parts:
            yield decoder.decode(part), len(part)
            place += len(part)
        part = b""
        yield decoder.decode(b"", final=True), 0
    except UnicodeDecodeError as error:
        # The error counts from the bytes that the last part left over.
        at = place + len(part) - len(error.object) + error.start
        if at == 0 and error.object[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise DataError(f"{where}: is UTF-16; convert it to UTF-8") from None
        raise DataError(
            f"{where}: is not UTF-8 at byte {at}; convert it, or use alphabet: bytes"
        ) from None


def occurring(documents: Iterable[Document]) -> str:
    """Collect the characters that occur, in the order of Unicode.

    Raises:
        DataError: when a document is not UTF-8.
    """
    seen: Bool[np.ndarray, " points"] = np.zeros(_POINTS, bool)
    for where, parts in documents:
        for text, _ in decoded(where, parts):
            seen[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)] = True
    return "".join(map(chr, np.flatnonzero(seen).tolist()))
