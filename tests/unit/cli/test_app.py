"""Every command's help; and what a user can mend, in one line and with exit status 2."""

import os
import subprocess
import sys

import pytest

from epiplexity_jax import __version__, api
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.trackers import spec
from tests.unit.store.stored import make_store

COMMANDS = [
    *(
        "measure",
        "run",
        "launch",
        "frontier",
        "rank",
        "transfer",
        "report",
        "watch",
        "runs",
        "curve",
    ),
    *("scaling-law", "sources", "families", "devices", "init", "experiments"),
]


def refused(called, *parts):
    assert called.status == 2
    assert called.out == ""
    assert called.err.startswith("epiplexity-jax: error: ")
    assert called.err.count("\n") == 1
    assert all(part in called.err for part in parts), called.err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["measure-all"], ["measure-all"]),
        (["frontier"], ["STORE"]),
        (["run"], ["CONFIG"]),
        (["frontier", "STORE", "--nope"], ["--nope"]),
        (["frontier", "STORE", "--compute", "lots"], ["--compute", "number"]),
        (["frontier", "STORE", "--compute"], ["--compute"]),
        (["frontier", "STORE", "--compute", "-1"], ["--compute", "positive", "-1"]),
        (["frontier", "STORE", "--compute", "1e9", "--compute", "0"], ["--compute", "positive"]),
        (["frontier", "STORE", "--compute", "nan"], ["--compute", "positive", "nan"]),
        (["frontier", "STORE", "--compute", "inf"], ["--compute", "positive", "inf"]),
        (["frontier", "STORE", "--test-tokens", "0"], ["--test-tokens", "positive", "0"]),
        (["frontier", "STORE", "--variant", "exakt"], ["--variant", "online, paired"]),
        (["frontier", "STORE", "--floor", "rate"], ["--floor", "entropy_rate"]),
        (["frontier", "STORE", "--floor", "entropy_rate"], ["entropy_rate"]),
        (["frontier", "STORE", "--frontier", "hul-median"], ["did you mean 'hull-median'"]),
        (["frontier", "STORE", "--estimator", "requential"], ["prequential"]),
        (["frontier", "STORE", "--figure", "x.bmp"], ["--figure", ".png, .svg, .pdf, .html"]),
        (["runs", "STORE", "--test-tokens", "-5"], ["--test-tokens", "positive"]),
        (["runs", "STORE", "--variant", "exakt"], ["--variant"]),
        (["run", "x.yaml", "--figure", "x.bmp"], ["--figure"]),
        (["run", "x.yaml", "--figure", "x.png", "--no-figure"], ["--figure", "--no-figure"]),
        (["run", "nothere.yaml"], ["nothere.yaml", "no such config file", "init"]),
        (["run", "nothere.yaml", "--dry-run"], ["nothere.yaml"]),
    ],
    ids=" ".join,
)
def test_a_wrong_argument_is_one_line(call, store, words, parts):
    refused(call(*[store if word == "STORE" else word for word in words]), *parts)


def test_a_missing_store(call, tmp_path):
    for command in ("frontier", "runs"):
        refused(call(command, tmp_path / "x"), "no such store")


def test_a_folder_that_is_no_store(call, tmp_path):
    (tmp_path / "thesis.tex").touch()
    for command in ("frontier", "runs"):
        refused(call(command, tmp_path), "no store", "thesis.tex")


def test_test_tokens_that_nobody_named(call, tmp_path):
    make_store(tmp_path / "x", "sources: {text: {}}\n")
    for command in ("frontier", "runs"):
        refused(call(command, tmp_path / "x"), "--test-tokens")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["empty"]),
        ("a: [1", ["config.yaml", "line"]),
        ("sources: {a: {kind: noise}}\nfamly: {kind: ngram}\n", ["famly", "did you mean 'family'"]),
    ],
    ids=["blank", "broken", "misspelt"],
)
def test_a_bad_config(call, tmp_path, text, parts):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    refused(call("run", tmp_path / "config.yaml", "--store", tmp_path / "s"), *parts)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("words", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_a_tracker_without_its_package(call, tmp_path, monkeypatch, words):
    usual = spec.importlib.util.find_spec
    monkeypatch.setattr(
        spec.importlib.util, "find_spec", lambda n: None if n == "wandb" else usual(n)
    )
    text = "sources: {a: {kind: noise}}\nfamily: {kind: ngram}\ntrackers: [jsonl, wandb]\n"
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    called = call("run", tmp_path / "config.yaml", "--store", tmp_path / "s", *words)
    refused(called, "trackers.1: wandb needs", "pip install 'epiplexity-jax[wandb]'")
    assert not (tmp_path / "s").exists()


def test_sentences_of_every_layer_lose_their_line_ends(call, monkeypatch):
    def fail(*_):
        raise DataError("book.txt: is empty;\n  a text is needed")

    monkeypatch.setattr(api, "run_config", fail)
    refused(call("run", "x.yaml"), "book.txt: is empty; a text is needed")


def test_memory_that_is_not_there_is_one_line(call, monkeypatch):
    def fail(*_):
        raise MemoryError("Unable to allocate 7.28 PiB for an array")

    monkeypatch.setattr(api, "run_config", fail)
    refused(call("run", "x.yaml"), "memory: Unable to allocate 7.28 PiB", "less data")


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch, call, capsys):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(api, "run_config", fail)
    with pytest.raises(ZeroDivisionError):
        call("run", "x.yaml")


@pytest.mark.parametrize("words", [["sources"], ["sources", "--json"]], ids=" ".join)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_seen_enough(words, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "epiplexity_jax", *words]
    env = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(command, env=env, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(call, command):
    called = call(command, "--help")
    assert called.status == 0
    assert called.out.startswith(f"Usage: epiplexity-jax {command}")
    assert call(command, "-h").out == called.out


def test_help_names_every_command(call):
    assert call() == call("--help") == call("-h")
    commands = call().out.partition("Commands:")[2]
    assert [line.split()[0] for line in commands.strip().splitlines()] == COMMANDS


def test_the_version(call):
    assert call("--version") == (0, f"epiplexity-jax {__version__}\n", "")


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from epiplexity_jax.cli.app import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'jax', 'numpy', 'pyarrow', 'altair', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "epiplexity_jax", "--version"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == f"epiplexity-jax {__version__}\n"


def test_completion_is_offered(call):
    assert "--install-completion" in call("--help").out
