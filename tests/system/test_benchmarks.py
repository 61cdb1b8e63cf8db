"""Benchmarks that a user runs on an own machine run anywhere."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCENARIOS = (
    *("flips", "weak", "features", "tables", "mixtures", "replay"),
    *("jumps", "patches", "encoded", "context"),
)


@pytest.mark.slow
def test_the_accelerators_benchmark_runs_small_and_writes_nothing():
    before = {path: path.read_bytes() for path in (BENCHMARKS / "results").rglob("*.json")}
    command = [sys.executable, str(BENCHMARKS / "accelerator.py"), "--tiny"]
    parts = ["utilisation", "cohorts", "sampling"]
    done = subprocess.run([*command, *parts], capture_output=True, text=True, check=True)
    rows = [ast.literal_eval(line) for line in done.stdout.splitlines()]
    assert [row.get("method") for row in rows[:2]] == ["prequential", "requential"]
    assert all(0 < row["share_of_measured_peak"] < 2 for row in rows[:2])
    assert [row["members"] for row in rows[2:4]] == [1, 8]
    assert all(row["tokens_per_second"] > 0 for row in (*rows[:2], rows[4]))
    after = {path: path.read_bytes() for path in (BENCHMARKS / "results").rglob("*.json")}
    assert after == before


def test_an_unknown_part_is_refused_in_one_line():
    command = [sys.executable, str(BENCHMARKS / "accelerator.py"), "speed"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(
        "choose from utilisation, cohorts, sampling, sweep"
    )


def test_an_unknown_scenario_is_refused_in_one_line():
    command = [sys.executable, str(BENCHMARKS / "scenarios.py"), "--smoke", "gambling"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no scenario 'gambling'; choose from flips, " in done.stderr.splitlines()[-1]


LONG = {"context", "flips", "patches"}  # a minute and more to compile; readers have unit tests


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in LONG])
def test_a_scenario_trains_a_few_steps_and_is_read(name, monkeypatch, tmp_path):
    """Whether checks hold says nothing after so few; that they are plain data is asked."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    scenarios, lab = map(importlib.import_module, ("scenarios", "scenario_lab"))
    assert set(scenarios.SCENARIOS) == set(SCENARIOS)
    found = scenarios.result(name, lab.Lab(tmp_path, 0.01))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["rows"]
    assert {check["holds"] for check in found["checks"]} <= {True, False, None}
