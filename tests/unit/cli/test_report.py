"""`report`: the answer on standard output, the files, its own line, and one line for bad input."""

import shlex

import pytest

from epiplexity_jax.pages import build
from tests.unit.store.stored import make_law_store


@pytest.fixture(autouse=True)
def few_stops(monkeypatch):
    """Let sliders have few stops: each asks every frontier."""
    monkeypatch.setattr(build, "_STOPS", 3)


def line_of(path):
    """Words of the last command on a page's summary."""
    text = path.with_name("summary.md").read_text(encoding="utf-8")
    return shlex.split(text.partition("```bash\n")[2].partition("\n```")[0].splitlines()[-1])


def test_the_answer_is_printed_and_the_files_are_named(call, store, tmp_path):
    page = tmp_path / "pages" / "my page.html"
    called = call("report", store, "-o", page, "--compute", "6e9")
    assert called.status == 0, called.err
    measured, found, *_ = called.out.splitlines()
    assert measured.startswith("Measured: 2 sources, text and noise. 8 runs of transformer models")
    assert found.startswith("At T = 6e9 FLOPs, text holds ")
    assert called.err.splitlines() == [
        f"page: {page}",
        f"summary: {page.with_name('summary.json')}, {page.with_name('summary.md')}",
    ]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_its_line_repeats_the_options(call, tmp_path):
    store = make_law_store(tmp_path / "two words", (1000, 4000)).path
    options = ["--test-tokens", "1234567", "--compute", "3e9", "--compute", "6123456789"]
    options += ["--variant", "online", "--floor", "raw", "--frontier", "raw", "--source", "text"]
    page = tmp_path / "x y.html"
    called = call("report", store, *options, "--output", page)
    assert called.status == 0, called.err
    command, verb, where, *words = line_of(page)
    assert (command, verb, where) == ("epiplexity-jax", "report", str(store))
    given = dict(zip(words[::2], words[1::2], strict=True))
    assert float(given.pop("--test-tokens")) == 1234567.0
    compute = [words[i + 1] for i, word in enumerate(words) if word == "--compute"]
    assert [float(value) for value in compute] == [3e9, 6123456789.0]
    del given["--compute"]
    assert given == {
        "--variant": "online",
        "--floor": "raw",
        "--frontier": "raw",
        "--source": "text",
        "-o": str(page),
    }
    again = call(*line_of(page)[1:])
    assert (again.status, again.out) == (0, called.out)


def test_without_options_its_line_has_none(call, tmp_path):
    store = make_law_store(tmp_path / "plain", (1000, 4000)).path
    assert call("report", store).status == 0
    assert line_of(store / "report.html") == ["epiplexity-jax", "report", str(store)]


REFUSED = {
    "a missing store": (["{tmp}/nowhere"], "nowhere"),
    "a folder without a store": (["{tmp}"], "{tmp}"),
    "a file": (["{tmp}/file"], "file"),
    "one store twice": (["{store}", "{store}"], "a folder is given twice"),
    "another ending": (["{store}", "-o", "{tmp}/x.pdf"], "must end in .html"),
    "a folder as page": (["{store}", "-o", "{tmp}/folder.html"], "is a folder"),
    "a path through a file": (["{store}", "-o", "{tmp}/file/x.html"], "Not a directory"),
    "another summary": (["{store}", "-o", "{tmp}/taken/x.html"], "is no summary of a report"),
    "no such source": (["{store}", "--source", "code"], "'code'"),
    "no tokens": (["{store}", "--test-tokens", "0"], "--test-tokens: must be a positive number"),
    "no budget": (["{store}", "--compute", "-1"], "--compute: must be a positive number"),
    "an unknown variant": (["{store}", "--variant", "onlin"], "--variant: unknown choice 'onlin'"),
    "an unknown floor": (["{store}", "--floor", "x"], "--floor: unknown choice 'x'"),
    "an unknown procedure": (["{store}", "--frontier", "x"], "--frontier: unknown choice 'x'"),
    "an unknown estimator": (["{store}", "--estimator", "x"], "estimator: unknown estimator 'x'"),
    "a floor that is not known": (["{store}", "--floor", "entropy_rate"], "entropy_rate"),
    "no law": (["{store}", "--frontier", "fitted"], "do not identify a law"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line(call, store, tmp_path, case):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "summary.json").write_text("{}")
    words, said = REFUSED[case]
    places = {"tmp": tmp_path, "store": store}
    called = call("report", *(word.format(**places) for word in words))
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith("epiplexity-jax: error: ")
    assert called.err.count("\n") == 1
    assert said.format(**places) in called.err
    assert not (store / "report.html").exists()


def test_no_store_is_refused(call):
    called = call("report")
    assert called.status == 2
    assert "STORE" in called.err
