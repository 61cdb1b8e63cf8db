"""Results as a notebook shows them: HTML, a picture, plain text."""

import base64
import re

import altair as alt

from epiplexity_jax.report.shown import Shown
from epiplexity_jax.report.table import Table, TableColumn


class Result(Shown):
    """A result with a table, a sentence and, where it is given, a chart."""

    def __init__(self, chart=None):
        self.chart = chart

    def _parts(self):
        table = Table([TableColumn("source")])
        table.add("<b>x")
        return table, ["a < b"], []

    def _picture(self):
        return self.chart

    def __repr__(self):
        return "<Result of <b>x>"


def a_chart():
    return alt.Chart(alt.Data(values=[{"x": 1}])).mark_point().encode(x="x:Q")


def test_tables_and_sentences_stand_in_their_order():
    html = Result()._repr_html_()
    assert html.index("<table") < html.index("&lt;b&gt;x") < html.index("<li>a &lt; b</li>")
    assert "<b>" not in html
    assert html.count("<ul") == 1  # sentences of which there are none have no list
    assert "<img" not in html


def test_the_bundle_has_text_html_and_where_there_is_one_the_picture():
    assert Result()._repr_mimebundle_() == {
        "text/plain": "<Result of <b>x>",
        "text/html": Result()._repr_html_(),
    }
    bundle = Result(a_chart())._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"text/plain", "text/html", "image/png"}
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")


def test_the_picture_in_the_html_is_whole_and_described():
    html = Result(a_chart())._repr_html_()
    ((alt_text, data),) = re.findall(
        r'<img [^>]*alt="([^"]*)" src="data:image/svg\+xml;base64,([^"]+)"', html
    )
    assert alt_text == "&lt;Result of &lt;b&gt;x&gt;"
    assert base64.b64decode(data).decode().startswith("<svg")
    assert not re.findall(r"<script|https?://(?!www\.w3\.org)", html)
