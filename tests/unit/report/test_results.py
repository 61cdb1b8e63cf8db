"""Decompositions as tables, text and data frames."""

import copy
import dataclasses

import pytest

from epiplexity_jax.analysis import Frontier
from epiplexity_jax.report.results import Decompositions, ShownDecomposition
from epiplexity_jax.report.tables import csv_text
from tests.unit.report.results_made import diverged, learnt

BUDGET = 3e10


@pytest.fixture(scope="module")
def frontier():
    return learnt("<b>x")


def test_a_shown_decomposition_has_the_values_of_the_plain_one(frontier):
    plain, one = Frontier.at(frontier, BUDGET), frontier.at(BUDGET)
    assert one.to_json() == plain.to_json()
    assert dataclasses.replace(one, source="y").to_json() == plain.to_json() | {"source": "y"}
    assert copy.deepcopy(one) == one == ShownDecomposition.of(plain)


def test_a_decomposition_is_shown_with_status_edges_and_warnings(frontier):
    one = frontier.at(BUDGET)
    assert "edge_size" in one.flags
    html = one._repr_html_()
    assert "&lt;b&gt;x at T = 3e10 FLOPs" in html
    assert "<b>" not in html
    assert "smallest size, largest size" in html
    for warning in one.warnings:
        assert warning.replace("'", "&#x27;").replace("<", "&lt;") in html
    text = repr(one)
    assert text.startswith("<<b>x at T = 3e10 FLOPs: S_T ")
    assert text.endswith(" bits/token), ok>")
    assert "\n" not in text


def test_decompositions_are_a_list_that_is_shown_as_one_table(frontier):
    found = frontier.decompositions([BUDGET, 2 * BUDGET])
    assert found == [frontier.at(BUDGET), frontier.at(2 * BUDGET)]
    html = found._repr_html_()
    assert html.count("<table") == 1
    assert html.count("&lt;b&gt;x</td>") == 2
    assert set(found._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_variants_and_floors_have_columns_where_they_differ(frontier):
    one = frontier.at(BUDGET)
    alike = Decompositions([one, one])._repr_html_()
    assert ">floor</th>" not in alike
    raw = dataclasses.replace(one, floor="raw")
    several = Decompositions([one, raw])._repr_html_()
    assert ">variant</th>" in several
    assert ">raw</td>" in several


def test_no_decompositions_are_shown_and_framed():
    found = diverged().decompositions()
    assert found == []
    assert "no decomposition" in found._repr_html_()
    assert found.to_arrow().num_rows == 0
    assert Decompositions().to_arrow().schema == found.to_arrow().schema


def test_frames_have_the_columns_and_values_of_csv_and_json(frontier):
    found = frontier.decompositions([BUDGET, 1.0])
    table = found.to_arrow()
    header = csv_text([one.to_json() | {"recipe": RECIPE} for one in found]).splitlines()[0]
    assert table.column_names == header.split(",")
    for row, one in zip(table.to_pylist(), found, strict=True):
        for name, value in one.to_json().items():
            if name.endswith("_interval"):
                assert [row[f"{name}_low"], row[f"{name}_high"]] == list(value or (None, None))
            elif name != "recipe":
                assert row[name] == value
    assert found[0].to_arrow().to_pylist() == table.to_pylist()[:1]


RECIPE = {
    "kind": "fixed",
    "learning_rate": 0.1,
    "warmup_steps": None,
    "batch_size": 4,
    "ema_growth": None,
    "max_kl": None,
    "tried": 1,
    "size": None,
    "spent_flops": 0.0,
}
