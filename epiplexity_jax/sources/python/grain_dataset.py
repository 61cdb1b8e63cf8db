"""Rows of tokens out of grain: a `MapDataset`, given or made by a function that a config names."""

from typing import Any, Literal

from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources.python.entry_points import FunctionName, called, shown
from epiplexity_jax.sources.random_access import MEMORY, RowFacts, open_rows
from epiplexity_jax.sources.spec import HostSource
from epiplexity_jax.sources.token_array import MAX_VOCAB


class Grain(Config):
    """Rows of tokens that a grain `MapDataset` yields, each of them a sequence.

    A row is an array of L integers, or a tuple of it and its label mask (L truth values), and a
    function of its index alone: shuffles and random maps need a seed. Needs
    `pip install epiplexity-jax[tfds]`.
    """

    kind: Literal["grain"] = "grain"
    factory: FunctionName
    """The function that returns the data set, as `package.module:function`; modules in the current
    folder are found."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The function's keyword arguments."""
    vocab_size: int = Field(ge=2, le=MAX_VOCAB)
    """V, symbols of the alphabet."""
    length: int | None = Field(default=None, ge=1)
    """L, tokens of the longest row, up to which shorter ones are padded; default: that of row 0."""
    fingerprint: str | None = Field(default=None, min_length=1)
    """A name for the rows, to be changed when they change; default: a hash of all rows, for which
    each is read once."""
    bytes_per_token: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Bytes of the original data per token, for results in bits per byte."""
    workers: int = Field(default=0, ge=0, le=1024)
    """Processes that read rows, where making one takes longer than sending it; 0: none."""
    memory: float = Field(default=MEMORY, ge=0)
    """Bytes: rows that take no more are read once and kept, others whenever they are needed."""


def open_grain(config: Grain) -> HostSource:
    """Call the function once, with `options`; `workers` and `memory` change no result.

    Raises:
        ConfigError: when there is no such module or function, it cannot be called, or grain is not
            installed.
        DataError: when the function raises or exits or returns no `MapDataset`, or the data set
            never ends, is empty, or has a row that cannot be read or is not like row 0.
    """
    origin = fingerprint("grain", config.factory, sorted(config.options.items()))
    with called(config.factory, config.options) as dataset:
        return _open(dataset, config.factory, config, origin)


def from_grain(
    dataset: Any,
    *,
    vocab_size: int,
    length: int | None = None,
    fingerprint: str | None = None,
    bytes_per_token: float | None = None,
    workers: int = 0,
    memory: float = MEMORY,
) -> HostSource:
    """Make a source of the rows of a grain data set.

    Args:
        dataset: a finite `grain.MapDataset` of rows: [L] integers, or a tuple of them and their
            label mask [L] bool. A row is a function of its index alone.
        vocab_size: V.
        length: L, tokens of the longest row; default: that of row 0.
        fingerprint: a name that changes with the rows; default: a hash of all, each read once.
        bytes_per_token: bytes of the original data per token, for results in bits per byte.
        workers: processes that read, where making a row takes longer than sending it.
        memory: bytes; rows that take no more are read once and kept.

    Raises:
        ConfigError: when an argument is out of range or grain is not installed.
        DataError: when it is no `MapDataset`, or not valid (see `open_grain`).

    >>> import grain
    >>> import numpy as np
    >>> squares = grain.MapDataset.range(40).map(lambda i: np.arange(i, i + 3) ** 2 % 7)
    >>> source = from_grain(squares, vocab_size=7)
    >>> source.sequences, source.read(np.array([1])).tolist()
    (40, [[1, 4, 2]])
    """
    config = Grain(
        factory="python:dataset",
        vocab_size=vocab_size,
        length=length,
        fingerprint=fingerprint,
        bytes_per_token=bytes_per_token,
        workers=workers,
        memory=memory,
    )
    return _open(dataset, "dataset", config)


def _open(dataset: Any, where: str, config: Grain, *origins: str) -> HostSource:
    try:
        import grain
    except ImportError:
        raise ConfigError("grain: is not installed: pip install epiplexity-jax[tfds]") from None
    if not isinstance(dataset, grain.MapDataset):
        given = "an IterDataset" if isinstance(dataset, grain.IterDataset) else shown(dataset)
        raise DataError(
            f"{where}: must be a grain.MapDataset, whose rows have an index, got {given}"
        )
    return open_rows(
        dataset,
        where,
        config.vocab_size,
        length=config.length,
        workers=config.workers,
        memory=config.memory,
        facts=RowFacts(config.fingerprint, config.bytes_per_token, origins),
    )
