"""Kinds of files by their content, where no config names one."""

import codecs
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Integer

from epiplexity_jax.base.compressed import (
    archive_of,
    compression_of,
    first_bytes,
    open_decompressed,
)
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.base.human import memory
from epiplexity_jax.sources.files.characters import BYTES, CHARACTERS
from epiplexity_jax.sources.files.document_files import DocumentFiles
from epiplexity_jax.sources.files.fasta import Fasta
from epiplexity_jax.sources.files.images import Images
from epiplexity_jax.sources.files.npy import NPY, load_npz, map_npy
from epiplexity_jax.sources.files.paths import ending, find_files, is_pattern
from epiplexity_jax.sources.files.table_files import LAYOUTS, choose_column, layout_of
from epiplexity_jax.sources.files.text import Text
from epiplexity_jax.sources.files.token_files import is_text, known_layout
from epiplexity_jax.sources.files.tokens import Tokens
from epiplexity_jax.sources.token_array import readable

Reading = Literal["bytes", "characters", "tokens", "documents"]
READINGS: tuple[Reading, ...] = get_args(Reading)

_LOOKED_AT = 1 << 18  # bytes of the beginning
_PLACES, _PLACE = 64, 1 << 12  # parts of a file that are looked at, and bytes of each
_MOST = 1 << 30  # bytes of a file that is read whole
_FOREIGN = 0.2  # share of characters beyond ASCII from which on bytes are parts of characters
_MOST_CHARACTERS = 1 << 12  # of an alphabet
_CLEAR_BITS = 0.5  # by which the upper bytes of 16-bit tokens hold less than the lower ones


class Recognised(NamedTuple):
    """A file's kind.

    Attributes:
        config: the source.
        words: the kind in words, with what was decided.
    """

    config: Config
    words: str


def recognise(
    path: str, length: int, reading: Reading | None = None, column: str | None = None
) -> Recognised:
    """Tell by its content what a file, a pattern or a folder holds.

    Args:
        path: the path.
        length: L, tokens of a sequence.
        reading: reading that was asked for; None: by content.
        column: column of a table to read; None: by its name.

    Raises:
        DataError: when it is missing, empty, damaged, too large, or of several kinds.
    """
    several = is_pattern(path) or Path(path).is_dir()
    if "\0" in path or not (several or Path(path).exists()):
        raise DataError(f"{path!r}: no such file, folder or kind of source")
    if Path(path, "state.json").is_file() or Path(path, "dataset_dict.json").is_file():
        return _documents(path, "a data set of Hugging Face", length, column)
    if not several:
        return _file(Path(path), path, length, reading, column)
    files = [each for each in find_files(path) if each.stat().st_size]
    if not files:
        raise DataError(f"{path}: every file is empty; there is nothing to measure")
    return _folder(path, files, length, reading, column)


def _folder(
    path: str, files: Sequence[Path], length: int, reading: Reading | None, column: str | None
) -> Recognised:
    """Recognise several files, which must be of one kind."""
    _check_size(path, sum(each.stat().st_size for each in files))
    found = {each: _file(each, str(each), length, reading, column) for each in files[:200]}
    kinds: Counter[str] = Counter()
    for each, one in found.items():
        kinds[_kind(one)] += each.stat().st_size
    if set(kinds) == {"text", "documents"} and reading is None and column is None:
        kinds = Counter({"text": sum(kinds.values())})  # tables among texts are texts
    if len(kinds) > 1:
        held = ", ".join(f"{kind} ({memory(size)})" for kind, size in kinds.most_common())
        raise DataError(
            f"{path}: holds files of several kinds: {held}; name those of one by a pattern such as "
            f"'{Path(path) / '*'}{ending(files[0])}', or say --as bytes"
        )
    first = max(found.items(), key=lambda item: item[0].stat().st_size)[1]
    if isinstance(first.config, DocumentFiles) and "text" in kinds:
        first = _text(files[0], path, length, reading)
    config = first.config.model_copy(update={"path": path})
    if isinstance(config, Text):
        letters = {getattr(one.config, "alphabet", BYTES) for one in found.values()}
        alphabet = config.alphabet if letters == {config.alphabet} else BYTES
        if len(letters) > 1:
            first = first._replace(words="text, read as bytes")
        config = config.model_copy(update={"alphabet": alphabet})
        packed = {getattr(one.config, "compression", "auto") for one in found.values()}
        config = config.model_copy(update={"compression": "none" if "none" in packed else "auto"})
    return Recognised(config, f"{len(files)} files, {first.words}")


def _kind(one: Recognised) -> str:
    return one.config.model_dump()["kind"]


def _file(
    path: Path, name: str, length: int, reading: Reading | None, column: str | None
) -> Recognised:
    with readable(path):
        start = first_bytes(path)
        size = path.stat().st_size
    if not start:
        raise DataError(f"{name}: is empty; there is nothing to measure")
    _check_content(path, name, size)
    if reading == "bytes":
        _check_size(name, size)
        config = Text(path=name, alphabet=BYTES, length=length, compression="none")
        return Recognised(config, "its own bytes")
    if reading == "documents" or column is not None:
        return _documents(name, "a table", length, column)
    if reading == "tokens":
        return Recognised(Tokens(path=name, length=_row_length(path, length)), "token ids")
    if reading == CHARACTERS:
        config = Text(path=name, alphabet=CHARACTERS, length=length)
        return Recognised(config, "text, an alphabet of its characters")
    return _by_content(path, name, start, size, length)


def _by_content(path: Path, name: str, start: bytes, size: int, length: int) -> Recognised:
    if start.startswith(NPY):
        return _array(map_npy(path), name, length)
    if start.startswith(b"PK\x03\x04") and path.suffix.lower() == ".npz":
        return _arrays(path, name, length)
    if archive := archive_of(start):
        raise DataError(f"{name}: is {archive}; unpack it, or say --as bytes to measure its bytes")
    if start.startswith((b"PAR1", b"ARROW1")):
        kind = "Parquet" if start.startswith(b"PAR1") else "Arrow"
        return _documents(name, kind, length, None)
    layout = known_layout(path, start, size)
    if layout.dtype is not None:
        words = f"token ids ({layout.dtype}, as its header or index says)"
        return Recognised(Tokens(path=name, length=length), words)
    _check_size(name, size)
    text = _beginning(path)
    packed = compression_of(start)
    if is_text(text[: 1 << 16]):
        return _text_kind(path, name, text, length, packed)
    if packed is None and ending(path) in (".bin", ".npy") and _holds_tokens(path, size):
        words = "token ids: 16-bit integers, by the bits in their upper bytes; --as bytes if not"
        return Recognised(Tokens(path=name, dtype="uint16", length=length), words)
    config = Text(path=name, alphabet=BYTES, length=length)
    return Recognised(config, _said("no text in UTF-8: bytes", packed))


def _text_kind(path: Path, name: str, text: bytes, length: int, packed: str | None) -> Recognised:
    """Tell tables, genomes and plain text apart."""
    if text.startswith(b">") and _is_fasta(text):
        return Recognised(Fasta(path=name, length=length), _said("records of FASTA", packed))
    kind = LAYOUTS.get(ending(path))
    if kind is None and _is_json_lines(text):
        kind = "jsonl"
    if kind in ("jsonl", "json", "csv", "tsv"):
        try:
            column, _ = choose_column(path, layout_of(path), None)
        except DataError:  # no column that is clearly the text
            said = _text(path, name, length, None)
            words = f"{kind.upper()} as plain text, as no column is clearly one of text; --column"
            return Recognised(said.config, f"{words} takes one")
        config = DocumentFiles(path=name, column=column, length=length)
        return Recognised(config, _said(f"column {column} of {kind.upper()}", packed))
    return _text(path, name, length, None)


def _text(path: Path, name: str, length: int, reading: Reading | None) -> Recognised:
    """Choose between bytes and characters: bytes, unless most of them are parts of characters."""
    packed, text = compression_of(first_bytes(path)), _beginning(path)
    decoded = codecs.getincrementaldecoder("utf-8")("ignore").decode(text)
    foreign = sum(char > "\x7f" for char in decoded) / max(len(decoded), 1)
    wide = foreign > _FOREIGN and len(set(decoded)) <= _MOST_CHARACTERS
    if reading is None and wide:
        config = Text(path=name, alphabet=CHARACTERS, length=length)
        return Recognised(config, _said("text, an alphabet of its characters", packed))
    return Recognised(
        Text(path=name, alphabet=BYTES, length=length), _said("text, read as bytes", packed)
    )


def _said(words: str, packed: str | None) -> str:
    return words if packed is None else f"{words}, decompressed ({packed}); --as bytes if not"


def _documents(name: str, kind: str, length: int, column: str | None) -> Recognised:
    config = DocumentFiles(path=name, column=column, length=length)
    return Recognised(config, f"{kind}, column {column}" if column else kind)


def _array(array: np.ndarray, name: str, length: int) -> Recognised:
    """Recognise a NumPy array by its type and shape."""
    if array.dtype.kind not in "iub":
        raise DataError(
            f"{name}: holds numbers of type {array.dtype}; what is measured are symbols, so cut "
            "them into levels and save these integers, or say --as bytes"
        )
    some = array.reshape(-1)[:: max(array.size // _LOOKED_AT, 1)]
    if some.size > 1 and some.min() == some.max():
        raise DataError(f"{name}: holds the value {some[0]} alone; there is nothing to measure")
    if array.ndim >= 3:
        return Recognised(Images(path=name), f"{len(array)} images {list(array.shape[1:])}")
    if array.ndim == 2:
        words = f"token ids, {array.shape[0]} rows of {array.shape[1]}"
        return Recognised(Tokens(path=name), words)
    return Recognised(Tokens(path=name, length=length), f"token ids ({array.dtype})")


def _arrays(path: Path, name: str, length: int) -> Recognised:
    with readable(path, "is no whole .npz archive"), path.open("rb") as file:
        names = list(np.load(file, allow_pickle=False).files)
    if len(names) != 1:
        raise DataError(
            f"{name}: holds the arrays {', '.join(names)}; save the one to measure as .npy"
        )
    (array,) = load_npz(path, *names)
    found = _array(array, name, length)
    return Recognised(
        found.config.model_copy(update={"array": names[0]}), f"array {names[0]}, {found.words}"
    )


def _row_length(path: Path, length: int) -> int | None:
    """The length for plain integers and rows; None of a matrix, which has its own."""
    if path.suffix.lower() == ".npy" and map_npy(path).ndim == 2:
        return None
    return length


def _beginning(path: Path) -> bytes:
    """Read the beginning of a file, decompressed.

    Raises:
        DataError: when it is damaged.
    """
    with readable(path), open_decompressed(path) as file:
        return file.read(_LOOKED_AT)


def _is_fasta(text: bytes) -> bool:
    lines = [line for line in text.splitlines()[1:200] if line and line[:1] not in b">;"]
    return bool(lines) and all(line.strip().replace(b"*", b"").isalpha() for line in lines[:-1])


def _is_json_lines(text: bytes) -> bool:
    """Return whether the first lines are JSON objects."""
    lines = [line for line in text.splitlines()[:4] if line.strip()]
    whole = lines if len(lines) < 4 else lines[:-1]
    try:
        values: list[Any] = [json.loads(line) for line in whole]
    except ValueError:
        return False
    return bool(values) and all(isinstance(value, dict) for value in values)


def _check_size(name: str, size: int) -> None:
    """Refuse more bytes than are read whole.

    Raises:
        DataError: with a way to measure a part.
    """
    if size > _MOST:
        several = is_pattern(name) or Path(name).is_dir()
        part = f"head -c 100M {name} | epiplexity-jax measure -"
        cure = "name some of its files by a pattern" if several else f"measure a part: {part}"
        raise DataError(f"{name}: holds {memory(size)}, at most {memory(_MOST)} are read; {cure}")


def _check_content(path: Path, name: str, size: int) -> None:
    """Refuse a file of one byte value, such as a sparse one.

    Raises:
        DataError: as there is nothing to measure.
    """
    if size < 2:
        return
    values: set[int] = set()
    with readable(path), path.open("rb") as file:
        for place in np.linspace(0, max(size - _PLACE, 0), _PLACES).astype(np.int64).tolist():
            file.seek(place, os.SEEK_SET)
            values |= set(file.read(_PLACE))
            if len(values) > 1:
                return
    (value,) = values
    raise DataError(
        f"{name}: holds byte {value} alone in every place looked at, in {memory(size)}; there is "
        "nothing to measure"
    )


def _holds_tokens(path: Path, size: int) -> bool:
    """Return whether bytes look like 16-bit integers: their upper bytes hold fewer bits."""
    if size % 2 or size < _LOOKED_AT // 64:
        return False
    with readable(path), path.open("rb") as file:
        values = np.frombuffer(file.read(_LOOKED_AT), np.uint8)
    values = values[: len(values) // 2 * 2]
    return _bits(values[1::2]) < _bits(values[::2]) - _CLEAR_BITS


def _bits(values: Integer[np.ndarray, " n"]) -> float:
    """Entropy of byte values, bits."""
    shares = np.bincount(values, minlength=256) / len(values)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())
