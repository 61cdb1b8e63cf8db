"""The `meta.pkl` beside a nanoGPT data set: its vocabulary, without running what it may hold."""

import io
import pickle
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from jaxtyping import Integer

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.python.entry_points import FAULTS
from epiplexity_jax.sources.token_array import MAX_VOCAB, readable

NAME = "meta.pkl"
_MOST_BYTES = 1 << 26
_CHUNK = 1 << 20
_CURE = "say vocab_size and bytes_per_token, and it is not read, or take it away"


class Meta(NamedTuple):
    """A vocabulary.

    Attributes:
        vocab_size: V.
        symbols: text of each token, where all are known; else empty.
    """

    vocab_size: int
    symbols: tuple[str, ...]


class _Plain(pickle.Unpickler):
    """Reads numbers, texts, lists and dictionaries; names of classes and functions are refused."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        """Refuse to import anything.

        Raises:
            UnpicklingError: always.
        """
        raise pickle.UnpicklingError(f"it names {module_name}.{global_name}")

    def persistent_load(self, pid: Any, /) -> NoReturn:
        """Refuse objects that are stored elsewhere.

        Raises:
            UnpicklingError: always.
        """
        raise pickle.UnpicklingError("it names an object outside of it")


def read_meta(tokens: Path) -> Meta | None:
    """Read the `meta.pkl` in the folder of a file of tokens; None where it has no such file.

    Raises:
        DataError: when it holds anything else than a vocabulary of plain values.
    """
    path = tokens.with_name(NAME)
    if not path.is_file():
        return None
    with readable(path):
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path}: is larger than a vocabulary; {_CURE}")
        raw = path.read_bytes()
    try:
        found = _Plain(io.BytesIO(raw)).load()
    except FAULTS as error:  # damaged pickles raise anything
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise DataError(
            f"{path}: is no pickle of plain numbers and texts ({reason}), and a pickle may run "
            f"anything; {_CURE}"
        ) from None
    meta = _meta(found)
    if meta is None:
        raise DataError(f"{path}: holds no vocab_size or itos, as nanoGPT writes them; {_CURE}")
    return meta


def _meta(found: Any) -> Meta | None:
    if not isinstance(found, dict):
        return None
    table = found.get("itos")
    if isinstance(table, list | tuple):
        table = dict(enumerate(table))
    size = found.get("vocab_size", len(table) if isinstance(table, dict) else None)
    if type(size) is not int or not 2 <= size <= MAX_VOCAB:
        return None
    texts = [table.get(i) for i in range(size)] if isinstance(table, dict) else []
    known = all(isinstance(text, str) for text in texts)
    return Meta(size, tuple(map(str, texts)) if known else ())


def bytes_per_token(tokens: Integer[np.ndarray, " N"], meta: Meta) -> float | None:
    """Count the bytes in UTF-8 that a token stands for on average; None where that is not known.

    >>> bytes_per_token(np.array([0, 0, 1, 1]), Meta(2, ("a", "ä")))
    1.5
    """
    if not meta.symbols or not len(tokens):
        return None
    counts = np.zeros(meta.vocab_size, np.int64)
    for start in range(0, len(tokens), _CHUNK):
        part = np.asarray(tokens[start : start + _CHUNK])
        if part.min() < 0 or part.max() >= meta.vocab_size:
            return None  # refused where tokens are checked
        counts += np.bincount(part, minlength=meta.vocab_size)
    sizes = [len(text.encode("utf-8", "surrogatepass")) for text in meta.symbols]
    return float(counts @ np.array(sizes)) / len(tokens)


def meta_note(path: Path, meta: Meta, each: float | None) -> str:
    """Say what was read.

    Args:
        path: path of the tokens.
        meta: their vocabulary.
        each: bytes per token, where they are known.
    """
    size = "" if each is None else f" and {each:.4g} bytes per token"
    return f"{path.with_name(NAME)} was read: {meta.vocab_size} symbols{size}"
