"""The picture of an experiment: panels, series, intervals and theory."""

import pytest

from epiplexity_jax.experiments.chart import chart
from epiplexity_jax.experiments.findings import Estimate, Findings


def made(x=(1.0, 2.0), log_x=False):
    found = Findings("x axis", log_x=log_x)
    for series in ("a", "b"):
        for place in x:
            estimate = Estimate(1.0, 0.5, 1.5) if series == "a" else Estimate(2.0)
            found.add("v", estimate, "bits", "S", x=place, series=series, oracle=1.2)
            found.add("w", estimate, "bits per token", "H", x=place, series=series)
    return found


def marks(panel):
    return [layer["mark"]["type"] for layer in panel["layer"]]


def test_a_panel_a_quantity_and_a_line_a_series():
    drawn = chart(made()).to_dict()
    first, second = drawn["concat"]
    assert [first["title"], second["title"]] == ["S", "H"]
    assert marks(first) == ["rule", "line", "point", "tick"]
    assert marks(second) == ["rule", "line", "point"]
    scale = first["layer"][1]["encoding"]["color"]["scale"]
    assert scale["domain"] == ["a", "b"]


def test_a_bar_with_an_open_side_ends_at_the_point():
    found = Findings("x")
    found.add("v", Estimate(2.0, 1.0, None), "bits", "S", x=1.0)
    (row,) = chart(found).to_dict()["data"]["values"]  # one panel: its data are the chart's
    assert (row["low"], row["high"]) == (1.0, 2.0)


def test_names_on_the_axis_stand_in_their_order_side_by_side():
    drawn = chart(made(x=("late", "early"))).to_dict()
    encoding = drawn["concat"][0]["layer"][0]["encoding"]
    assert encoding["x"]["sort"] == ["late", "early"]
    assert encoding["xOffset"]["field"] == "series"
    assert "line" not in marks(drawn["concat"][0])


@pytest.mark.parametrize("log_x", [True, False])
def test_compute_is_logarithmic(log_x):
    drawn = chart(made(log_x=log_x)).to_dict()
    scale = drawn["concat"][0]["layer"][0]["encoding"]["x"]["scale"]
    assert (scale.get("type") == "log") is log_x
