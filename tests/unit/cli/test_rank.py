"""`rank`: the order on standard output, as tables, CSV or JSON, and one line for what is wrong."""

import csv
import io
from types import SimpleNamespace

import pytest

import epiplexity_jax as epx
from tests.unit.cli.documents import only_json
from tests.unit.store.stored import make_store


def test_rank_as_json(call, store):
    document = only_json(call("rank", store, "--compute", "6e9", "--json"))
    assert set(document) == {"rank", "differences", "changes", "stores", "version"}
    assert document["stores"] == [str(store)]
    assert [(row["source"], row["rank"]) for row in document["rank"]] == [("text", 1), ("noise", 2)]
    for row in document["rank"]:
        assert {"group", "rank_interval", "value", "value_interval", "unit"} <= set(row)
        assert {"saturation", "saturation_interval", "flags", "status", "test_tokens"} <= set(row)
    (pair,) = document["differences"]
    assert pair["difference"] == document["rank"][0]["value"] - document["rank"][1]["value"]
    assert (pair["separated"], pair["larger"]) == (not pair["why"], pair["larger"])


def test_rank_as_tables_of_80_columns(call, store):
    called = call("rank", store, "--compute", "3e9", "--compute", "6e9")
    lines = called.out.splitlines()
    assert called.status == 0, called.err
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[:2] == ["T,", "FLOPs"]
    assert "\x1b" not in called.out
    assert "share a" in called.out
    assert "d log S/d log T" in called.out


def test_rank_as_csv_says_what_the_json_says(call, store):
    rows = only_json(call("rank", store, "--by", "H", "--json"))["rank"]
    read = list(csv.DictReader(io.StringIO(call("rank", store, "--by", "H", "--csv").out)))
    assert [(row["source"], float(row["value"])) for row in read] == [
        (row["source"], row["value"]) for row in rows
    ]
    assert "rank_interval_low" in read[0]
    assert {row["by"] for row in read} == {"H"}


def test_a_store_is_read_again_without_training(call, store):
    options = ["--test-tokens", "2e6", "--variant", "online", "--floor", "raw", "--frontier", "raw"]
    rows = only_json(call("rank", store, "--compute", "6e9", *options, "--json"))["rank"]
    frontier = only_json(call("frontier", store, "--compute", "6e9", *options, "--json"))
    read = {row["source"]: row for row in frontier["frontier"]}
    for row in rows:
        own = read[row["source"]]
        assert {name: row[name] for name in own} == own
        assert (row["test_tokens"], row["variant"], row["floor"]) == (2e6, "online", "raw")
        assert row["value"] == own["epiplexity_bits"]


def test_stores_with_the_same_sources_are_observers(call, store, tmp_path):
    other = make_store(tmp_path / "other").path
    document = only_json(call("rank", store, other, "--compute", "6e9", "--json"))
    assert [row["observer"] for row in document["rank"]] == [
        *2 * ["transformer, small"],
        *2 * ["transformer, other"],
    ]
    assert document["changes"] == []
    assert "the observer" in call("rank", store, other, "--compute", "6e9").out


def test_the_figure_is_written_where_asked(call, store, tmp_path):
    path = tmp_path / "x.svg"
    called = call("rank", store, "--compute", "6e9", "--figure", path, "--json")
    only_json(called)
    assert f"figure: {path}" in called.err
    assert path.read_text(encoding="utf-8").startswith("<svg")


REFUSED = {
    "one source": (["--source", "text"], "expected at least two sources"),
    "a source that is not there": (["--source", "novel"], "unknown source 'novel'"),
    "a value that is not there": (["--by", "T"], "--by: unknown choice 'T'"),
    "a budget": (["--compute", "0"], "--compute: must be a positive number"),
    "a picture": (["--figure", "x.bmp"], "--figure: x.bmp must end in"),
    "two formats": (["--csv", "--json"], "--csv: cannot be given together"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_one_line(what, call, store):
    words, said = REFUSED[what]
    called = call("rank", store, *words)
    assert (called.status, called.out) == (2, "")
    assert said in called.err
    assert len(called.err.splitlines()) == 1


def test_a_folder_twice_or_without_a_store_is_one_line(call, store, tmp_path):
    assert "given twice" in call("rank", store, store).err
    called = call("rank", store, tmp_path / "nothing")
    assert called.status == 2
    assert len(called.err.splitlines()) == 1


def test_sources_are_trained_first(call, store, tmp_path, monkeypatch):
    calls = []

    def answer(sources, options):
        calls.append((sources, options))
        asked = [SimpleNamespace(name=name) for name in ("text", "noise")]
        return SimpleNamespace(runs=epx.load(store), request=SimpleNamespace(asked=asked))

    monkeypatch.setattr("epiplexity_jax.cli.measure.answer", answer)
    (tmp_path / "a.txt").write_text("a" * 100, encoding="ascii")
    called = call(
        "rank", tmp_path / "a.txt", "noise", "--minutes", "2", "--compute", "6e9", "--json"
    )
    document = only_json(called)
    assert document["stores"] == [str(store)]
    assert {row["source"] for row in document["rank"]} == {"text", "noise"}
    options = {"minutes": 2.0, "test_tokens": None, "budgets": [6e9]}
    assert calls == [([str(tmp_path / "a.txt"), "noise"], options)]


def test_a_store_that_is_named_as_a_kind_is_read(call, tmp_path, monkeypatch):
    make_store(tmp_path / "noise")
    monkeypatch.chdir(tmp_path)
    assert only_json(call("rank", "noise", "--compute", "6e9", "--json"))["stores"] == ["noise"]


def test_what_is_neither_a_store_nor_several_sources(call, store, tmp_path):
    (tmp_path / "a.txt").write_text("a" * 100, encoding="ascii")
    for words, said in {
        ("nothing",): "nothing: no such store, file or folder, and no kind of source",
        (tmp_path / "a.txt",): "is one source; name two or more, or use `measure`",
        (store.parent,): f"holds stores; name them, such as {store}",
        (store, "--minutes", "2"): "--minutes: is for sources",
        (tmp_path / "a.txt", "noise", "--minutes", "0"): "--minutes: must be a positive number",
    }.items():
        called = call("rank", *words)
        assert (called.status, called.out) == (2, "")
        assert said in called.err
        assert len(called.err.splitlines()) == 1


def test_stores_of_other_test_tokens_need_one_number(call, store, tmp_path):
    config = "sources: {text: {}, noise: {}}\nfrontier: {test_tokens: 2.0e6}\n"
    other = make_store(tmp_path / "other", config).path
    # The same sources: another observer, whose values are not compared.
    assert call("rank", store, other, "--compute", "6e9").status == 0
