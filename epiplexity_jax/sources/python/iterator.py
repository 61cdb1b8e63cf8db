"""Tokens out of an iterator: read once into memory, then a finite source."""

import sys
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Integer
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources.python.entry_points import (
    FAULTS,
    FunctionName,
    call,
    called,
    line,
    shown,
)
from epiplexity_jax.sources.ragged import open_rows_of, paid_flags
from epiplexity_jax.sources.spec import HostSource
from epiplexity_jax.sources.token_array import (
    DEFAULT_LENGTH,
    MASKED,
    MAX_VOCAB,
    bits_as_bytes,
    check_max_tokens,
    first_outside,
    is_masked,
    open_tokens,
)

_MAX_TOKENS = 20_000_000
_INTEGERS = (int, np.integer)
Row = Integer[np.ndarray, " n"]


def _is_mask(value: Any) -> bool:
    return getattr(value, "dtype", None) == np.bool_


_MAX_EMPTY = 1_000_000  # items on end without a token: such an iterator never ends


class Iterated(Config):
    """Tokens of a Python function's iterator: integers, or arrays of them joined end to end.

    With `rows: keep` an item is a row of tokens, or a tuple of it and its label mask, and stays a
    sequence.
    """

    kind: Literal["iterator"] = "iterator"
    factory: FunctionName
    """The function, as `package.module:function`; modules in the current folder are found. Called
    once, it gives a fresh iterator."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The function's keyword arguments."""
    vocab_size: int = Field(ge=2, le=MAX_VOCAB)
    """V, symbols of the alphabet."""
    length: int = Field(default=DEFAULT_LENGTH, ge=1)
    """L, tokens of a sequence."""
    max_tokens: int = Field(default=_MAX_TOKENS, ge=1)
    """Tokens to read at the most; the iterator may be endless."""
    bytes_per_token: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Bytes of the original data per token, for results in bits per byte."""
    rows: Literal["join", "keep"] = "join"
    """`join` joins items end to end; with `keep` each stays a sequence, padded at its end, or is
    cut into several where it is longer than `length`. Padding is not paid for."""

    @model_validator(mode="after")
    def _holds_a_sequence(self) -> "Iterated":
        check_max_tokens(self.max_tokens, self.length)
        return self


def open_iterator(config: Iterated) -> HostSource:
    """Call the function once, with `options`; read its iterator once and keep the tokens in memory.

    With equal options it should yield the same tokens each time: a sweep is resumed only where its
    data are the same.

    Raises:
        ConfigError: when there is no such module or function, or it cannot be called.
        DataError: when the function or its iterator raises or exits, or the iterator yields
            something else than tokens of the vocabulary, or too few for a sequence.
    """
    origin = fingerprint("iterator", config.factory, sorted(config.options.items()))
    with called(config.factory, config.options) as given:
        return _read(given, config, config.factory, origin)


def from_iterator(
    factory: Any,
    *,
    vocab_size: int,
    length: int = DEFAULT_LENGTH,
    max_tokens: int = _MAX_TOKENS,
    bytes_per_token: float | None = None,
    rows: Literal["join", "keep"] = "join",
) -> HostSource:
    """Make a source of the tokens of an iterator, read once, up to `max_tokens`.

    Args:
        factory: called without arguments, gives a fresh iterator of integers or integer arrays of
            any shape, whose tokens are joined end to end.
        vocab_size: V.
        length: L, tokens of a sequence.
        max_tokens: tokens to read at the most; the iterator may be endless.
        bytes_per_token: bytes of the original data per token, for results in bits per byte.
        rows: `keep` makes each item a sequence: a row of tokens, or a tuple of it and its label
            mask; longer ones are cut into several.

    Raises:
        ConfigError: when an argument is out of range or the factory cannot be called.
        DataError: when it gives no iterator, one of the two raises or exits, or the iterator
            yields something else than tokens of the vocabulary, or too few.

    >>> source = from_iterator(lambda: iter([[0, 1, 2], 3, [4]]), vocab_size=5, length=2)
    >>> source.read([0, 1]).tolist()
    [[0, 1], [2, 3]]
    """
    if not callable(factory):
        raise ConfigError(
            f"factory: must be a function that returns a fresh iterator, got {shown(factory)}"
        )
    name = getattr(factory, "__qualname__", type(factory).__name__)
    config = Iterated(
        factory="python:factory",
        vocab_size=vocab_size,
        length=length,
        max_tokens=max_tokens,
        bytes_per_token=bytes_per_token,
        rows=rows,
    )
    return _read(call(factory, name), config, name)


def _read(given: Any, config: Iterated, where: str, *origins: str) -> HostSource:
    try:
        iterator = iter(given)
    except TypeError:
        raise DataError(f"{where}: must return an iterator, returned {shown(given)}") from None
    except FAULTS as error:
        raise DataError(f"{where}: the iterator raised {line(error)}") from error
    if config.rows == "keep":
        tokens, paid, ends = _collect_rows(iterator, config, where)
        facts: dict[str, Any] = {
            "vocab_size": config.vocab_size,
            "bytes_per_token": config.bytes_per_token,
            "origins": origins,
        }
        return open_rows_of(tokens, where, ends, config.length, paid, facts)
    tokens = _collect(iterator, config.vocab_size, config.max_tokens, where)
    return open_tokens(
        tokens, where, config.length, config.vocab_size, config.bytes_per_token, origins
    )


def _collect(iterator: Iterator[Any], vocab_size: int, most: int, where: str) -> Row:
    """Read tokens of an iterator in the smallest type: [N], N <= most."""
    dtype = np.min_scalar_type(vocab_size - 1)
    stored = bytearray()  # grows without a copy of each part
    limit, number, empty = most * dtype.itemsize, 0, 0
    while len(stored) < limit:
        try:
            item = next(iterator)
        except StopIteration:
            break
        except FAULTS as error:
            raise DataError(f"{where}: item {number}: the iterator raised {line(error)}") from error
        if isinstance(item, _INTEGERS) and 0 <= item < vocab_size:  # arrays take 30 times as long
            stored += int(item).to_bytes(dtype.itemsize, sys.byteorder)
            empty = 0
        else:
            part = _tokens(item, vocab_size, f"{where}: item {number}")
            stored += part[: (limit - len(stored)) // dtype.itemsize].astype(dtype).data
            empty = 0 if part.size else empty + 1
            if empty == _MAX_EMPTY:
                raise DataError(f"{where}: {empty} items without a token up to item {number}")
        number += 1
    return np.frombuffer(stored, dtype)


def _collect_rows(
    iterator: Iterator[Any], config: Iterated, where: str
) -> tuple[Row, Bool[np.ndarray, " n"], Integer[np.ndarray, " rows"]]:
    """Read rows up to their last label: tokens, which are paid for, and where rows end."""
    dtype = np.min_scalar_type(config.vocab_size - 1)
    rows, masks, ends, count = [np.zeros(0, dtype)], [np.zeros(0, bool)], [], 0
    while count < config.max_tokens and len(ends) < config.max_tokens:
        place = f"{where}: item {len(ends)}"
        try:
            item = next(iterator)
        except StopIteration:
            break
        except FAULTS as error:
            raise DataError(f"{place}: the iterator raised {line(error)}") from error
        labels = None
        if isinstance(item, tuple) and len(item) == 2:
            item, labels = item
        row = np.asarray(item).reshape(-1)
        paid = np.ones(len(row), bool)
        if labels is not None:
            paid = paid_flags(row, np.asarray(labels).reshape(-1), place)
        end = int(np.flatnonzero(paid)[-1]) + 1 if paid.any() else 0
        rows.append(_tokens(row[:end], config.vocab_size, place).astype(dtype))
        masks.append(paid[:end])
        count += end
        ends.append(count)
    return np.concatenate(rows), np.concatenate(masks), np.array(ends, np.int64)


def _tokens(item: Any, vocab_size: int, where: str) -> Row:
    """Flatten an item to a row of tokens of its own integer type."""
    if isinstance(item, tuple) and len(item) == 2 and _is_mask(item[1]):
        raise DataError(f"{where}: is a tuple of tokens and their label mask; say rows: keep")
    if is_masked(item):
        raise DataError(f"{where}: {MASKED}")
    try:
        array = np.asarray(item).reshape(-1)
    except (TypeError, ValueError):
        array = np.zeros(1, object)
    if not array.size and array.dtype.kind == "f":  # what NumPy makes of an empty list
        return np.zeros(0, np.uint8)
    if array.dtype.kind not in "iub":
        if isinstance(item, int):  # too large for any integer type
            raise DataError(f"{where}: token {shown(item)} is not in 0 to {vocab_size - 1}")
        raise DataError(f"{where}: must be an integer or an array of integers, got {shown(item)}")
    array = bits_as_bytes(array)
    outside = first_outside(array, vocab_size)
    if outside is not None:
        raise DataError(f"{where}: token {array[outside]} is not in 0 to {vocab_size - 1}")
    return array
