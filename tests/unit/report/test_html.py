"""HTML of tables, sentences and pictures."""

import base64
import xml.etree.ElementTree as ET

from epiplexity_jax.report.html import html_lines, html_picture, html_table
from epiplexity_jax.report.table import Table, TableColumn

HOSTILE = """<b>x</b> & "quoted" 'text'"""


def a_table():
    table = Table(
        [TableColumn("source"), TableColumn("S_T, bits", "right", folds=True)],
        caption="at 95 %\nsecond line",
    )
    table.add("noise", "0", end_section=True)
    table.add("text", "12")
    table.add("  shuffled", "3", end_section=True)
    return table


def parsed(html):
    """Elements of a fragment, which is XML too where `br` and `img` are closed."""
    return ET.fromstring(html.replace("<br>", "<br/>"))


def test_a_table_has_headings_sections_and_a_caption():
    table = parsed(html_table(a_table()))
    assert table.tag == "table"
    heads = table.findall("./thead/tr/th")
    assert [(head.text, head.get("scope")) for head in heads] == [
        ("source", "col"),
        ("S_T, bits", "col"),
    ]
    bodies = table.findall("tbody")
    cells = [[[cell.text for cell in row] for row in body] for body in bodies]
    assert cells == [[["noise", "0"]], [["text", "12"], ["  shuffled", "3"]]]
    assert list(table.find("caption").itertext()) == ["at 95 %", "second line"]


def test_cells_are_aligned_as_their_column():
    table = parsed(html_table(a_table()))
    for row in table.iter("tr"):
        left, right = (cell.get("style") for cell in row)
        assert "text-align: left" in left
        assert "white-space: pre" in left
        assert "text-align: right" in right
        assert "white-space: normal" in right


def test_nothing_in_a_table_is_markup_or_has_a_colour():
    table = Table([TableColumn(HOSTILE)], caption=HOSTILE)
    table.add(HOSTILE)
    html = html_table(table)
    assert "<b>" not in html
    assert html.count("&lt;b&gt;x&lt;/b&gt; &amp;") == 3
    found = parsed(html)
    assert [found.find(path).text for path in ("caption", ".//th", ".//td")] == [HOSTILE] * 3
    assert not [word for word in ("color", "background", "<script", "href") if word in html]


def test_a_table_without_rows_or_caption():
    table = parsed(html_table(Table([TableColumn("source")])))
    assert [one.tag for one in table] == ["thead"]


def test_sentences_are_a_list():
    found = parsed(html_lines([HOSTILE, "second"]))
    assert [item.text for item in found.findall("li")] == [HOSTILE, "second"]
    assert html_lines([]) == ""


def test_a_picture_is_held_whole():
    image = parsed(html_picture("<svg>é</svg>", HOSTILE).replace('">', '"/>'))
    assert image.get("alt") == HOSTILE
    kind, _, data = image.get("src").partition(";base64,")
    assert kind == "data:image/svg+xml"
    assert base64.b64decode(data).decode() == "<svg>é</svg>"
