"""Charts of an order: the slider's budget in both, and columns that cover its stops."""

import numpy as np
import pytest

from epiplexity_jax.analysis import Ranking
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.page.rank_charts import rank_charts


@pytest.fixture(scope="module")
def ranking(three):
    frontiers, budget = three
    return Ranking(frontiers, "S", [0.5 * budget, 0.75 * budget, budget], "mlp")


@pytest.fixture(scope="module")
def stops(ranking):
    low, middle, high = ranking.budgets
    between = [0.6 * middle, 0.9 * middle, 0.95 * middle, 1.1 * middle, 3.0 * high]
    return sorted([0.8 * low, low, middle, high, *between])


def columns(spec):
    (band, *_) = spec["layer"]
    return (
        band["data"]["values"]
        if "values" in band["data"]
        else spec["datasets"][band["data"]["name"]]
    )


def test_both_charts_compile_and_have_the_budget(ranking, stops, compiled):
    charts = rank_charts(ranking, ranking.sources, stops, 4)
    assert list(charts) == ["values", "ranks"]
    for spec in charts.values():
        assert compiled(spec)[0]["budget"] == 4
    assert charts["ranks"]["description"] == "Order of the sources by S at every budget"


def test_columns_cover_the_stops_without_overlap(ranking, stops):
    found = columns(rank_charts(ranking, ranking.sources, stops, 0)["ranks"])
    assert [one["budget"] for one in found] == [number(budget) for budget in ranking.budgets]
    held = {i: one["budget"] for one in found for i in range(one["from"], one["to"] + 1)}
    assert len(held) == sum(one["to"] - one["from"] + 1 for one in found)
    own = np.log(ranking.budgets)
    for i, stop in enumerate(stops):
        away = np.abs(own - np.log(stop))
        nearest = ranking.budgets[int(np.argmin(away))]
        if i in held:
            assert held[i] == number(nearest)
        else:  # beyond the ends by more than half a step
            assert away.min() > 0.49 * np.diff(own).min()


def test_a_stop_that_is_rounded_is_still_its_budgets(ranking):
    stops = [budget * (1 - 1e-12) for budget in ranking.budgets]
    found = columns(rank_charts(ranking, ranking.sources, stops, 0)["ranks"])
    assert [(one["from"], one["to"]) for one in found] == [(0, 0), (1, 1), (2, 2)]


def test_colours_are_those_of_all_sources_of_the_page(ranking, stops):
    charts = rank_charts(ranking, ["first", *ranking.sources], stops, 0)
    line = charts["values"]["layer"][0]["layer"][0]
    scale = line["encoding"]["color"]["scale"]
    assert scale["domain"] == ["first", *ranking.sources]
    assert scale["range"][0] == "#0072B2"
    assert line["encoding"]["color"]["legend"] is None


def test_many_sources_are_higher(ranking, stops, three):
    frontiers, budget = three
    many = {f"{name} {i}": f for i in range(2) for name, f in frontiers.items()}
    tall = rank_charts(Ranking(many, "S", [budget], "mlp"), list(many), stops, 0)["ranks"]
    assert tall["height"] == 40 * 6 + 40
    assert rank_charts(ranking, ranking.sources, stops, 0)["ranks"]["height"] == 180


def test_one_budget_is_one_column(three, compiled):
    frontiers, budget = three
    ranking = Ranking(frontiers, "H", [budget], "mlp")
    stops = [float(one) for one in np.geomspace(0.5, 2.0, 5) * budget]
    charts = rank_charts(ranking, ranking.sources, stops, 2)
    (one,) = columns(charts["ranks"])
    assert (one["from"], one["to"]) == (2, 2)
    assert compiled(charts["values"])[0]["budget"] == 2
