"""Tables as Markdown."""

import pytest

from epiplexity_jax.report.markdown import markdown_table
from epiplexity_jax.report.table import Table, TableColumn

COLUMNS = [TableColumn("source"), TableColumn("S_T, bits", "right")]


def test_columns_are_aligned_and_the_caption_stands_below():
    table = Table(COLUMNS, [("text", "12"), ("noise", "0")], caption="at 95 %\nof all")
    assert markdown_table(table).splitlines() == [
        "| source | S_T, bits |",
        "|---|--:|",
        "| text | 12 |",
        "| noise | 0 |",
        "",
        "at 95 %",
        "of all",
    ]


def test_a_table_without_rows_has_its_headings():
    assert markdown_table(Table(COLUMNS)) == "| source | S_T, bits |\n|---|--:|"


@pytest.mark.parametrize(
    ("cell", "written"),
    [("a|b", "a\\|b"), ("a\\", "a\\\\"), ("a\\|b", "a\\\\\\|b"), ("a\nb", "a b")],
)
def test_nothing_in_a_cell_ends_it(cell, written):
    table = Table([TableColumn(cell), TableColumn("x")], [(cell, "1")])
    first, _, row = markdown_table(table).splitlines()
    assert first == f"| {written} | x |"
    assert row == f"| {written} | 1 |"
