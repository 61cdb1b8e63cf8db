"""Charts over compute and at one budget: their rows, their parameter, their axes."""

import pytest

from epiplexity_jax.report.figures import length_row
from epiplexity_jax.report.page.budget_charts import NAMES, BudgetData, budget_charts
from tests.unit.analysis.ranking.made import flat, like, source


@pytest.fixture(scope="module")
def charts(data):
    return budget_charts(data)


def test_every_chart_compiles_and_has_the_budget(charts, compiled):
    assert list(charts) == ["mdl", "epiplexity", "entropy", "code", "structure", "rate"]
    for spec in charts.values():
        signals, _ = compiled(spec)
        assert signals["budget"] == 3
        assert spec["width"] == "container"


def test_rows_are_those_of_the_frontiers_at_every_budget(data):
    assert len(data.rows) == len(data.sources) * len(data.budgets)
    for row in data.rows:
        frontier = data.frontiers[row["source"]]
        own = length_row(frontier.at(data.budgets[row["index"]]))
        assert {name: row[name] for name in own} == own
        assert row["uniform"] == frontier.uniform_bits
        assert row["tokens"] == frontier.test_tokens


@pytest.mark.parametrize("what", NAMES)
def test_a_curve_has_a_row_a_source_and_budget_within_its_axis(charts, data, what):
    spec = charts[what]
    rows = spec["datasets"]["rows"]
    assert {(row["source"], row["index"]) for row in rows} == {
        (name, i) for name in data.sources for i in range(len(data.budgets))
    }
    for row, full in zip(rows, data.rows, strict=True):
        assert (row["compute"], row["status"]) == (full["compute"], full["status"])
        assert row[f"{what}_low"] <= row[what] <= row[f"{what}_high"]


def test_runs_are_dots_of_the_curve_of_mdl_alone(charts, data):
    dots = charts["mdl"]["datasets"]["dots"]
    assert {row["source"] for row in dots} == set(data.sources)
    assert "dots" not in charts["epiplexity"]["datasets"]


def test_the_bars_of_the_code_are_s_and_h(charts, data):
    parts = charts["code"]["datasets"]["parts"]
    assert len(parts) == 2 * len(data.rows)
    for row in data.rows:
        own = [p for p in parts if (p["source"], p["index"]) == (row["source"], row["index"])]
        structure, randomness = sorted(own, key=lambda part: part["rank"])
        assert (structure["part"], structure["bits"]) == ("S_T, structure", row["epiplexity"])
        assert (randomness["part"], randomness["bits"]) == ("H_T, randomness", row["entropy"])
        assert structure["uniform"] == row["uniform"]


def test_a_negative_length_has_no_bar(data):
    rows = [row | {"epiplexity": -5.0} for row in data.rows]
    changed = BudgetData(data.frontiers, data.budgets, data.start, data.found)
    changed.__dict__["rows"] = rows  # a cached property
    parts = budget_charts(changed)["code"]["datasets"]["parts"]
    assert min(part["bits"] for part in parts) == 0.0


def test_the_rate_is_per_token(charts, data):
    for row, full in zip(charts["rate"]["datasets"]["rows"], data.rows, strict=True):
        assert row["entropy"] == pytest.approx(full["entropy"] / full["tokens"])
        assert row["uniform"] == pytest.approx(8.0)  # 256 symbols
        assert row["entropy"] <= row["uniform"] * 1.001


def test_the_bars_of_two_budgets_compare(charts, data):
    highest = max(row["epiplexity_high"] for row in data.rows)
    scales = [
        layer["encoding"]["x"]["scale"]["domain"]
        for layer in charts["structure"]["layer"]
        if "scale" in layer["encoding"]["x"]
    ]
    assert scales
    for low, high in scales:
        assert low <= 0.0
        assert high >= highest


def test_a_height_a_source(charts, three):
    frontiers, budget = three
    more = budget_charts(BudgetData.of(frontiers, [budget], 0))
    assert more["code"]["height"] - charts["code"]["height"] == 34


def test_noise_alone_and_one_budget_compile(compiled):
    frontiers = {"noise": like(flat(0), source="noise")}
    found = BudgetData.of(frontiers, [flat(0).largest_compute], 0)
    for spec in budget_charts(found).values():
        assert compiled(spec)[0]["budget"] == 0


def test_one_seed_without_intervals_compiles(compiled):
    frontiers = {"one": like(source(1, seeds=1), source="one")}
    found = BudgetData.of(frontiers, [1e13, 1e14], 1)
    for row in found.rows:
        assert row["epiplexity_low"] == row["epiplexity"] == row["epiplexity_high"]
    for spec in budget_charts(found).values():
        assert compiled(spec)[0]["budget"] == 1
