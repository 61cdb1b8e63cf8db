"""Outcomes of a benchmark's statements by 95 % intervals over seeds: hold, fail, or stay open."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from result import RESULTS

from epiplexity_jax.experiments.findings import Estimate
from epiplexity_jax.experiments.measured import mean_over_seeds

Checks = Mapping[str, bool | None]
_WORDS = {True: "holds", False: "FAILS", None: "open "}


def paired(more: np.ndarray, less: np.ndarray) -> Estimate:
    """Mean difference of two values [S] of the same seeds, with its interval over seeds."""
    return mean_over_seeds(more - less, 0.0)


def positive(difference: Estimate) -> bool | None:
    """Find whether an interval is above 0, False where it is below; None where it holds 0."""
    if difference.above(0.0):
        return True
    return False if Estimate(0.0, 0.0, 0.0).above(difference) else None


def parser() -> argparse.ArgumentParser:
    """Make a command line with `--read`."""
    made = argparse.ArgumentParser()
    made.add_argument("--read", action="store_true", help="check the committed rows again")
    return made


def read_again(name: str, derive: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Path:
    """Derive parts of a committed result from its rows again; its origin stays that of its rows.

    Args:
        name: name of the benchmark.
        derive: from the result to the parts that are replaced.
    """
    path = RESULTS / f"{name}.json"
    found = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(found | derive(found), indent=1) + "\n", encoding="utf-8")
    return path


def say(path: Path) -> None:
    """Print the outcomes of a result's statements; end with status 1 where one fails."""
    print(path)
    checks: Checks = json.loads(path.read_text("utf-8"))["checks"]
    for sentence, holds in checks.items():
        print(_WORDS[holds], sentence)
    sys.exit(False in checks.values())
