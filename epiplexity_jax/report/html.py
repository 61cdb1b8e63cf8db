"""HTML of tables, sentences and pictures: static, escaped, in the colours of the page around it."""

import base64
from collections.abc import Iterable, Iterator
from html import escape

from epiplexity_jax.report.table import Table, TableColumn


def html_table(table: Table) -> str:
    """A table as an HTML `table`: one `tbody` a section, the caption below.

    All text is escaped. Nothing sets a colour, so lines and letters have those of the page, light
    or dark. A page's style sheet finds it by its class `epiplexity`.
    """
    head = "".join(f'<th scope="col"{_side(c)}>{_text(c.name)}</th>' for c in table.columns)
    body = "\n".join(
        f'<tbody style="border-top: 1px solid">\n{rows}\n</tbody>' for rows in _sections(table)
    )
    caption = ""
    if table.caption:
        aligned = "caption-side: bottom; text-align: left; padding-top: 4px"
        caption = f'<caption style="{aligned}">{_text(table.caption)}</caption>\n'
    return (
        f'<table class="epiplexity" style="border-collapse: collapse">\n{caption}'
        f"<thead><tr>{head}</tr></thead>\n{body}\n</table>"
    )


def html_lines(lines: Iterable[str]) -> str:
    """Sentences as an HTML list, escaped; empty for none."""
    items = "\n".join(f"<li>{_text(line)}</li>" for line in lines)
    return items and f'<ul class="epiplexity">\n{items}\n</ul>'


def html_picture(svg: str, title: str) -> str:
    """A picture as an HTML `img` that holds it, so that nothing is loaded.

    Args:
        svg: the picture.
        title: words for readers who do not see it.
    """
    data = base64.b64encode(svg.encode()).decode("ascii")
    source = f"data:image/svg+xml;base64,{data}"
    return f'<img class="epiplexity" style="max-width: 100%" alt="{_text(title)}" src="{source}">'


def _sections(table: Table) -> Iterator[str]:
    """Yield the rows of every section, as HTML."""
    rows: list[str] = []
    for i, cells in enumerate(table.rows):
        written = (
            f"<td{_side(column)}>{_text(cell)}</td>"
            for column, cell in zip(table.columns, cells, strict=True)
        )
        rows.append(f"<tr>{''.join(written)}</tr>")
        if i in table.ends or i + 1 == len(table.rows):
            yield "\n".join(rows)
            rows = []


def _side(column: TableColumn) -> str:
    """The attribute that aligns a cell; text on the left keeps the spaces before it."""
    wraps = "normal" if column.folds else "pre"
    return f' style="text-align: {column.justify}; white-space: {wraps}; padding: 2px 8px"'


def _text(words: str) -> str:
    """Words, escaped, with their line ends."""
    return "<br>".join(escape(line) for line in words.splitlines())
