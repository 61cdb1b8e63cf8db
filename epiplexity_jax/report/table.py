"""A table as plain values, and its writer for terminals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple


class TableColumn(NamedTuple):
    """A column of a table.

    Attributes:
        name: its heading.
        justify: side on which cells are aligned.
        folds: True if long cells take several lines on a terminal.
        spare: 0, or its place among those that a narrow terminal does without, 1 the first.
    """

    name: str
    justify: Literal["left", "right"] = "left"
    folds: bool = False
    spare: int = 0


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

    def within(self, width: int) -> "Table":
        """The table without as many spare columns as it takes to fit, which its caption names.

        Args:
            width: columns of a terminal.
        """
        kept = list(range(len(self.columns)))
        spare = sorted((c.spare, i) for i, c in enumerate(self.columns) if c.spare)
        left_out: list[str] = []
        while spare and self._width(kept) > width:
            _, least = spare.pop(0)
            kept.remove(least)
            left_out.append(self.columns[least].name)
        said = f"a wider terminal has {'; '.join(left_out)}" if left_out else ""
        return Table(
            [self.columns[i] for i in kept],
            [tuple(row[i] for i in kept) for row in self.rows],
            self.ends,
            "\n".join(filter(None, (self.caption, said))),
        )

    def _width(self, kept: Sequence[int]) -> int:
        """Columns of a terminal that some of the table's take, with those between them."""
        from rich.cells import cell_len

        longest = (
            max(map(cell_len, (self.columns[i].name, *(row[i] for row in self.rows)))) for i in kept
        )
        return sum(longest) + 2 * len(kept)

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
