"""Tables of a page with their values in full, and the sentences on laws and rates."""

import json
from dataclasses import replace

import pytest

from epiplexity_jax.analysis import Rankings
from epiplexity_jax.analysis.frontier.rates import RateChange
from epiplexity_jax.analysis.ranking.changes import Change
from epiplexity_jax.pages.page_tables import law_sentences, page_tables, rate_lines


@pytest.fixture(scope="module")
def tables(small):
    return page_tables(small)


def test_tables_are_those_of_which_there_are_rows(tables, law):
    assert list(tables) == ["frontier", "runs", "floors", "rank-0", "pairs-0"]
    assert list(page_tables(law)) == ["frontier", "runs", "floors", "laws", "areas"]


def test_one_reading_of_the_runs_is_no_table_of_floors(small):
    own = [one for one in small.floors if (one.variant, one.floor) == ("paired", "ema")]
    assert "floors" not in page_tables(replace(small, floors=own))


def test_values_in_full_are_those_of_the_report(tables, small):
    assert tables["frontier"].rows == [one.to_json() for one in small.results]
    assert tables["floors"].rows == [one.to_json() for one in small.floors]
    (ranking,) = small.rankings.rankings
    assert tables["rank-0"].rows == ranking.rows()
    assert tables["pairs-0"].rows == ranking.pairs()
    for one in tables.values():
        assert json.loads(json.dumps(one.rows, allow_nan=False)) == list(one.rows)


def test_runs_of_tuning_are_no_rows_of_the_runs(small):
    (store,) = small.stores
    rows = [row | {"role": "tuning"} if row["seed"] else row for row in store.rows]
    found = page_tables(replace(small, stores=[replace(store, rows=rows)]))["runs"]
    assert (len(found.rows), len(found.table.rows)) == (4, 4)


def test_orders_of_several_observers_are_named(both):
    tables = page_tables(both)
    assert tables["rank-0"].title == "Order for transformer, small"
    assert tables["pairs-1"].title == "Pairs that are not separated for transformer, other"


def test_the_law_stands_beside_what_was_measured(law):
    table, rows = page_tables(law)["laws"][1:]
    assert [row["compute_flops"] for row in rows] == law.budgets
    for row, one in zip(rows, law.results, strict=True):
        assert row["epiplexity_bits"] == one.epiplexity_bits
        fitted = law.laws["text"].at(one.compute_flops)
        assert row["law_mdl_bits"] == fitted.mdl_bits
        assert row["mdl_bits"] == pytest.approx(fitted.mdl_bits, rel=0.05)
    assert len(table.rows) == len(rows)


def test_areas_are_those_of_the_sizes(law):
    table, rows = page_tables(law)["areas"][1:]
    assert [row["source"] for row in rows] == 3 * ["text"]
    assert len(table.rows) == 3
    assert all(row["transient_bits"] is not None for row in rows)


def test_laws_are_said_and_one_reason_once(small, law):
    assert law_sentences(law) == [
        "A loss law fitted to 24 losses of text leaves residuals of 0.0% rms."
    ]
    assert law_sentences(small) == [
        "No law for text and noise: the losses do not identify a law: 2 sizes of model, expected 3 "
        "or more; train other sizes."
    ]


def test_rates_are_said_and_that_no_order_turns(small):
    rates = [RateChange("text", 0.03, "width 10", {0.5: 0.9, 2.0: None})]
    first, *more, last = rate_lines(replace(small, rates=rates))
    assert "text" in first
    assert "0.03" in first
    assert last == "No separated pair changes its order with the rate."
    assert more == []
    assert rate_lines(small) == []


def test_an_order_that_the_rate_turns_is_said(small):
    turned = Change(
        what="rate",
        observer="transformer",
        compute_flops=6e9,
        larger="text",
        smaller="noise",
        elsewhere="twice the rate",
        elsewhere_compute_flops=6e9,
        is_sure=False,
    )
    rates = [RateChange("text", 0.03, "width 10", {2.0: 1.1})]
    changed = replace(small, rates=rates, rankings=Rankings(small.rankings.rankings, (turned,)))
    assert rate_lines(changed)[-1] == (
        "Order changes with the rate: text above noise at T = 6e9, below it with twice the rate."
    )


def test_one_source_has_no_order_for_a_rate_to_turn(law):
    rates = [RateChange("text", 0.03, "width 10", {2.0: 1.1})]
    assert len(rate_lines(replace(law, rates=rates))) == 1
