"""A table as plain values, and its writer for terminals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple


class TableColumn(NamedTuple):
    """A column: heading, side on which cells are aligned, and whether long ones fold."""

    name: str
    justify: Literal["left", "right"] = "left"
    folds: bool = False


@dataclass
class Table:
    """Columns and rows of text, in sections.

    Attributes:
        columns: the columns, from left to right.
        rows: a cell for each column.
        ends: numbers of the rows that end a section.
        caption: printed below; empty for none.
    """

    columns: Sequence[TableColumn]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    ends: set[int] = field(default_factory=set)
    caption: str = ""

    def add(self, *cells: str, end_section: bool = False) -> None:
        """Add a row, a text for each column; a line is drawn behind the end of a section.

        Raises:
            ValueError: when their number is not that of the columns.
        """
        if len(cells) != len(self.columns):
            raise ValueError(f"expected {len(self.columns)} cells, got {len(cells)}")
        self.rows.append(cells)
        if end_section:
            self.ends.add(len(self.rows) - 1)

    def __rich__(self) -> Any:
        """Write for a terminal: rich calls this where such a table is printed."""
        from rich import box, table
        from rich.text import Text

        written = table.Table(
            box=box.SIMPLE_HEAD,
            caption=self.caption or None,
            caption_justify="left",
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        for column in self.columns:
            written.add_column(
                column.name,
                justify=column.justify,
                no_wrap=not column.folds,
                overflow="fold" if column.folds else "ellipsis",
            )
        for i, cells in enumerate(self.rows):
            # As they are: rich would take words in brackets for markup.
            written.add_row(*map(Text, cells), end_section=i in self.ends)
        return written
