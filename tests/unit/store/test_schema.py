"""The Parquet schema is fixed by a golden file: a change needs a new version."""

import json
from pathlib import Path

import pytest

from epiplexity_jax.store.schema import (
    HISTORIES,
    RUNS,
    SCHEMA_VERSION,
    STREAMS,
    arrow_schema,
    checked_row,
)
from tests.unit.store.stored import make_row

GOLDEN = Path(__file__).with_name("schema.json")
TABLES = {"runs": RUNS, "histories": HISTORIES, "streams": STREAMS}


def test_columns_are_those_of_the_golden_file():
    described = {
        "version": SCHEMA_VERSION,
        **{
            name: {c.name: f"{c.type}{' or null' if c.null else ''}" for c in columns}
            for name, columns in TABLES.items()
        },
    }
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert described == golden
    assert [list(described[name]) for name in TABLES] == [list(golden[name]) for name in TABLES]


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES)
def test_the_file_says_what_its_columns_mean(columns):
    schema = arrow_schema(columns)
    assert schema.metadata == {b"epiplexity_jax_schema": str(SCHEMA_VERSION).encode()}
    for column in columns:
        field = schema.field(column.name)
        assert field.nullable == column.null
        assert field.metadata == {
            b"unit": column.unit.encode(),
            b"meaning": column.meaning.encode(),
        }
        assert column.meaning


def test_a_row_is_put_in_order_and_completed():
    row = make_row()
    del row["order"]
    checked = checked_row(dict(reversed(row.items())))
    assert list(checked) == [column.name for column in RUNS]
    assert checked["order"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [({"widht": 3}, "unknown columns of a run: widht"), ({"seed": None}, "a run lacks seed")],
)
def test_a_wrong_row_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        checked_row(make_row() | change)
