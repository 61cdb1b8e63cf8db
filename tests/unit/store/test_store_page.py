"""docs/store.md lists the columns that the schema has."""

import re
from pathlib import Path

import pytest

from epiplexity_jax.estimators import registry
from epiplexity_jax.store.schema import HISTORIES, RUNS, STREAMS, history_columns, stream_columns

PAGE = Path(__file__).parents[3] / "docs" / "store.md"


def listed(heading: str) -> list[tuple[str, ...]]:
    """Cells of the table under a heading, without its own headings."""
    section = PAGE.read_text(encoding="utf-8").partition(f"# {heading}\n")[2]
    rows = re.findall(r"^\| (`.*) \|$", section.partition("\n##")[0], re.MULTILINE)
    return [tuple(cell.strip() for cell in row.split("|")) for row in rows]


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("`runs.parquet`", RUNS),
        ("`histories/<run_id>.parquet`", HISTORIES),
        ("`streams/<run_id>.parquet`", STREAMS),
    ],
)
def test_the_page_lists_every_column(heading, columns):
    assert listed(heading) == cells(columns)


@pytest.mark.parametrize("kind", ["prequential", "requential"])
def test_the_page_lists_the_columns_of_each_estimator(kind):
    estimator = registry.open_estimator(registry.parse({"kind": kind}, "estimator"))
    own = history_columns(estimator.columns)[len(HISTORIES) :]
    assert listed(f"Columns of `{kind}` runs") == cells(own)
    own = stream_columns(estimator.stream_columns)[len(STREAMS) :]
    assert listed(f"Stream columns of `{kind}` runs") == cells(own)


def cells(columns):
    return [
        (f"`{c.name}`", f"{c.type}{' or null' if c.null else ''}", c.unit, c.meaning)
        for c in columns
    ]
