"""Documents of text as a source: encoded in one pass, joined end to end, cut into sequences."""

import dataclasses
import functools
import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Integer

from epiplexity_jax.base.compressed import (
    Compression,
    archive_of,
    compression_of,
    first_bytes,
    open_decompressed,
)
from epiplexity_jax.base.digest import bytes_digest
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.documents import Documents
from epiplexity_jax.sources.files import characters
from epiplexity_jax.sources.files.characters import (
    BYTES,
    CHARACTERS,
    Document,
    Encoder,
    letters_of,
    occurring,
)
from epiplexity_jax.sources.files.text_notes import text_notes
from epiplexity_jax.sources.files.whole_documents import Unknown, WholeDocuments
from epiplexity_jax.sources.joined import with_heldout
from epiplexity_jax.sources.ragged import open_rows_of
from epiplexity_jax.sources.spec import HostSource, SourceInfo
from epiplexity_jax.sources.token_array import (
    TokenSequences,
    check_enough,
    cut,
    data_hash,
    file_origin,
    readable,
)

_MOST_DROPPED = 0.5  # share of the characters: what is left is no reading of the text
_TABLES = {b"PAR1": "a Parquet file", b"ARROW1": "an Arrow file"}


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Documents that can be read more than once.

    Attributes:
        documents: gives them in order.
        where: name of them all, for messages.
        origins: names of the data.
        notes: on how they were read.
        lossless: False where they do not determine the original data, as after a change of case.
    """

    documents: Callable[[], Iterable[Document]]
    where: str
    origins: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lossless: bool = True


@dataclasses.dataclass(frozen=True)
class TextOptions:
    """Fields of a config that say how text becomes tokens.

    Attributes:
        alphabet: as in `characters.Alphabet`.
        unknown: treatment of a character outside the alphabet.
        length: L, tokens of a sequence.
        rows: whether documents are joined end to end, or each stays a sequence.
    """

    alphabet: str
    unknown: Unknown
    length: int
    rows: Literal["join", "keep"] = "join"


def open_corpus(corpus: Corpus, options: TextOptions, heldout: Corpus | None = None) -> HostSource:
    """Make a source of documents, and of those that the user holds out.

    Args:
        corpus: what is trained on.
        options: the config's options for text.
        heldout: what is held out, or None.

    Raises:
        DataError: when they are too short, not UTF-8, or hold characters outside the alphabet.
    """
    alphabet = letters_of(options.alphabet)
    both = [corpus] if heldout is None else [corpus, heldout]
    if alphabet == CHARACTERS:
        alphabet = occurring(each for one in both for each in one.documents())
        if len(alphabet) < 2:
            raise DataError(
                f"{corpus.where}: holds {len(alphabet)} different characters; an alphabet needs 2"
            )
    options = dataclasses.replace(options, alphabet=alphabet)
    parts = [_encoded(one, options) for one in both]
    return parts[0] if heldout is None else with_heldout(*parts)


def _encoded(corpus: Corpus, options: TextOptions) -> HostSource:
    skips = options.unknown == "skip_document"
    encoder = Encoder(options.alphabet, "error" if skips else options.unknown)
    whole = WholeDocuments(options.alphabet, corpus.where)
    for document in whole.select(corpus.documents()) if skips else corpus.documents():
        encoder.add(document)
    encoder.flush()
    corpus = dataclasses.replace(corpus, notes=(*corpus.notes, *whole.notes()))
    if options.rows == "join":
        return encoded_source(encoder, options.length, corpus)
    info = encoded_source(encoder, 1, corpus).info  # checks
    tokens, ends = encoder.spool.tokens(), np.unique([end for end in encoder.ends if end])
    facts = {
        "vocab_size": info.vocab_size,
        "bytes_per_token": info.bytes_per_token,
        "origins": info.origins,
    }
    source: Any = open_rows_of(tokens, corpus.where, ends, options.length, None, facts)
    notes = (*info.notes, *source.info.notes)
    return dataclasses.replace(source, info=dataclasses.replace(source.info, notes=notes))


def encoded_source(
    encoder: Encoder, length: int, corpus: Corpus, most: int | None = None
) -> TokenSequences:
    """Cut what was encoded into sequences.

    Args:
        encoder: the encoder, flushed.
        length: L.
        corpus: the corpus of the documents, whose names the source carries.
        most: tokens to keep; None: all.

    Raises:
        DataError: when they are too few, or most characters were dropped.
    """
    tokens = encoder.spool.tokens()[:most]
    check_enough(len(tokens), length, corpus.where, " of its alphabet")
    notes = (*corpus.notes, *text_notes(tokens, encoder.alphabet, corpus.where))
    if encoder.dropped:
        share = encoder.dropped / encoder.characters
        what = (
            f"{encoder.dropped:,} of {encoder.characters:,} characters ({share:.2%}) are not in "
            "the alphabet"
        )
        if share > _MOST_DROPPED:
            raise DataError(
                f"{corpus.where}: {what}, and what is left without them is no such text; use "
                "alphabet: characters or bytes, or name your own alphabet"
            )
        notes += (f"{corpus.where}: {what} and were dropped, so there are no bits per byte",)
    alphabet = encoder.alphabet
    rows = cut(tokens, length)
    whole = corpus.lossless and not encoder.dropped
    info = SourceInfo.all_labels(
        256 if alphabet == BYTES else len(alphabet),
        length,
        bytes_digest([f"{alphabet};{length};", tokens.data]),
        bytes_per_token=encoder.size / encoder.spool.count if whole else None,
        origins=corpus.origins,
        documents=Documents.of_files(encoder.ends or [len(tokens)], len(rows), length),
        notes=notes,
    )
    return TokenSequences(info, rows)


def from_bytes(
    raw: bytes, where: str, alphabet: str, unknown: Literal["error", "drop"], length: int
) -> TokenSequences:
    """Make a source of text in bytes.

    Args:
        raw: UTF-8, or anything where the alphabet is `bytes`.
        where: name of the file or data set, for messages.
        alphabet: as in `characters.Alphabet`.
        unknown: treatment of a character outside the alphabet.
        length: L.

    Raises:
        DataError: when it is too short, not UTF-8, or holds a character outside the alphabet.
    """
    corpus = Corpus(lambda: [(where, in_parts(raw))], where)
    source = open_corpus(corpus, TextOptions(alphabet, unknown, length))
    assert isinstance(source, TokenSequences)
    return source


def in_parts(raw: bytes) -> Iterator[bytes]:
    """Cut bytes into parts that are encoded at a time."""
    step = characters._CHUNK
    return (raw[start : start + step] for start in range(0, len(raw), step))


def count_tokens(raw: bytes, alphabet: str, unknown: str) -> int:
    """Count the tokens that `from_bytes` makes of UTF-8 without a character to refuse.

    Args:
        raw: the bytes.
        alphabet: as in `characters.Alphabet`.
        unknown: treatment of a character outside the alphabet.
    """
    if alphabet == BYTES:
        return len(raw)
    text = raw.decode()
    if unknown == "error" or alphabet == CHARACTERS:
        return len(text)
    return sum(map(set(letters_of(alphabet)).__contains__, text))


def files_corpus(
    paths: Sequence[Path], where: str, compression: Compression, hashed: bool = True
) -> Corpus:
    """Make a corpus of text files, each a document.

    Args:
        paths: the files' paths, in order.
        where: name of them all.
        compression: how their bytes are compressed.
        hashed: whether what they hold is an origin, too, for which all of it is read.

    Raises:
        DataError: when a file is missing, a Git LFS pointer, or of a kind that is no text.
    """
    origins, packed = [], 0
    for path in paths:
        with readable(path):
            start = first_bytes(path)
        if compression == "auto":
            packed += compression_of(start) is not None
            _refuse_containers(path, start)
        if start:
            origins += [_content_hash(path, compression)] if hashed else []
            origins.append(file_origin(path))
    which = "one file was" if packed == 1 else f"{packed} files were"
    notes = (f"{where}: {which if len(paths) > 1 else 'it was'} decompressed",)

    def documents() -> Iterator[Document]:
        return ((str(path), read_parts(path, compression)) for path in paths)

    return Corpus(documents, where, tuple(origins), notes if packed else ())


def _refuse_containers(path: Path, start: bytes) -> None:
    archive = archive_of(start)
    if archive:
        raise DataError(
            f"{path}: is {archive}; unpack it, or say compression: none to measure its own bytes"
        )
    for magic, words in _TABLES.items():
        if start.startswith(magic):
            raise DataError(
                f"{path}: is {words}; use kind: documents, or say compression: none to measure its "
                "own bytes"
            )


def read_parts(path: Path, compression: Compression) -> Iterator[bytes]:
    """Read a file, decompressed, in parts.

    Raises:
        DataError: when it cannot be read, or is damaged.
    """
    with readable(path), open_decompressed(path, compression) as file:
        yield from iter(functools.partial(file.read, characters._CHUNK), b"")


def _content_hash(path: Path, compression: Compression) -> str:
    """Hash what a file holds, decompressed, as `data_hash` does for all its bytes as tokens."""
    with readable(path), open_decompressed(path, compression) as file:
        if compression_of(first_bytes(path)) is None or compression == "none":
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                view: Integer[np.ndarray, " n"] = np.frombuffer(mapped, np.uint8)
                found = data_hash(view)
                del view
                return found
        return data_hash(np.frombuffer(file.read(), np.uint8))
