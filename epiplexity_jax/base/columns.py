"""Columns of a run's history and of its stream that are its estimator's own."""

from typing import NamedTuple


class OwnColumn(NamedTuple):
    """A column of float64; NaN where there is no value.

    Of a history it is [R] or, per held-out block, [R, blocks]; of a stream [N] or, per group of a
    batch's sequences, [N, G].

    Attributes:
        name: name of the column.
        unit: unit of its values; may be empty.
        meaning: what the values mean in a few words, for readers of the file.
        blocks: whether a row has a value for each held-out block or group.
    """

    name: str
    unit: str
    meaning: str
    blocks: bool = False
