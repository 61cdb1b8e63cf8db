"""Charts of runs: rectangles that add up to the model's length, and the parameter `run`."""

import numpy as np
import pytest

from epiplexity_jax.analysis.runs.loss_area import LossArea
from epiplexity_jax.report.figures import encodings
from epiplexity_jax.report.page.chart_style import INK, unlegended
from epiplexity_jax.report.page.run_charts import (
    RunArea,
    area_rows,
    recipe_chart,
    run_charts,
    settling_chart,
)


def a_run(source="text", points=10, seed=0, params=1000):
    edges = np.concatenate([[0.0], np.geomspace(128.0, 1e6, points)])
    losses = 2.0 + 4.0 * np.geomspace(1.0, 0.01, points) + 0.01 * seed
    area = LossArea(edges, losses, 2.0)
    return RunArea(f"{source} {seed}", source, f"N{params}", params, area.bits, area)


@pytest.fixture(scope="module")
def runs():
    return [a_run(), a_run("code", 200), a_run("code", 20, 1, 4000)]


@pytest.fixture(scope="module")
def charts(runs):
    return run_charts(runs, 1)


def test_rectangles_of_a_run_add_up_to_its_area(runs):
    for run, rows in zip(runs, area_rows(runs), strict=True):
        total = sum((row["to"] - row["from"]) * (row["loss"] - row["floor"]) for row in rows)
        assert total == pytest.approx(run.area.bits, rel=1e-3)
        assert rows[0]["from"] == 0.0
        assert rows[-1]["to"] == pytest.approx(1e6)
        assert [row["from"] for row in rows[1:]] == [row["to"] for row in rows[:-1]]


def test_a_run_of_many_points_is_drawn_with_fewer(runs):
    assert [len(rows) for rows in area_rows(runs)] == [10, 48, 20]


def test_every_chart_compiles_and_those_of_a_run_have_the_parameter(charts, compiled):
    assert list(charts) == ["area", "runs", "small"]
    assert compiled(charts["area"])[0]["run"] == 1
    signals, _ = compiled(charts["runs"])
    assert (signals["run"], signals["of"]) == (1, 1)
    assert "run" not in compiled(charts["small"])[0]


def test_the_rows_of_the_area_are_those_of_every_run(charts, runs):
    rows = charts["area"]["datasets"]["areas"]
    for i, own in enumerate(area_rows(runs)):
        assert [row for row in rows if row["run"] == i] == [{"run": i, **row} for row in own]


def test_the_small_picture_is_filled_by_the_page(charts, compiled):
    small = charts["small"]
    assert not small["datasets"].get("areas")
    filled = {**small, "datasets": {"areas": charts["area"]["datasets"]["areas"][:5]}}
    _, sets = compiled(filled)
    assert len(sets["areas"]["values"]) == 5


def test_runs_of_a_source_are_together(charts, runs):
    rows = charts["runs"]["datasets"]["curves"]
    assert {(row["run"], row["of"]) for row in rows} == {(0, 0), (1, 1), (2, 1)}
    assert {row["N"] for row in rows if row["run"] == 2} == {4000}
    assert min(row["tokens"] for row in rows) > 0  # the axis is logarithmic


def test_recipes_are_drawn_over_the_best_of_their_source(compiled):
    rows = [
        {"source": "a", "learning_rate": 0.1, "mdl_bits": 100.0, "chosen": True},
        {"source": "a", "learning_rate": 0.2, "mdl_bits": 150.0, "chosen": False},
        {"source": "b", "learning_rate": 0.1, "mdl_bits": 30.0, "chosen": False},
        {"source": "b", "learning_rate": 0.4, "mdl_bits": None, "chosen": False},
    ]
    rows = [row | {"batch_size": 64, "train_tokens": 1e5} for row in rows]
    rows.append(rows[0] | {"train_tokens": 1e4, "mdl_bits": 1.0})  # a short trial
    spec = recipe_chart(rows, unlegended(encodings(["a", "b"], INK)))
    drawn = spec["datasets"]["recipes"]
    assert [(row["source"], row["over"]) for row in drawn] == [("a", 0.0), ("a", 0.5), ("b", 0.0)]
    _, sets = compiled(spec)
    assert len(sets["recipes"]["values"]) == 3


def test_how_an_answer_settles_compiles(compiled):
    rows = [
        {"source": "a", "runs": n, "epiplexity": 5.0, "epiplexity_low": 4.0, "epiplexity_high": 6.0}
        for n in (4, 8)
    ]
    spec = settling_chart(rows, unlegended(encodings(["a"], INK)))
    _, sets = compiled(spec)
    assert sets["settling"]["values"] == rows
    assert "finished runs" in spec["description"]
