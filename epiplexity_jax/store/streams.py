"""The stream of a run, its online losses by block of steps, as Parquet in memory."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.store.parquet import Damaged, decode_columns, encode_columns
from epiplexity_jax.store.schema import STREAMS, checked_columns, stream_columns

Stream = dict[str, np.ndarray]

_KEY = b"epiplexity_jax_stream"
_OF = ("run_id", "data_order", "batch_size", "version")  # of the run's row
_TOLERANCE = 1e-9


def encode_stream(
    row: Mapping[str, Any],
    stream: Mapping[str, np.ndarray],
    own: Sequence[OwnColumn],
    history: Mapping[str, np.ndarray],
) -> bytes:
    """A stream, one row a block, with the digest that histories have.

    Args:
        row: the run's.
        stream: its columns.
        own: those of them that not every run has.
        history: the run's, which has the sums over all blocks.

    Raises:
        ValueError: when a column is unknown, missing or of another length, blocks do not follow
            each other up to the run's last step, or do not sum to the history's last record point.
    """
    known = stream_columns(own)
    columns = checked_columns(row["run_id"], stream, known, "stream")
    _check_steps(stream, row["steps_done"])
    if len(history.get("step", ())) and history["step"][-1] == row["steps_done"]:
        _check_sums(stream, history)
    return encode_columns({name: row.get(name) for name in _OF}, columns, known, _KEY)


def decode_stream(content: bytes) -> tuple[str, Stream]:
    """The id of the run and the columns of its stream; those that are null throughout are left out.

    Raises:
        Damaged: when it is not whole.
        StoreError: when a newer version wrote it.
    """
    required = {column.name for column in STREAMS if not column.null}
    row, stream = decode_columns(content, _KEY, required)
    if "run_id" not in row:
        raise Damaged
    return row["run_id"], stream


def _check_steps(stream: Mapping[str, np.ndarray], steps: int) -> None:
    ends = np.concatenate([[0], stream["last_step"]])
    if ends[-1] != steps or (stream["first_step"] != ends[:-1] + 1).any():
        raise ValueError(f"blocks of a stream do not cover the run's {steps} steps")


def _check_sums(stream: Mapping[str, np.ndarray], history: Mapping[str, np.ndarray]) -> None:
    for name, values in stream.items():
        column = f"{name.removesuffix('_nats')}_sum_nats"
        if values.ndim != 1 or column not in history:
            continue
        total, found = float(history[column][-1]), float(values.sum())
        if not abs(found - total) <= _TOLERANCE * float(np.abs(values).sum()):
            raise ValueError(f"{name} of a stream sum to {found!r}, but {column} is {total!r}")
