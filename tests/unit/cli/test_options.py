"""How results leave the program: plain JSON, and tables for any terminal."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from epiplexity_jax.cli.options import echo_json


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (np.float32("nan"), None),
        (-math.inf, None),
        (np.int64(3), 3),
        (True, True),
        ((1, 2.5), [1, 2.5]),
    ],
)
def test_json_holds_plain_values_only(value, printed, capsys):
    echo_json({"value": value})
    read = json.loads(capsys.readouterr().out)["value"]
    assert read == printed
    assert type(read) is type(printed)


def test_a_terminal_that_knows_ascii_only(store):
    command = [sys.executable, "-m", "epiplexity_jax", "frontier", store, "--compute", "3e9"]
    env = {"PYTHONIOENCODING": "ascii", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, env=env, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"+-" in done.stdout
    done.stdout.decode("ascii")


def test_a_narrow_terminal_cuts_no_number(call, store, monkeypatch):
    plain = call("frontier", store).out
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    narrow = call("frontier", store).out
    assert "…" not in plain + narrow
    assert "MDL_T" in plain.splitlines()[0]
    assert "MDL_T" not in narrow.splitlines()[0]
    assert "a wider terminal has MDL_T" in narrow
    table = narrow.partition("prequential")[0]
    words = {word for word in table.split() if word.strip("─")}
    assert words <= set(plain.split())


@pytest.mark.parametrize("command", ["frontier", "runs"])
def test_two_formats_at_once_are_refused(call, store, command):
    refused = call(command, store, "--csv", "--json")
    assert (refused.status, refused.out) == (2, "")
    assert "--csv: cannot be given together with --json" in refused.err
