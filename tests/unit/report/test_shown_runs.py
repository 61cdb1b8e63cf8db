"""Runs of a store as a notebook shows them, and as a data frame."""

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.report import shown_runs
from epiplexity_jax.report.frames import flat_row
from epiplexity_jax.results import Runs
from epiplexity_jax.store.schema import RUNS
from tests.unit.store.stored import make_store

HOSTILE = "<b>x"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(make_store(tmp_path_factory.mktemp("runs")))


def test_runs_are_shown_as_a_table_with_a_row_each(runs):
    html = runs._repr_html_()
    assert html.count("<tr>") == len(runs) + 1
    assert "more" not in html
    assert repr(runs) == f"<Runs of {runs.path}: 8 runs of text, noise>"


def test_of_many_runs_the_first_are_shown_and_the_others_counted(runs, monkeypatch):
    monkeypatch.setattr(shown_runs, "MOST", 3)
    html = runs._repr_html_()
    assert html.count("<tr>") == 4
    assert "5 runs more" in html


def test_without_test_tokens_runs_are_shown_without_lengths(tmp_path):
    runs = Runs(make_store(tmp_path, "sources: {text: {}, noise: {}}\n"))
    html = runs._repr_html_()
    assert html.count("<tr>") == len(runs) + 1
    assert "no test tokens are known" in html
    with pytest.raises(ConfigError, match="test_tokens: not known"):
        runs.to_arrow()


def test_names_and_messages_are_not_markup():
    rows = [{"source": HOSTILE, "size": "s", "seed": 0, "message": HOSTILE}]
    (note,) = shown_runs._notes(rows, 0, 1e6)
    assert note == f"{HOSTILE}, s, seed 0: {HOSTILE}"


def test_a_frame_has_the_rows_and_the_columns_of_the_store(runs):
    table, rows = runs.to_arrow(), runs.rows()
    assert table.to_pylist() == [flat_row(row) for row in rows]
    assert table.column_names[: len(RUNS)] == [column.name for column in RUNS]
    assert table.column_names == list(rows[0])
    noise = runs.to_pandas(test_tokens=1e7, sources=["noise"])
    assert noise["source"].tolist() == ["noise"] * 4
    assert noise["test_tokens"].tolist() == [1e7] * 4
    assert runs.to_polars()["mdl_bits"].to_list() == [row["mdl_bits"] for row in rows]
