"""Tables as plain values, and what a terminal makes of them."""

import pytest
from rich.console import Console

from epiplexity_jax.report.table import Table, TableColumn


def shown(table, width=40):
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()


def test_cells_sections_and_caption_are_printed():
    table = Table([TableColumn("name"), TableColumn("bits", "right")], caption="at 95 %")
    table.add("noise", "0", end_section=True)
    table.add("text", "12")
    assert table.rows == [("noise", "0"), ("text", "12")]
    lines = [line.split() for line in shown(table) if line.strip()]
    assert lines[0] == ["name", "bits"]
    assert [line for line in lines if len(line) == 2][1:] == [["noise", "0"], ["text", "12"]]
    assert " ".join(lines[-1]) == "at 95 %"
    parted = len(shown(table))
    table.ends.clear()
    assert len(shown(table)) == parted - 1


def test_only_columns_that_fold_take_more_than_a_line():
    kept, wrapped = (Table([TableColumn("words", folds=folds)]) for folds in (False, True))
    for table in (kept, wrapped):
        table.add("one two three four five six seven eight nine")
    assert len(shown(kept, 20)) < len(shown(wrapped, 20))
    assert "nine" not in " ".join(shown(kept, 20))
    assert "nine" in " ".join(shown(wrapped, 20))


def test_a_row_has_a_cell_for_every_column():
    with pytest.raises(ValueError, match="expected 2 cells, got 1"):
        Table([TableColumn("a"), TableColumn("b")]).add("1")


def test_a_narrow_terminal_does_without_spare_columns():
    columns = [TableColumn("source"), TableColumn("S", spare=2), TableColumn("MDL", spare=1)]
    table = Table(columns, caption="at 95 %")
    table.add("text", "1.25e6 ±2e4", "1.5e7", end_section=True)
    whole = table.within(80)
    assert (whole.columns, whole.rows, whole.caption) == (columns, table.rows, "at 95 %")
    narrow = table.within(25)
    assert [column.name for column in narrow.columns] == ["source", "S"]
    assert narrow.rows == [("text", "1.25e6 ±2e4")]
    assert narrow.caption == "at 95 %\na wider terminal has MDL"
    assert narrow.ends == {0}
    least = table.within(5)  # a column that is not spare stays
    assert least.rows == [("text",)]
    assert least.caption.endswith("has MDL; S")
    assert max(map(len, map(str.rstrip, shown(narrow, 25)))) <= 25
