"""Checks of the benchmark of generalisation: by intervals over seeds, from its rows."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from docs import transfer_tables

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SLIGHT = np.array([-0.001, 0.0, 0.001])


@pytest.fixture(scope="module")
def benchmark():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module("generalisation")


def row(bits: float, new: float, known: float = 0.99, scatter: float = 1.0) -> dict:
    return {
        "model_bits": bits,
        "model_bits_std": bits * 0.001 * scatter,
        "accuracy": (known + SLIGHT * scatter).tolist(),
        "new_accuracy": (new + SLIGHT * scatter).tolist(),
    }


@pytest.mark.parametrize(
    ("bits", "new", "parity", "scatter", "outcomes"),
    [
        ((1.0, 2.0, 3.0), (0.5, 0.6, 0.7), (0.5, 0.99), 1.0, [True, True, True, True]),
        ((1.0, 3.0, 2.0), (0.5, 0.7, 0.6), (0.9, 0.5), 1.0, [False, False, False, False]),
        ((1.0, 1.1, 1.2), (0.5, 0.6, 0.7), (0.55, 0.95), 90.0, [None, None, None, None]),
    ],
)
def test_statements_hold_fail_or_are_open(benchmark, bits, new, parity, scatter, outcomes):
    grammars = [row(*one, scatter=scatter) for one in zip(bits, new, strict=True)]
    found = benchmark.checks(grammars, [row(1.0, 0.1), row(1.0, *parity, scatter=scatter)])
    assert list(found.values()) == outcomes


def test_the_interval_of_a_mean_and_deviation_is_that_of_the_seeds(benchmark):
    seeds = np.array([10.0, 12.0, 17.0])
    named = {"model_bits": seeds.mean(), "model_bits_std": seeds.std(ddof=1), "accuracy": [1] * 3}
    found = benchmark.structure(named)
    assert found.interval == pytest.approx(benchmark.mean_over_seeds(seeds, 0.0).interval)


def test_committed_checks_are_what_the_committed_rows_say(benchmark):
    found = json.loads((BENCHMARKS / "results" / "generalisation.json").read_text("utf-8"))
    assert found["checks"] == benchmark.checks(found["grammar"], found["lengths"])
    said = transfer_tables.generalisation(found)
    assert "- open: accuracy on new combinations rises with it" in said
