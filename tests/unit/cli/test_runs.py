"""`runs`: a row per run, as a table, CSV or JSON."""

import csv
import io
import math

import pytest

from tests.unit.cli.documents import only_json


def test_runs_as_json(call, store):
    document = only_json(call("runs", store, "--json"))
    rows = document["runs"]
    assert len(rows) == 8
    first = rows[0]
    assert (first["run_id"], first["status"], first["certified_bits"]) == (
        *("text-1000-0", "finished", None),
    )
    assert first["entropy_rate_nats"] is None
    assert first["model_bits"] > 0
    assert first["data_bits"] == pytest.approx(1e6 * first["heldout_loss_nats"] / math.log(2))


def test_runs_as_a_table_and_as_csv(call, store):
    table = call("runs", store).out.splitlines()
    assert len(table) == 2 + 8
    assert max(map(len, table)) <= 110
    read = list(csv.DictReader(io.StringIO(call("runs", store, "--csv").out)))
    assert [row["run_id"] for row in read][:2] == ["text-1000-0", "text-1000-1"]


def test_a_curve_takes_no_reading(call, store):
    for option in (["--floor", "raw"], ["--test-tokens", "1e6"], ["--source", "text"]):
        refused = call("runs", store, "--export-curve", "text-1000-0", *option)
        assert refused.status == 2
        assert f"{option[0]}: cannot be given together with --export-curve" in refused.err


def test_the_loss_of_a_run_is_that_of_the_floors_weights(call, store):
    ema, raw = (
        only_json(call("runs", store, "--floor", floor, "--json"))["runs"][0]
        for floor in ("ema", "raw")
    )
    assert ema["heldout_loss_nats"] != raw["heldout_loss_nats"]
    for row in (ema, raw):
        assert row["data_bits"] == pytest.approx(1e6 * row["heldout_loss_nats"] / math.log(2))
