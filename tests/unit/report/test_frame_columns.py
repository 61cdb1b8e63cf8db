"""Columns of data frames: one name once, ends of intervals, and all of them in the docs."""

import re
from pathlib import Path

import pytest

from epiplexity_jax.report import frame_columns

SCHEMAS = [getattr(frame_columns, name) for name in ("VERTICES", "RESULTS", "PLACES", "RUN_ROWS")]
PAGE = Path(__file__).parents[3] / "docs" / "notebooks.md"


@pytest.mark.parametrize("columns", SCHEMAS)
def test_names_are_given_once_and_intervals_have_two_ends(columns):
    names = [column.name for column in columns]
    assert len(set(names)) == len(names)
    for column in columns:
        if column.name.endswith("_low"):
            high = columns[names.index(column.name) + 1]
            assert high.name == f"{column.name.removesuffix('_low')}_high"
            assert (column.null, high.null, high.type) == (True, True, column.type)


def test_the_page_names_every_column():
    said = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8")))
    own = {c.name for columns in SCHEMAS[:3] for c in columns}
    own |= {c.name for c in frame_columns.RUN_ROWS[len(frame_columns.RUNS) :]}
    plain = {name.removesuffix("_low").removesuffix("_high") for name in own}
    assert plain - said == set()
