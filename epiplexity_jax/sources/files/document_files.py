"""Documents in a column of files: texts, or tokens of any number each."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import bytes_digest
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.characters import Alphabet, Document
from epiplexity_jax.sources.files.corpus import Corpus, TextOptions, open_corpus
from epiplexity_jax.sources.files.padding import find_padding, padding_note
from epiplexity_jax.sources.files.row_labels import RowOptions, Rows, labelled_row
from epiplexity_jax.sources.files.table_files import (
    choose_column,
    kind_of,
    layout_of,
    read_column,
    table_files,
)
from epiplexity_jax.sources.files.whole_documents import Unknown, check_skips
from epiplexity_jax.sources.joined import with_heldout
from epiplexity_jax.sources.spec import HostSource
from epiplexity_jax.sources.token_array import (
    DEFAULT_LENGTH,
    MAX_VOCAB,
    file_origin,
)


class DocumentFiles(Config):
    """Documents in a column of JSON lines, JSON, CSV, TSV, Parquet or Arrow files.

    Each row is a document: a text, or token ids of any number. They are joined end to end and cut
    into sequences; `heldout.split: documents` holds out whole ones. A folder that the `datasets`
    library of Hugging Face saved is read, too, and files that gz, bz2, xz or zst compressed. Rows
    without a value are left out, which the results say.

    `unknown: skip_document` keeps the documents that consist of the alphabet's characters alone, as
    the epiplexity paper takes those of OpenWebText with `alphabet: ascii96`. Results say how many
    were left out, with which share of the characters, and the bits per byte are those of the rest.
    """

    kind: Literal["documents"] = "documents"
    path: str = Field(min_length=1)
    """The file, a pattern such as `data/*.parquet`, or a folder, relative to the current folder."""
    heldout: str | None = Field(default=None, min_length=1)
    """File, pattern or folder of your own held-out documents: they alone are held out, and all of
    `path` is trained on."""
    column: str | None = Field(default=None, min_length=1)
    """Name of the column; default: `text`, `content`, `input_ids` or `tokens`, or the only one that
    can be read."""
    alphabet: Alphabet = "bytes"
    """Alphabet of text: `bytes`, `ascii96`, `characters` (all that occur), or the characters
    themselves."""
    unknown: Unknown = "error"
    """Treatment of a character outside the alphabet: it ends the sweep before it starts, is left
    out, or its whole document is."""
    separator: str = "\n"
    """Text put behind each document."""
    vocab_size: int | None = Field(default=None, ge=2, le=MAX_VOCAB)
    """V of token ids; default: the largest token + 1."""
    pad: int | None = None
    """Token id that fills the beginnings or ends of rows, and is left out there."""
    rows: Literal["join", "keep"] = "join"
    """`join` joins documents end to end; with `keep` each stays a sequence, padded at its end, or
    is cut into several where it is longer than `length`. Padding is not paid for."""
    labels: str | None = Field(default=None, min_length=1)
    """Column that says which token ids are paid for: truth values, or the ids themselves with -100
    at those that are not, as Hugging Face's libraries have it."""
    ignore: int | None = None
    """Token id that is never paid for, wherever it stands; it remains context."""
    bytes_per_token: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Bytes of the original data per token id; of text they are known."""
    length: int = Field(default=DEFAULT_LENGTH, ge=1)
    """L, tokens of a sequence."""

    @model_validator(mode="after")
    def _skips_some(self) -> "DocumentFiles":
        check_skips(self.alphabet, self.unknown, self.separator)
        return self


class _DocumentTable(NamedTuple):
    """Files of one column, by path and layout."""

    files: list[tuple[Path, str]]
    column: str
    where: str
    notes: tuple[str, ...]


def open_documents(config: DocumentFiles) -> HostSource:
    """Read the column of every file in the order of their paths, row by row.

    Tokens above 1 GiB lie in a temporary file, not in memory.

    Raises:
        DataError: when a file is missing, damaged, a Git LFS pointer, of no known layout or without
            the column, or its documents are too short, no texts or tokens, or outside the alphabet.
    """
    table = _table(config.path, config)
    other = None if config.heldout is None else _table(config.heldout, config)
    kind = next((kind_of(value) for _, value in _rows(table) if value is not None), "")
    if not kind:
        raise DataError(f"{table.where}: column {table.column} holds no text and no tokens")
    _refuse_other_options(config, kind, table)
    if kind == "text":
        options = TextOptions(config.alphabet, config.unknown, config.length, config.rows)
        held = None if other is None else _text(other, config)
        return open_corpus(_text(table, config), options, held)
    source = _tokens(table, config)
    if other is None:
        return source
    held = _tokens(other, config)
    symbols = {source.info.vocab_size, held.info.vocab_size}
    if len(symbols) > 1:  # the largest token of both decides
        config = config.model_copy(update={"vocab_size": max(symbols)})
        source, held = _tokens(table, config), _tokens(other, config)
    return with_heldout(source, held)


def document_corpora(config: DocumentFiles) -> tuple[Corpus, Corpus | None] | None:
    """Find the texts of a column, and those that the user holds out; None where it holds tokens.

    Raises:
        DataError: when a file is missing, damaged, a Git LFS pointer, of no known layout or without
            the column.
    """
    table = _table(config.path, config)
    other = None if config.heldout is None else _table(config.heldout, config)
    kind = next((kind_of(value) for _, value in _rows(table) if value is not None), "")
    if kind != "text":
        return None
    return _text(table, config), None if other is None else _text(other, config)


def _refuse_other_options(config: DocumentFiles, kind: str, table: _DocumentTable) -> None:
    """Refuse options of text for tokens, and the other way round."""
    other = {
        "text": ("vocab_size", "pad", "bytes_per_token", "labels", "ignore"),
        "tokens": ("alphabet", "unknown", "separator"),
    }
    for key in other[kind]:
        if key in config.model_fields_set:
            raise DataError(
                f"{table.where}: {key}: column {table.column} holds {kind}; leave it out"
            )


def _table(path: str, config: DocumentFiles) -> _DocumentTable:
    files = [(each, layout_of(each)) for each in table_files(path)]
    column, guessed = choose_column(*files[0], config.column)
    said = f"{path}: its column {column} was read; `column` names another"
    return _DocumentTable(files, column, path, (said,) if guessed else ())


def _rows(table: _DocumentTable) -> Iterator[tuple[str, Any]]:
    """Read every row of every file, with its place."""
    for path, layout in table.files:
        for place, value in read_column(path, layout, table.column):
            yield f"{path}: {place}", value


def _present(table: _DocumentTable, kind: str) -> Iterator[tuple[str, Any]]:
    """Read the rows that hold a value, all of one kind."""
    for place, value in _rows(table):
        if value is None:
            continue
        if kind_of(value) != kind:
            raise DataError(
                f"{place}: column {table.column} holds {value!r:.40}, but {kind} before; mend or "
                "drop the row"
            )
        yield place, value


def _origins(table: _DocumentTable) -> tuple[str, ...]:
    return tuple(file_origin(path) for path, _ in table.files)


def _text(table: _DocumentTable, config: DocumentFiles) -> Corpus:
    """Make a corpus of texts, counted and hashed in a pass of their own."""
    counts = [0, 0]
    separator = config.separator

    def hashed() -> Iterator[str]:
        for _, value in _rows(table):
            counts[value is None] += 1
            if isinstance(value, str):
                yield value
                yield "\0"

    origin = bytes_digest(hashed())

    def documents() -> Iterable[Document]:
        for place, value in _present(table, "text"):
            yield place, [(value + separator).encode("utf-8", "replace")]

    origins = (bytes_digest([f"documents;{origin}"]), *_origins(table))
    return Corpus(documents, table.where, origins, (*table.notes, *_left_out(table, *counts)))


def _left_out(table: _DocumentTable, kept: int, empty: int) -> tuple[str, ...]:
    if not empty:
        return ()
    rows = f"{empty:,} of {kept + empty:,} rows hold no {table.column}"
    return (f"{table.where}: {rows} and were left out",)


def _labels_of(table: _DocumentTable, config: DocumentFiles) -> Iterator[Any]:
    """Read the labels of the rows that hold a value; None for each where no column has them."""
    if config.labels is None:
        yield from itertools.repeat(None)
        return
    other = table._replace(column=config.labels)
    for (place, value), (_, labels) in zip(_rows(table), _rows(other), strict=True):
        if value is not None and labels is None:
            raise DataError(f"{place}: labels: column {config.labels} holds none; mend the row")
        if value is not None:
            yield labels


def _tokens(table: _DocumentTable, config: DocumentFiles) -> HostSource:
    """Join token ids end to end."""
    rows, options = Rows(), RowOptions(config.pad, config.rows == "keep", config.ignore)
    for (place, value), labels in zip(
        _present(table, "tokens"), _labels_of(table, config), strict=False
    ):
        rows.add(*labelled_row(place, value, labels, options))
    where, length = table.where, config.length
    if not rows.tokens.count:
        raise DataError(f"{where}: column {table.column} holds no tokens")
    facts: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "bytes_per_token": config.bytes_per_token,
        "origins": _origins(table),
    }
    source: Any = rows.open(where, length, options, facts)
    total = sum(1 for _ in _rows(table))
    notes = (*table.notes, *_left_out(table, rows.count, total - rows.count), *source.info.notes)
    if config.pad is None and len({len(row) for row in rows.first}) == 1:
        notes += padding_note(where, find_padding(np.stack(rows.first)))
    return dataclasses.replace(source, info=dataclasses.replace(source.info, notes=notes))
