"""Provenance of a report: facts of every store, and the command lines that make it again."""

import shlex
from dataclasses import replace

from epiplexity_jax._version import __version__
from epiplexity_jax.pages.facts import CITATION, commands, facts, report_words
from epiplexity_jax.pages.gather import gather
from tests.unit.store.stored import make_store

STARTS = [
    {
        "started": "2026-01-01T00:00:00",
        "arguments": ["run", "my config.yaml", "--store", "a"],
        "devices": "1 x H200",
        "packages": {"jax": "0.10.2", "numpy": "2.1.0", "other": "1"},
        "flags": {"XLA_FLAGS": "--x"},
        "compute_dtype": "bfloat16",
        "platform": "Linux",
        "revision": None,
    },
    {"started": "2026-01-02T00:00:00", "arguments": ["-c"]},
    {"started": "2026-01-03T00:00:00", "arguments": []},
]


def with_starts(report, starts):
    return replace(report, stores=[replace(one, starts=starts) for one in report.stores])


def test_facts_of_a_store_are_those_of_its_rows(small, folder):
    found = dict(facts(small))
    assert found["store"] == str(folder / "small")
    assert found["code"] == "prequential, paired, floor ema"
    assert found["held out"] == "windows"
    spent = 4 * 100 * 132 * 6.0 * (1000 + 4000)
    assert found["spent"] == "1.58e9 FLOPs of training"
    assert f"{spent:.3g}" == "1.58e+09"
    assert found["time"] == "12 s of devices"
    assert found["devices"] == "2 x cpu"
    assert found["versions"] == "epiplexity-jax 0.1.0"
    assert "revision" not in found
    assert "started" not in found


def test_facts_of_the_last_start_come_first(small):
    found = dict(facts(with_starts(small, STARTS[:1])))
    assert found["devices"] == "1 x H200"
    assert found["versions"] == "epiplexity-jax 0.1.0, jax 0.10.2, numpy 2.1.0"
    assert found["flags"] == "XLA_FLAGS=--x"
    assert (found["precision"], found["platform"]) == ("bfloat16", "Linux")
    assert found["started"] == "2026-01-01T00:00:00"


def test_several_starts_are_counted(small):
    found = dict(facts(with_starts(small, STARTS)))
    assert found["started"] == (
        "2026-01-01T00:00:00, then 2 times more, the last 2026-01-03T00:00:00"
    )


def test_runs_of_tuning_are_counted_apart(small):
    (store,) = small.stores
    rows = [row | {"role": "tuning"} if row["seed"] else row for row in store.rows]
    found = dict(facts(replace(small, stores=[replace(store, rows=rows)])))
    assert found["spent"] == "7.92e8 FLOPs of training, and 7.92e8 in 4 runs of tuning"


def test_of_several_stores_each_has_its_facts(both):
    names = [term for term, _ in facts(both)]
    assert names.index("small: store") < names.index("other: store")
    assert "other: spent" in names


def test_a_store_that_holds_none_of_the_sources_has_no_facts(folder):
    found = gather([folder / "small", folder / "law"], [3.0e9], ["noise"], thorough=False)
    assert {term.partition(":")[0] for term, _ in facts(found)} == {"small"}


def test_commands_quote_a_path_with_spaces_and_repeat_the_options(tmp_path):
    store = make_store(tmp_path / "two words")
    found = with_starts(gather([store.path], [6.0e9], thorough=False), STARTS)
    lines = commands(found, ["--variant", "a b", "-o", "x y.html"])
    path = str(store.path)
    assert [line[0] for line in lines] == ["#", "e"] * 3
    assert [shlex.split(line) for line in lines[1::2]] == [
        ["epiplexity-jax", "run", "my config.yaml", "--store", "a"],
        ["epiplexity-jax", "run", f"{path}/sweep.yaml", "--store", "runs/two words-again"],
        ["epiplexity-jax", "report", path, "--variant", "a b", "-o", "x y.html"],
    ]


def test_options_are_typed_without_losing_a_digit():
    options = {"test_tokens": 1234567.0, "procedure": "refined", "floor": "raw"}
    words = report_words("x.html", [1e12], ["a b"], options)
    assert shlex.join(words) == (
        "--test-tokens 1234567.0 --compute 1e12 --floor raw --source 'a b' -o x.html"
    )
    assert report_words(None, None, None, {"procedure": "raw"}) == ["--frontier", "raw"]


def test_what_a_python_program_started_is_no_command(small):
    found = commands(with_starts(small, STARTS[1:]), ())
    assert [line.split()[1] for line in found[1::2]] == ["run", "report"]


def test_every_store_is_in_the_line_of_the_report(both, folder):
    lines = commands(both, ())
    assert lines[-1] == f"epiplexity-jax report {folder / 'small'} {folder / 'other'}"
    assert len(lines) == 6


def test_the_citation_is_of_the_paper_and_of_this_version():
    assert "arXiv:2601.03220" in CITATION
    assert f"version = {{{__version__}}}" in CITATION
    assert CITATION.count("{") == CITATION.count("}")
