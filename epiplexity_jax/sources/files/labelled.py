"""Inputs and one label each, of which only the label is paid for: a file or arrays."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int64, Integer, Shaped
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.digest import bytes_digest, fingerprint
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.documents import ROWS
from epiplexity_jax.sources.files.npy import load_npz
from epiplexity_jax.sources.spec import FiniteSource, HostTokens, SourceInfo, Vectors
from epiplexity_jax.sources.token_array import (
    MAX_VOCAB,
    as_array,
    beginning,
    bits_as_bytes,
    data_hash,
    first_outside,
)

_ROWS = 4096  # looked at at a time
Labels = Integer[np.ndarray, " n"]
Inputs = Shaped[np.ndarray, "n ..."]


class Labelled(Config):
    """Inputs with one label each, from an archive of two arrays; only the label is paid for."""

    kind: Literal["labelled"] = "labelled"
    path: str = Field(min_length=1)
    """The .npz file, relative to the current folder."""
    inputs: str = Field(default="inputs", min_length=1)
    """Name of the array of inputs, whose first axis is the examples: integers are tokens, floats
    are vectors of real numbers."""
    labels: str = Field(default="labels", min_length=1)
    """Name of the array of labels, one row of integers from 0."""
    classes: int | None = Field(default=None, ge=2, le=MAX_VOCAB)
    """V, classes of the label; default: the largest label + 1, but 2 or more."""
    input_vocab_size: int | None = Field(default=None, ge=1, le=MAX_VOCAB)
    """Symbols of an integer input; default: the largest + 1. Real inputs have none."""
    standardise: bool = False
    """Real inputs less their mean, over their standard deviation, feature by feature over the whole
    source; a constant feature becomes 0. The inputs are not paid for, so nothing leaks."""


def open_labelled(config: Labelled) -> FiniteSource:
    """Read both arrays into memory; a `.npz` file may hold others too.

    Raises:
        DataError: when the file is missing, damaged or no archive, lacks an array, or its arrays
            are empty, of another type or shape, of different lengths, or hold a wrong value.
    """
    path = Path(config.path)
    inputs, labels = load_npz(path, config.inputs, config.labels)
    return _open(inputs, labels, config, f"{path}: ")


def from_labelled(
    inputs: Any,
    labels: Any,
    *,
    classes: int | None = None,
    input_vocab_size: int | None = None,
    standardise: bool = False,
) -> FiniteSource:
    """Make a source of inputs with one label each. NumPy arrays may not be copied: leave them.

    Args:
        inputs: [n, ...] of NumPy or JAX: integers or booleans are tokens, floats are vectors.
        labels: [n] integers or booleans in [0, classes).
        classes: V; default: the largest label + 1, but 2 or more.
        input_vocab_size: symbols of an integer input; default: the largest + 1.
        standardise: real inputs less their mean, over their standard deviation, by feature.

    Raises:
        ConfigError: when an argument is out of range.
        DataError: when they are no arrays, masked, or not valid (see `open_labelled`).

    >>> source = from_labelled([[3, 1], [0, 2]], [1, 0])
    >>> source.read([1]), source.info.input_vocab_size
    (array([[0, 2, 0]], dtype=uint8), 4)
    """
    config = Labelled(
        path="arrays",  # not read
        classes=classes,
        input_vocab_size=input_vocab_size,
        standardise=standardise,
    )
    return _open(as_array(inputs, "inputs"), as_array(labels, "labels"), config, "")


def _open(inputs: np.ndarray, labels: np.ndarray, config: Labelled, where: str) -> FiniteSource:
    """Check arrays and make a source of them; `where` opens the messages."""
    inputs_name, labels_name = where + config.inputs, where + config.labels
    _check_counts(inputs, labels, inputs_name, labels_name)
    labels, classes = _labels(labels, config.classes, labels_name)
    if inputs.dtype.kind == "f":
        if config.input_vocab_size is not None:
            raise DataError(
                f"{inputs_name}: holds real numbers, which have no alphabet; leave "
                "input_vocab_size out, or bring integers"
            )
        return _vectors(inputs, labels, classes, config.standardise, inputs_name)
    if inputs.dtype.kind not in "iub":
        raise DataError(
            f"{inputs_name}: holds {inputs.dtype}; inputs are integers (tokens) or real numbers"
        )
    if config.standardise:
        raise DataError(
            f"{inputs_name}: holds {inputs.dtype}, and standardise is for real numbers; bring "
            "floats, or leave it out"
        )
    return _tokens(inputs, labels, classes, config.input_vocab_size, inputs_name)


def _check_counts(inputs: np.ndarray, labels: np.ndarray, name: str, labels_name: str) -> None:
    if inputs.ndim == 0:
        raise DataError(f"{name}: is a single number; inputs are an array [n, ...]")
    if labels.ndim != 1:
        raise DataError(f"{labels_name}: has {labels.ndim} axes; labels are one row [n]")
    if len(inputs) != len(labels):
        raise DataError(
            f"{name}: has {len(inputs)} rows for {len(labels)} labels; every row needs one label"
        )
    if len(inputs) == 0:
        raise DataError(f"{name}: is empty; there is nothing to measure")
    if inputs.size == 0:
        raise DataError(f"{name}: has rows of shape {inputs.shape[1:]}, without a single feature")


def _labels(labels: np.ndarray, classes: int | None, name: str) -> tuple[Labels, int]:
    """Check labels and give them in the smallest type, with their number of classes."""
    if labels.dtype.kind not in "iub":
        raise DataError(f"{name}: holds {labels.dtype}, not integers; labels are integers from 0")
    largest = _largest(labels, classes, name, "label", "raise classes")
    classes = classes or max(2, largest + 1)
    return labels.astype(np.min_scalar_type(classes - 1), copy=False), classes


def _largest(values: Inputs, limit: int | None, name: str, what: str, cure: str) -> int:
    """Check integers, and find the largest."""
    end = limit or MAX_VOCAB
    place = first_outside(values, end)
    if place is not None:
        cure = cure if limit else "is the integer type the right one?"
        raise DataError(
            f"{name}: {what} {values[place]} in row {place[0]} is not in 0 to {end - 1}; {cure}"
        )
    return int(values.max())


def _tokens(
    inputs: Inputs, labels: Labels, classes: int, vocab_size: int | None, name: str
) -> FiniteSource:
    inputs = bits_as_bytes(inputs.reshape(len(inputs), -1))
    largest = _largest(inputs, vocab_size, name, "token", "raise input_vocab_size")
    vocab_size = vocab_size or largest + 1
    symbols = np.min_scalar_type(max(classes, vocab_size) - 1)
    origin, labels_hash = data_hash(inputs), data_hash(labels)
    info = SourceInfo(
        vocab_size=classes,
        length=inputs.shape[1] + 1,
        label_mask=np.arange(inputs.shape[1] + 1) == inputs.shape[1],
        fingerprint=fingerprint("labelled", origin, inputs.shape, labels_hash, classes, vocab_size),
        input_vocab_size=vocab_size,
        origins=(origin, data_hash(beginning(inputs))),
        documents=ROWS,
    )

    def read(indices: Int64[np.ndarray, " n"]) -> HostTokens:
        rows = np.concatenate([inputs[indices], labels[indices][:, None]], axis=1)
        return rows.astype(symbols, copy=False)

    return FiniteSource(info, len(labels), read)


def _vectors(
    inputs: Inputs, labels: Labels, classes: int, standardise: bool, name: str
) -> FiniteSource:
    with np.errstate(over="ignore"):  # a double that single precision cannot hold becomes Inf
        inputs = np.ascontiguousarray(inputs.reshape(len(inputs), -1), np.float32)

    def finite() -> Iterator[memoryview]:
        for start in range(0, len(inputs), _ROWS):
            chunk = inputs[start : start + _ROWS]
            wrong = np.argwhere(~np.isfinite(chunk))
            if len(wrong):
                row, column = wrong[0]
                held = f"row {start + row} holds {chunk[row, column]} as float32"
                raise DataError(f"{name}: {held}; mend or drop it")
            yield chunk.astype("<f4", copy=False).data

    origin = bytes_digest(finite())
    begins = bytes_digest([beginning(inputs).astype("<f4").data])
    info = SourceInfo(
        vocab_size=classes,
        length=2,
        label_mask=np.array([False, True]),
        fingerprint=fingerprint(
            "labelled", "vectors", origin, inputs.shape, data_hash(labels), classes, standardise
        ),
        features=inputs.shape[1],
        origins=(origin, begins),
        documents=ROWS,
    )
    inputs = standardised(inputs) if standardise else inputs
    return FiniteSource(
        info, len(labels), lambda rows: Vectors(inputs[rows], labels[rows][:, None])
    )


def standardised(inputs: Float32[np.ndarray, "n F"]) -> Float32[np.ndarray, "n F"]:
    """Scale inputs to mean 0 and variance 1 in every feature; a constant one becomes 0.

    >>> standardised(np.array([[1, 5], [3, 5]], np.float32))
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    """
    varies = inputs.min(axis=0) < inputs.max(axis=0)  # a constant's deviation may round above 0
    mean = inputs.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for start in range(0, len(inputs), _ROWS):
        squares += ((inputs[start : start + _ROWS] - mean) ** 2).sum(axis=0)
    deviation = np.where(varies, np.sqrt(squares / len(inputs)), 1.0)
    result = np.empty_like(inputs)
    for start in range(0, len(inputs), _ROWS):
        chunk = (inputs[start : start + _ROWS] - mean) / deviation
        result[start : start + _ROWS] = np.where(varies, chunk, 0.0)
    return result
