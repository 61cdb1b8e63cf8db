"""The style of a page's charts."""

import altair as alt

from epiplexity_jax.report.figures import encodings
from epiplexity_jax.report.page.chart_style import (
    AT_BUDGET,
    INK,
    budget_parameter,
    finished,
    unlegended,
)


def a_chart():
    rows = alt.NamedData(name="rows")
    return alt.Chart(rows).mark_line().encode(x="a:Q", y="b:Q")


def test_a_chart_is_as_wide_as_its_place_in_the_colours_of_the_page():
    spec = finished(a_chart(), "words for everybody", 120)
    assert (spec["width"], spec["height"]) == ("container", 120)
    assert spec["description"] == "words for everybody"
    assert spec["background"] == "transparent"
    axis = spec["config"]["axis"]
    assert {axis["labelColor"], axis["titleColor"], spec["config"]["legend"]["labelColor"]} == {INK}


def test_nothing_is_loaded(compiled):
    spec = finished(a_chart(), "words", rows=[{"a": 1.0, "b": 2.0}])
    assert "url" not in str(spec["data"])
    assert spec["datasets"] == {"rows": [{"a": 1.0, "b": 2.0}]}
    _, sets = compiled(spec)
    assert sets["rows"]["values"] == [{"a": 1.0, "b": 2.0}]


def test_rows_of_the_chart_and_of_the_caller_are_both_kept():
    layers = alt.layer(a_chart(), datasets={"other": [{"a": 1}]})
    assert set(finished(layers, "words", rows=[])["datasets"]) == {"other", "rows"}


def test_the_slider_sets_a_place_among_the_budgets(compiled):
    chart = a_chart().transform_filter(AT_BUDGET).add_params(budget_parameter(4))
    rows = [{"a": 1.0, "b": 2.0, "index": i} for i in range(6)]
    signals, sets = compiled(finished(chart, "words", rows=rows))
    assert signals["budget"] == 4
    filters = [step for one in sets.values() for step in one.get("transform", [])]
    assert any(step.get("expr") == "datum.index == budget" for step in filters)


def test_channels_without_legend_keep_their_colours():
    shared = encodings(["a", "b"], INK)
    plain = unlegended(shared)
    assert plain["color"].to_dict()["legend"] is None
    assert shared["color"].to_dict()["legend"] is not None
    for name in ("scale", "sort"):
        assert plain["color"].to_dict()[name] == shared["color"].to_dict()[name]
    assert plain["strokeDash"] is shared["strokeDash"]
