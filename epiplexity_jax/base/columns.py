"""Columns of a run's history that are its estimator's own."""

from typing import NamedTuple


class OwnColumn(NamedTuple):
    """A column of float64, [R] or, per held-out block, [R, blocks]; NaN where there is no value.

    Attributes:
        name: of the column.
        unit: of its values; may be empty.
        meaning: in a few words, for readers of the file.
        blocks: whether a record point has a value for each held-out block.
    """

    name: str
    unit: str
    meaning: str
    blocks: bool = False
