"""`measure` refuses what it cannot measure in one line, and hands the rest on."""

import importlib
import io
import json
from typing import get_args

import pytest

from epiplexity_jax import api
from epiplexity_jax.results import load
from epiplexity_jax.sources.files.recognise import Reading

module = importlib.import_module("epiplexity_jax.cli.measure")


class Answer:
    """What the command prints, of a small store."""

    def __init__(self, store):
        self.runs, self.interrupted = load(store), False
        self.frontiers = self.runs.frontiers()
        self.results = tuple(self.runs.decompositions())
        self.differences, self.rates, self.changes, self.advice = (), (), (), ("more data",)
        self.notes = ()
        self.config = store.with_name("small.yaml")

    def to_json(self):
        return {"frontier": [one.to_json() for one in self.results]}


@pytest.fixture
def asked(monkeypatch, store):
    calls = []

    def measure(*sources, **options):
        calls.append((sources, options))
        return Answer(store)

    monkeypatch.setattr(api, "measure", measure)
    return calls


def test_an_answer_is_printed_within_80_columns(call, asked, tmp_path):
    ran = call("measure", "a.txt", "b.txt", "--minutes", "2", "--figure", tmp_path / "x.svg")
    assert ran.status == 0
    assert max(map(len, ran.out.splitlines())) <= 80
    assert "Sharper: more data" in ran.out
    assert (tmp_path / "x.svg").exists()
    ((sources, options),) = asked
    assert (sources, options["minutes"]) == (("a.txt", "b.txt"), 2.0)


def test_readings_are_those_that_are_known():
    assert get_args(Reading) == module._READINGS


def test_json_and_budgets(call, asked, tmp_path):
    ran = call("measure", "a", "--budgets", "1e9,2e9", "--json", "--figure", tmp_path / "x.svg")
    assert {"frontier", "figure", "version"} <= set(json.loads(ran.out))
    assert asked[0][1]["budgets"] == [1e9, 2e9]


def test_standard_input_is_kept_in_a_file(call, asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"words " * 9)))
    call("measure", "-", "--figure", "x.svg")
    ((path,), _), *_ = asked
    assert (tmp_path / path).read_bytes() == b"words " * 9
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    ran = call("measure", "-")
    assert (ran.status, "standard input is empty" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x", "--minutes", "0"], "--minutes: must be a positive number"),
        (["x", "--seed", "-1"], "--seed: must be at least 0, got -1"),
        (["x", "--budgets", "many"], "--budgets: expected numbers"),
        (["x", "--as", "poems"], "--as: expected one of"),
        (["x", "--length", "0"], "--length: must be at least 1"),
        (["absent.txt"], "no such file"),
    ],
)
def test_what_is_wrong_is_one_line(call, words, said, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ran = call("measure", *words)
    assert ran.status == 2
    assert ran.out == ""
    assert said in ran.err.strip().splitlines()[-1]


def test_an_interrupted_answer_ends_with_its_own_status(call, asked, monkeypatch, store, tmp_path):
    def stopped(*_, **__):
        answer = Answer(store)
        answer.interrupted = True
        return answer

    monkeypatch.setattr(api, "measure", stopped)
    ran = call("measure", "x", "--figure", tmp_path / "x.svg")
    assert ran.status == 130
    assert "Sharper" in ran.out


def test_an_early_interrupt_says_that_there_is_no_answer_yet(call, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "measure", stopped)
    ran = call("measure", "x")
    assert (ran.status, ran.out) == (130, "")
    assert "the same command goes on" in ran.err
