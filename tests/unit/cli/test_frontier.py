"""`frontier`: results on standard output, as a table, CSV or JSON, and nothing else there."""

import csv
import io
import math

import pytest

from tests.unit.cli.documents import only_json


def test_frontier_as_json(call, store):
    called = call("frontier", store, "--compute", "3e9", "--compute", "6.0e9", "--json")
    document = only_json(called)
    assert set(document) == {"frontier", "store", "version"}
    assert document["store"] == str(store)
    rows = document["frontier"]
    assert [(row["source"], row["compute_flops"]) for row in rows] == [
        *(("text", 3e9), ("text", 6e9), ("noise", 3e9), ("noise", 6e9))
    ]
    wanted = {
        *("epiplexity_bits", "epiplexity_bits_interval", "entropy_bits", "entropy_bits_interval"),
        *("entropy_bits_per_token", "mdl_bits", "status", "resolution_bits", "params", "warnings"),
        *("train_tokens", "test_tokens", "estimator", "variant", "floor"),
    }
    for row in rows:
        assert wanted <= set(row)
        assert row["test_tokens"] == 1e6
        assert row["mdl_bits"] == pytest.approx(row["epiplexity_bits"] + row["entropy_bits"])
    assert [row["status"] for row in rows] == ["ok", "ok", "untrained", "untrained"]
    assert rows[2]["entropy_bits_per_token"] == pytest.approx(math.log2(96))


def test_options_reach_the_analysis(call, store):
    options = ["--test-tokens", "2e6", "--variant", "online", "--floor", "raw", "--frontier", "raw"]
    row = only_json(call("frontier", store, "--compute", "6e9", *options, "--json"))["frontier"][0]
    assert (row["test_tokens"], row["variant"], row["floor"], row["procedure"]) == (
        *(2e6, "online", "raw", "raw"),
    )


def test_frontier_as_a_table(call, store):
    called = call("frontier", store, "--compute", "3e9")
    lines = called.out.splitlines()
    assert lines[0].split()[:2] == ["source", "T,"]
    assert max(map(len, lines)) <= 100
    assert not any(line != line.rstrip() for line in lines)
    assert "\x1b" not in called.out
    assert any(line.split()[0:1] == ["text"] and "ok" in line.split() for line in lines)
    assert any(line.split()[0:1] == ["noise"] and line.endswith("untrained") for line in lines)
    assert called.err.startswith("note (")


def test_frontier_as_csv_says_what_the_json_says(call, store):
    rows = only_json(call("frontier", store, "--json"))["frontier"]
    read = list(csv.DictReader(io.StringIO(call("frontier", store, "--csv").out)))
    assert [float(row["epiplexity_bits"]) for row in read] == [r["epiplexity_bits"] for r in rows]
    for side, name in enumerate(("mdl_bits_interval_low", "mdl_bits_interval_high")):
        sides = [(row["mdl_bits_interval"] or [None, None])[side] for row in rows]
        assert [float(row[name]) if row[name] else None for row in read] == sides
        assert any(value is not None for value in sides) or name.endswith("low")
    assert [row["status"] for row in read] == [row["status"] for row in rows]


def test_the_figure_is_written_where_asked(call, store, tmp_path):
    called = call("frontier", store, "--figure", tmp_path / "new" / "x.svg", "--json")
    only_json(called)
    assert f"figure: {tmp_path}/new/x.svg" in called.err
    assert (tmp_path / "new" / "x.svg").read_text(encoding="utf-8").startswith("<svg")


def test_one_source_alone(call, store):
    rows = only_json(call("frontier", store, "--source", "noise", "--compute", "3e9", "--json"))
    assert [row["source"] for row in rows["frontier"]] == ["noise"]
    rows = only_json(call("runs", store, "--source", "text", "--json"))["runs"]
    assert {row["source"] for row in rows} == {"text"}
    table = call("frontier", store, "--source", "text", "--floor-table", "--csv").out
    assert {row["source"] for row in csv.DictReader(io.StringIO(table))} == {"text"}
    refused = call("runs", store, "--source", "novel")
    assert refused.status == 2
    assert "unknown source 'novel'" in refused.err


@pytest.mark.parametrize(
    "option", [("--compute", "1e9"), ("--estimator", "prequential"), ("--frontier", "raw")]
)
def test_the_table_of_recipes_refuses_what_it_does_not_read(call, store, option):
    refused = call("frontier", store, "--recipe-table", *option)
    assert refused.status == 2
    assert f"{option[0]}: cannot be given together with --recipe-table" in refused.err


def test_a_budget_that_is_given_twice_is_one(call, store):
    twice = call("frontier", store, "--compute", "3e9", "--compute", "3e9", "--json")
    once = call("frontier", store, "--compute", "3e9", "--json")
    assert only_json(twice)["frontier"] == only_json(once)["frontier"]


def test_more_test_tokens_than_a_length_can_hold_are_refused(call, store):
    refused = call("frontier", store, "--test-tokens", "1e300")
    assert refused.status == 2
    assert "test_tokens: must be a positive number of label tokens, at most 1e+30" in refused.err
