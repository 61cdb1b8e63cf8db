"""What people get wrong, through the real command: one line, exit status 2, and nothing written."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from epiplexity_jax.cli.app import main

BOOK = "It was the best of times. " * 400


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """A folder with a config that is right and a book to go with it."""
    (tmp_path / "book.txt").write_text(BOOK, encoding="ascii")
    config = {
        "sources": {
            "book": {"kind": "text", "path": "book.txt", "alphabet": "ascii96", "length": 16},
            "noise": {"kind": "noise", "vocab_size": 96, "length": 16},
        },
        "family": {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 1},
        "recipe": "fixed",
        "training": {"steps": 4, "batch_size": 4, "warmup_steps": 2},
        "heldout": {"tokens": 1024},
        "frontier": {"test_tokens": 1e6},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys):
    """Run a command line in this process: its status, output and errors."""

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        return ended.value.code or 0, *capsys.readouterr()

    return run


def refused(called, *parts):
    status, out, err = called
    assert (status, out) == (2, "")
    assert err.startswith("epiplexity-jax: error: ")
    assert err.count("\n") == 1
    assert all(part in err for part in parts), err


WRONG = {
    "missing file": ("sources.book.path=nowhere.txt", ["sources.book: ", "nowhere.txt"]),
    "no such files": ("sources.book.path=*.txtt", ["sources.book: ", "*.txtt", "matches no file"]),
    "steps of an epoch": ("training.steps=100000", ["sources.book", "at most"]),
    "unknown key": ("training.stepps=4", ["training", "stepps", "did you mean 'steps'"]),
    "unknown section": ("trainning.steps=4", ["trainning", "did you mean 'training'"]),
    "width 37": ("family.widths=[37]", ["family.widths", "37", "36 or 38"]),
    "zero width": ("family.widths=[0]", ["family.widths"]),
    "negative width": ("family.widths=[-8]", ["family.widths", "-8"]),
    "zero steps": ("training.steps=0", ["training.steps"]),
    "negative steps": ("training.steps=-4", ["training.steps", "-4"]),
    "zero batch": ("training.batch_size=0", ["training.batch_size"]),
    "negative batch": ("training.batch_size=-4", ["training.batch_size", "-4"]),
    "zero budget": ("frontier.compute=[0]", ["frontier.compute"]),
    "negative budget": ("frontier.compute=[-1e12]", ["frontier.compute"]),
    "test tokens of 0": ("frontier.test_tokens=0", ["frontier.test_tokens"]),
    "rule 256": ("sources.eca={kind: elementary_ca, rule: 256}", ["sources.eca.rule", "255"]),
    "unknown source": ("sources.noise.kind=nois", ["sources.noise.kind", "did you mean 'noise'"]),
    "unknown family": ("family.kind=transfomer", ["family.kind", "did you mean 'transformer'"]),
    "unknown estimator": ("estimator.kind=prequentiall", ["estimator.kind", "'prequential'"]),
    "no known entropy rate": ("estimator.floor=entropy_rate", ["estimator.floor", "'book'"]),
    "malformed override": ("training.steps", ["training.steps", "key=value"]),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("dry", [False, True], ids=["run", "dry run"])
def test_a_wrong_value(what, dry, workshop, call):
    override, parts = WRONG[what]
    refused(call("run", "config.yaml", override, *["--dry-run"] * dry), *parts)
    assert not (workshop / "runs").exists()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["sources.book: ", "book.txt", "empty"]),
        (b"a", ["book.txt"]),
        (b"It was the best of times.", ["sources.book"]),
        ("Caf\u00e9. ".encode() * 2000, ["book.txt", "alphabet"]),
        (b"\xff\xfe" * 2000, ["book.txt"]),
    ],
    ids=["empty", "one token", "shorter than a batch", "outside the alphabet", "no text"],
)
def test_a_wrong_file(content, parts, workshop, call):
    (workshop / "book.txt").write_bytes(content)
    refused(call("run", "config.yaml"), *parts)
    assert not (workshop / "runs").exists()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["empty", "sources and family"]),
        (b"sources: [1, 2", ["config.yaml", "line"]),
        (b"seed: 1\nseed: 2\n", ["config.yaml", "line 2", "'seed' is given twice"]),
        (b"\x80\x81", ["config.yaml", "UTF-8"]),
    ],
    ids=["blank", "broken", "twice", "no text"],
)
def test_a_wrong_config(content, parts, workshop, call):
    (workshop / "config.yaml").write_bytes(content)
    refused(call("run", "config.yaml"), *parts)


def test_a_store_that_is_something_else(workshop, call):
    (workshop / "thesis").mkdir()
    (workshop / "thesis" / "thesis.tex").touch()
    refused(call("run", "config.yaml", "--store", "thesis"), "thesis", "is no store")
    refused(call("run", "config.yaml", "--store", "book.txt"), "book.txt", "is a file")
    refused(call("frontier", "thesis"), "thesis", "is no store")
    assert os.listdir("thesis") == ["thesis.tex"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everywhere")
def test_a_store_that_cannot_be_read_or_written(workshop, call):
    (workshop / "locked").mkdir(mode=0)
    refused(call("run", "config.yaml", "--store", "locked"), "locked", "cannot be")
    refused(call("frontier", "locked"), "locked", "cannot be")


def test_the_written_config_passes_its_own_check(workshop, call):
    assert call("init", "mine.yaml")[0] == 0
    one = ("family.widths=[16]", "family.depths=[1]")
    status, out, _ = call("run", "mine.yaml", *one, "--dry-run", "--json")
    assert status == 0
    plan = json.loads(out)["plan"]
    assert (plan["runs"], plan["finished"]) == (6, 0)
    refused(call("init", "mine.yaml"), "mine.yaml")
    assert not (workshop / "runs").exists()


def test_a_dry_run_of_devices_that_share_a_state(workshop, call):
    shared = ("training.data_devices=2", "training.shard_state=true")
    status, out, _ = call("run", "config.yaml", *shared, "--dry-run", "--json")
    assert status == 0
    (cohort,) = json.loads(out)["plan"]["cohorts"]
    assert cohort["shards_state"]
    assert cohort["wall_seconds"] > 0


def test_a_run_says_how_it_goes_in_plain_lines_where_there_is_no_terminal(workshop, forks):
    done = forks.run("run", "config.yaml", "--no-figure")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == "runs 0/2"
    assert any(line.startswith("runs 2/2, ") and "tokens/s" in line for line in lines)
    assert "\x1b" not in done.stderr + done.stdout
    assert "\r" not in done.stderr + done.stdout
    assert "S_T, bits" in done.stdout


def test_the_real_program_refuses_in_one_line_too(workshop):
    command = [sys.executable, "-m", "epiplexity_jax", "run", "config.yaml", "family.widths=[37]"]
    done = subprocess.run(command, capture_output=True, text=True)
    refused((done.returncode, done.stdout, done.stderr), "37")
