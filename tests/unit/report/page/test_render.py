"""A page as one file: self-contained, escaped, with data that can be read back."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from epiplexity_jax.analysis.runs.loss_area import LossArea
from epiplexity_jax.report.page.content import Answer, Key, Note, Page, PageRun, PageTable
from epiplexity_jax.report.page.render import render
from epiplexity_jax.report.page.run_charts import RunArea, run_charts
from epiplexity_jax.report.table import Table, TableColumn
from epiplexity_jax.report.tables import runs_table
from tests.unit.store.stored import make_row

HOSTILE = "</script><b>x</b><!--<script>'\"&"


class Read(HTMLParser):
    """Elements of a page with their attributes, its words and its scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.scripts, self.inside = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.words.append(data)


def a_page(name="text", **changes):
    """A page with something in every part."""
    table = Table([TableColumn("source"), TableColumn("S_T, bits", "right")], caption=name)
    table.add(name, "5", end_section=True)
    table.add("", "6", end_section=True)
    rows = [{"source": name, "bits": 5.0, "open": float("nan"), "count": np.int64(7)}]
    spec = {"mark": "line", "data": {"values": [{"source": name, "x": float("inf")}]}}
    values = {
        "title": f"What a model can learn from {name}",
        "version": "0.1.0",
        "written": "now",
        "answer": Answer(f"Measured: {name}.", [f"{name} holds 5 bits."], (), ()),
        "budgets": [1e9, 2e9],
        "stops": ["1e9", "2e9"],
        "start": 1,
        "key": [Key(name, "currentColor", "6 3")],
        "readout_columns": ["source", "S_T"],
        "readout": [[[name, "4"]], [[name, "5"]]],
        "charts": {"mdl": spec, "area": spec, "runs": spec, "small": spec},
        "tables": {"frontier": PageTable(name, table, rows)},
        "notes": [Note(name, f"look at {name}"), Note("", "for all")],
        "order": [f"{name} first."],
        "runs": [PageRun(name, "5", 0, 0), PageRun(f"{name} 2", "6", 0, 0)],
        "runs_text": "Runs.",
        "first_run": 1,
        "chosen": [[None], [1]],
        "facts": [(name, name)],
        "commands": [f"epiplexity-jax report {name}"],
        "configs": [(name, f"sources: {name}")],
        "citation": "@article{x}",
    }
    return Page(**values | changes)


def data_of(read):
    (data,) = [
        text
        for text, (_, attrs) in zip(
            read.scripts, [one for one in read.elements if one[0] == "script"], strict=True
        )
        if attrs.get("id") == "page-data"
    ]
    return json.loads(data, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_page_loads_nothing():
    html = render(a_page())
    read = Read(html)
    for tag, attrs in read.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert not re.match(r"(https?:)?//", attrs.get(name) or ""), (tag, attrs)
    assert [tag for tag, _ in read.elements if tag in ("link", "iframe", "img", "object")] == [
        "link"
    ]
    (link,) = [attrs for tag, attrs in read.elements if tag == "link"]
    assert link["href"] == "data:,"
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style
    assert "vegaEmbed" in read.scripts[1]


def test_words_are_on_the_page():
    words = " ".join(Read(render(a_page())).words)
    for text in (
        "Measured: text.",
        "text holds 5 bits.",
        "look at text",
        "text first.",
        "text 2: model of 6 bits",
        "sources: text",
        "@article{x}",
        "epiplexity-jax report text",
        "2e9 FLOPs",
    ):
        assert text in words


def test_a_hostile_name_stays_text():
    html = render(a_page(HOSTILE))
    read, plain = Read(html), Read(render(a_page("y")))
    # One element more or less would be the name's.
    assert [tag for tag, _ in read.elements] == [tag for tag, _ in plain.elements]
    assert len(read.scripts) == 3
    assert "<b>x" not in html
    words = "".join(read.words)
    assert words.count(HOSTILE) >= 12
    data = data_of(read)
    assert data["readout"][0][0][0] == HOSTILE
    assert data["charts"]["mdl"]["data"]["values"][0]["source"] == HOSTILE
    assert data["tables"]["frontier"]["rows"][0]["source"] == HOSTILE


def test_the_library_cannot_end_its_element_or_change_how_it_is_read():
    library = Read(render(a_page())).scripts[1]
    assert "</script" not in library.lower()
    assert not re.search(r"<!--(?s:.*?)<script", library)


def test_the_data_can_be_read_back_and_what_is_not_finite_is_null():
    page = a_page()
    data = data_of(Read(render(page)))
    assert (data["budgets"], data["stops"]) == ([1e9, 2e9], ["1e9", "2e9"])
    assert data["runs"] == [
        {"label": "text", "bits": "5", "source": 0, "of": 0},
        {"label": "text 2", "bits": "6", "source": 0, "of": 0},
    ]
    assert data["chosen"] == [[None], [1]]
    assert data["charts"]["mdl"]["data"]["values"] == [{"source": "text", "x": None}]
    (row,) = data["tables"]["frontier"]["rows"]
    assert row == {"source": "text", "bits": 5.0, "open": None, "count": 7}
    assert data["tables"]["frontier"]["csv"].splitlines()[0] == "source,bits,open,count"
    assert (data["watch"], data["revision"]) == ("", "")


def test_cells_below_a_source_repeat_it_so_that_rows_can_be_sorted():
    html = render(a_page("only here"))
    table = html.partition('<div class="table"')[2].partition("</table>")[0]
    assert table.count("<td") == 4
    assert len(re.findall(r"<td[^>]*>only here</td>", table)) == 2


def test_the_page_opens_at_its_start():
    html = render(a_page())
    read = Read(html)
    (slider,) = [attrs for _, attrs in read.elements if attrs.get("id") == "slider"]
    assert (slider["value"], slider["max"]) == ("1", "1")
    assert slider["aria-valuetext"] == "2e9 FLOPs"
    options = [attrs for tag, attrs in read.elements if tag == "option"]
    assert ["selected" in attrs for attrs in options] == [False, True]
    body = html.partition('<table class="epiplexity" id="readout">')[2].partition("</table>")[0]
    assert "<td>5</td>" in body


def test_charts_that_are_not_there_leave_no_place():
    read = Read(render(a_page()))
    places = [attrs["data-chart"] for _, attrs in read.elements if "data-chart" in attrs]
    assert places == ["mdl", "area", "runs"]


def test_a_page_without_results_has_its_words_and_no_controls():
    page = Page(title="t", version="1", written="now", answer=Answer("Nothing yet.", (), (), ()))
    read = Read(render(page))
    assert "Nothing yet." in read.words
    ids = {attrs.get("id") for _, attrs in read.elements}
    assert {"main", "made", "page-data"} <= ids
    assert not {"slider", "run", "live", "order", "notes"} & ids


def test_a_live_page_has_its_state_and_names_its_server():
    page = replace(a_page(), live=True, watch="epiplexity-jax watch x", revision="4")
    read = Read(render(page))
    ids = {attrs.get("id") for _, attrs in read.elements}
    assert {"live-state", "live-bar", "live-numbers", "live-losses", "live-messages"} <= ids
    (body,) = [attrs for tag, attrs in read.elements if tag == "body"]
    assert "data-live" in body
    data = data_of(read)
    assert (data["watch"], data["revision"]) == ("epiplexity-jax watch x", "4")


def test_every_identifier_is_given_once_and_labels_have_their_element():
    read = Read(render(replace(a_page(), live=True)))
    ids = [attrs["id"] for _, attrs in read.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    for _, attrs in read.elements:
        for name in ("aria-labelledby", "for"):
            assert set((attrs.get(name) or "").split()) <= set(ids)


def test_a_page_of_100_runs_is_small():
    edges = np.concatenate([[0.0], np.geomspace(128.0, 1e9, 400)])
    area = LossArea(edges, 2.0 + np.geomspace(4.0, 0.01, 400) / 3, 2.0)
    runs = [RunArea(f"run {i}", "text", "N", 1000 + i, area.bits, area) for i in range(100)]
    rows = [
        make_row(f"run-{i}", train_tokens=1e9, heldout_loss_nats=2.0, certified_bits=None)
        | {"model_bits": 1e6 / 3, "data_bits": 1e9 / 3, "mdl_bits": 1e9 / 3}
        for i in range(100)
    ]
    page = a_page(
        charts=run_charts(runs, 0),
        tables={"runs": PageTable("Every run", runs_table(rows), rows)},
        runs=[PageRun(one.label, "1e6", 0, 0) for one in runs],
    )
    html = render(page)
    assert html.count("<option") == 100
    assert len(html.encode()) < 5e6
    assert len(data_of(Read(html))["charts"]["area"]["datasets"]["areas"]) == 4800
