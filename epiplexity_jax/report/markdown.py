"""Tables as Markdown."""

from epiplexity_jax.report.table import Table


def markdown_table(table: Table) -> str:
    """A table as Markdown, its caption below as a paragraph.

    >>> from epiplexity_jax.report.table import TableColumn
    >>> print(markdown_table(Table([TableColumn("a"), TableColumn("b", "right")], [("x", "1")])))
    | a | b |
    |---|--:|
    | x | 1 |
    """
    head = [column.name for column in table.columns]
    lines = [_line(head), f"|{'|'.join(_RULES[column.justify] for column in table.columns)}|"]
    lines += [_line(row) for row in table.rows]
    if table.caption:
        lines += ["", *table.caption.splitlines()]
    return "\n".join(lines)


_RULES = {"left": "---", "right": "--:"}


def _line(cells: list[str] | tuple[str, ...]) -> str:
    escaped = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"
