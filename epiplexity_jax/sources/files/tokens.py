"""Token ids: files of integers, mapped and not loaded, or an array."""

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from epiplexity_jax.base.compressed import (
    Compression,
    compression_of,
    first_bytes,
    open_decompressed,
)
from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.documents import Documents
from epiplexity_jax.sources.files.characters import Spool
from epiplexity_jax.sources.files.labels import Labels, open_labels, open_selected
from epiplexity_jax.sources.files.nanogpt_meta import bytes_per_token, meta_note, read_meta
from epiplexity_jax.sources.files.npy import NPY, load_npz, map_npy, opening
from epiplexity_jax.sources.files.padding import find_padding, padding_note, unused_pad_note
from epiplexity_jax.sources.files.paths import ending, find_files
from epiplexity_jax.sources.files.token_files import (
    TokenLayout,
    known_layout,
    refuse_other_files,
    refuse_wrong_type,
)
from epiplexity_jax.sources.joined import join, with_heldout
from epiplexity_jax.sources.spec import HostSource
from epiplexity_jax.sources.token_array import (
    MAX_VOCAB,
    as_array,
    file_origin,
    open_tokens,
    readable,
)

_PART = 1 << 20  # bytes that are decompressed at a time
_ENDINGS = (".bin", ".npy")  # of the files of a folder
_CURE = "raise vocab_size, or say dtype or skip_bytes where its layout is another"


class Tokens(Config):
    """Files of token ids: a NumPy array (.npy), or plain integers one after another.

    The header of llm.c and modded-nanogpt (magic numbers 20240520 and 20240801) and the index of
    Megatron (.idx) are read, and from nanoGPT's `meta.pkl` the vocabulary, never an object. Plain
    integers without `dtype` are taken for uint16, which the results say; files that look like other
    types are refused. Of several files (a folder, or a pattern such as `train_*.bin`) each is a
    document.
    """

    kind: Literal["tokens"] = "tokens"
    path: str = Field(min_length=1)
    """The file, a pattern of several, or a folder of .bin and .npy files, relative to the current
    folder. A `.npy` file holds a row of tokens, or a matrix whose rows are the sequences; any other
    ending is read as plain integers."""
    heldout: str | None = Field(default=None, min_length=1)
    """File, pattern or folder of your own held-out tokens, such as `val.bin`: they alone are held
    out, and all of `path` is trained on."""
    array: str | None = Field(default=None, min_length=1)
    """Name of the array in a .npz file; default: the only one, or `tokens`."""
    dtype: (
        Literal["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"] | None
    ) = None
    """Type of plain integers, default uint16; a .npy file names its own. With it a file is plain
    integers, whatever its ending."""
    byte_order: Literal["little", "big"] | None = None
    """Byte order of plain integers, default little; a .npy file names its own."""
    skip_bytes: int | None = Field(default=None, ge=0)
    """Bytes of a header before plain integers; default: those of a known header."""
    compression: Compression = "auto"
    """`auto` reads what gz, bz2, xz and zst compressed, known by its first bytes."""
    vocab_size: int | None = Field(default=None, ge=2, le=MAX_VOCAB)
    """V, symbols of the alphabet; default: the largest token + 1."""
    length: int | None = Field(default=None, ge=1)
    """L, tokens of a sequence; default 128. A matrix has its own."""
    bytes_per_token: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Bytes of the original data per token, for results in bits per byte."""
    pad: int | None = None
    """Token that fills the beginnings or ends of a matrix's rows, and is left out there."""
    rows: Literal["join", "keep"] = "join"
    """With `pad`: `join` joins the rows of a matrix end to end, each a document; with `keep` each
    row stays a sequence, whose padding is at its end and not paid for."""
    labels: str | None = Field(default=None, min_length=1)
    """A .npy file of the shape of the tokens that says which of them are paid for: truth values, or
    the tokens themselves with -100 at those that are not, as Hugging Face's libraries have it."""
    ignore: int | None = None
    """Token that is never paid for, wherever it stands; it remains context."""


def open_file(config: Tokens) -> HostSource:
    """Read a file once, to check every token, then map it: it need not fit into memory.

    Leave it as it is while a sweep runs. A compressed file is decompressed into memory, above 1 GiB
    into a temporary file, a .npy file always into memory.

    Raises:
        DataError: when a file is missing, unreadable, empty, damaged, a Git LFS pointer, of another
            type, kind or shape, too short for a sequence, or holds a token outside the vocabulary.
    """
    source, path = _open_files(config.path, config), config.heldout
    if path is None:
        return source
    heldout = _open_files(path, config)
    symbols = {source.info.vocab_size, heldout.info.vocab_size}
    if len(symbols) > 1:  # the largest token of both decides
        config = config.model_copy(update={"vocab_size": max(symbols)})
        source, heldout = _open_files(config.path, config), _open_files(path, config)
    return with_heldout(source, heldout)


def _open_files(path: str, config: Tokens) -> HostSource:
    """Open all files of a path; each of several is a document."""
    found = find_files(path, _ENDINGS)
    parts = [_open_one(each, config) for each in found]
    largest = max(part.info.vocab_size for part in parts)
    if any(part.info.vocab_size < largest for part in parts):
        config = config.model_copy(update={"vocab_size": largest})
        parts = [_open_one(each, config) for each in found]
    return join(parts, path)


def _open_one(path: Path, config: Tokens) -> HostSource:
    """Open one file."""
    opening(path)
    with readable(path):
        start = first_bytes(path)
    layout, notes = TokenLayout(), []
    if config.compression != "none" and (packed := compression_of(start)):
        raw = _decompressed(path, config.compression)
        start, size = raw[:512].tobytes(), len(raw)
        notes = [f"{path} was decompressed ({packed})"]
    else:
        raw, size = None, path.stat().st_size
    plain = config.dtype or config.skip_bytes is not None
    archive = path.suffix.lower() == ".npz" and not plain
    if archive:
        (tokens,) = load_npz(path, config.array or "tokens", alone=config.array is None)
    elif config.array is not None:
        raise DataError(f"{path}: array: belongs to a .npz file; leave it out")
    elif start.startswith(NPY) or ending(path) == ".npy" and not (config.byte_order or plain):
        tokens = _npy(path, raw, config)
    else:
        tokens, layout = _plain(path, raw, start, size, config)
        config, said = _with_meta(path, tokens, config)
        notes += said
        if layout.dtype is None:
            notes.append(f"{config.path} names no dtype: its tokens were read as uint16")
    labels = open_labels(config.labels, path)
    chosen = Labels(config.pad, config.rows, labels, config.ignore, layout.ends)
    facts: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "bytes_per_token": config.bytes_per_token,
        "origins": (file_origin(path),),
        "cure": _CURE,
    }
    if tokens.ndim == 1 and config.rows == "keep":
        raise DataError(f"{path}: rows: it holds a single row of tokens; leave rows out")
    if chosen.any:
        source = open_selected(tokens, str(path), config.length, chosen, facts)
        if tokens.ndim == 2:
            notes += unused_pad_note(str(path), tokens, config.pad)
        return _noted(source, notes)
    source = open_tokens(tokens, str(path), config.length, **facts)
    if tokens.ndim == 2:
        notes += padding_note(str(path), find_padding(tokens))
    if layout.ends is None:
        return _noted(source, notes)
    documents = Documents.of_files(layout.ends, source.sequences, source.info.length)
    return _noted(source, notes, documents=documents)


def _with_meta(path: Path, tokens: np.ndarray, config: Tokens) -> tuple[Tokens, list[str]]:
    """Take the vocabulary from nanoGPT's `meta.pkl` where the config leaves it out."""
    if None not in (config.vocab_size, config.bytes_per_token):
        return config, []
    meta = read_meta(path)
    if meta is None:
        return config, []
    each = config.bytes_per_token or bytes_per_token(tokens, meta)
    found = {"vocab_size": config.vocab_size or meta.vocab_size, "bytes_per_token": each}
    return config.model_copy(update=found), [meta_note(path, meta, each)]


def _noted(source: Any, notes: Sequence[str], **changes: Any) -> Any:
    notes = (*notes, *source.info.notes)
    info = dataclasses.replace(source.info, notes=notes, **changes)
    return dataclasses.replace(source, info=info)


def _decompressed(path: Path, compression: Compression) -> np.ndarray:
    """The bytes of a compressed file, in memory or, if they are many, in a temporary file."""
    spool = Spool(np.dtype(np.uint8))
    with readable(path), open_decompressed(path, compression) as file:
        while part := file.read(_PART):
            spool.add(part)
    return spool.tokens()


def _npy(path: Path, raw: np.ndarray | None, config: Tokens) -> np.ndarray:
    """Map a NumPy array, or read a decompressed one."""
    for key in ("dtype", "byte_order", "skip_bytes"):
        if getattr(config, key) is not None:
            raise DataError(f"{path}: {key}: a .npy file names its own type; leave it out")
    if raw is not None:
        with readable(path, damaged="is not a whole .npy file of integers: {}"):
            return np.load(io.BytesIO(raw.data), allow_pickle=False)
    if path.suffix.lower() != ".npy":
        raise DataError(f"{path}: is a NumPy array; name it .npy")
    return map_npy(path)


def _plain(
    path: Path, raw: np.ndarray | None, start: bytes, size: int, config: Tokens
) -> tuple[np.ndarray, TokenLayout]:
    """Map plain integers, or view decompressed ones; also return their layout."""
    if config.skip_bytes is not None:
        layout = TokenLayout(config.dtype, config.skip_bytes)
    else:
        layout = known_layout(path, start, size)
        if layout.dtype and config.dtype not in (None, layout.dtype):
            raise DataError(
                f"{path}: dtype: its header or index says {layout.dtype}; leave dtype out, or say "
                "skip_bytes (0: no header)"
            )
        if layout.dtype is None and config.dtype is None:
            refuse_other_files(path, start)
        layout = layout._replace(dtype=layout.dtype or config.dtype)
    dtype = np.dtype(layout.dtype or "uint16").newbyteorder(config.byte_order or "little")
    held = size - layout.offset
    if held < 0 or held % dtype.itemsize:
        raise DataError(
            f"{path}: has {max(held, 0)} bytes, no multiple of the {dtype.itemsize} of "
            f"{dtype.name}; name its dtype, or bring the whole file"
        )
    if raw is not None:
        values = np.frombuffer(raw.data, dtype, offset=layout.offset)
    elif not held:
        values = np.zeros(0, dtype)
    else:
        with readable(path):
            values = np.asarray(np.memmap(path, dtype, "r", layout.offset))
    if layout.dtype is None and config.byte_order is None:
        refuse_wrong_type(path, values)
    return values, layout


def from_array(
    tokens: Any,
    *,
    length: int | None = None,
    vocab_size: int | None = None,
    bytes_per_token: float | None = None,
    mask: Any = None,
    pad: int | None = None,
    ignore: int | None = None,
) -> HostSource:
    """Make a source of an array's tokens. A NumPy array is not copied, so leave it as it is.

    Args:
        tokens: [N] integers or booleans of NumPy or JAX, or [n, L] whose rows are the sequences.
        length: L, tokens of a sequence; default 128, or the second axis.
        vocab_size: V; default: the largest token + 1.
        bytes_per_token: bytes of the original data per token, for results in bits per byte.
        mask: of the tokens' shape: truth values, True for those that are paid for, or labels (see
            `ragged.paid_flags`). Tokens behind the last label of a row are not read.
        pad: token that fills the beginnings or ends of rows; each row stays a sequence, whose
            padding is at its end and not paid for.
        ignore: token that is never paid for; it remains context.

    Raises:
        ConfigError: when an argument is out of range.
        DataError: when they are no array, masked, or not valid tokens (see `open_tokens`).

    >>> source = from_array([0, 1, 2, 0, 1, 2, 0], length=3)
    >>> source.read([1]), source.info.vocab_size
    (array([[0, 1, 2]], dtype=uint8), 3)
    >>> source = from_array([[3, 1, 0], [2, 0, 0]], pad=0)
    >>> source.read([1]), source.info.mean_labels
    (MaskedTokens(tokens=array([[2, 0, 0]], dtype=uint8), mask=array([[ True, False, False]])), 1.5)
    """
    config = Tokens(
        path="tokens", length=length, vocab_size=vocab_size, bytes_per_token=bytes_per_token
    )
    facts = {"vocab_size": config.vocab_size, "bytes_per_token": config.bytes_per_token}
    array, labels = as_array(tokens, "tokens"), None if mask is None else as_array(mask, "mask")
    chosen = Labels(pad, "keep", labels, ignore)
    if chosen.any:
        return open_selected(array, "tokens", config.length, chosen, facts)
    return open_tokens(array, "tokens", config.length, **facts)
