"""Does more structure carry further? Grammars with more primitives, and longer inputs.

Run: python benchmarks/generalisation.py  (a few minutes on two cores; runs/generalisation is
resumed)

A grammar's members are trained on three quarters of the combinations of a primitive and a modifier
and scored on the others, without a further step (`transfer`, steps 0). With more primitives there
is more to store and one rule to find: S and the accuracy on new combinations are expected to rise
together. Members of copy, reverse, sort and parity are trained on up to 8 symbols and scored on 9
to 16: parity is expected to fail, as its rule is not local (Zhou et al. 2023 find this order).

A statement holds where 95 % intervals over seeds agree with it, fails where they disagree, and is
open otherwise. `--read` checks the committed rows again, without training.
"""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
from result import write
from scipy.stats import t
from verdicts import parser, read_again, say

import epiplexity_jax as epx
from epiplexity_jax.base.config import Config
from epiplexity_jax.experiments.findings import Estimate
from epiplexity_jax.experiments.measured import mean_over_seeds
from epiplexity_jax.runtime.devices import configure_process
from epiplexity_jax.sweep.progress import Silent

ROOT = Path(__file__).parents[1]
PRIMITIVES = (4, 8, 16, 32)
TASKS = ("copy", "reverse", "sort", "parity")
TRAINED, ASKED = (1, 8), (9, 16)
TEST_TOKENS, STEPS, SEEDS, SCORED = 1e6, 2000, 3, 20_000


def grammar(primitives: int, split: str) -> Config:
    return epx.sources.Grammar(primitives=primitives, modifiers=4, split=split)


def lengths(task: str, span: tuple[int, int]) -> Config:
    return epx.sources.LengthGeneralisation(task=task, lengths=span, max_length=ASKED[1])


def train(name: str, sources: dict[str, Config]) -> epx.Runs:
    """Members of one size on every source, by the published recipe."""
    return epx.run(
        sources,
        epx.families.Transformer(widths=(32,), depths=(2,), seeds=SEEDS),
        steps=STEPS,
        training=epx.Training(batch_size=64),
        heldout=epx.Heldout(tokens=SCORED),
        recipe="fixed",
        frontier=epx.FrontierOptions(test_tokens=TEST_TOKENS),
        store=ROOT / "runs" / "generalisation" / name,
        progress=Silent(),
    )


def scored(runs: epx.Runs, name: str, near: Config, far: Config) -> dict[str, Any]:
    """S, and the share of sequences that are right, on the training's kind and on the other."""
    options = {"sources": [name], "steps": 0, "heldout_tokens": SCORED, "seed": 1}
    known, new = (epx.transfer(runs, target, **options).members for target in (near, far))
    bits = [row["model_bits"] for row in runs.rows(sources=[name])]
    return {
        "source": name,
        "model_bits": float(np.mean(bits)),
        "model_bits_std": float(np.std(bits, ddof=1)),
        "accuracy": [row["accuracy"] for row in known],
        "new_accuracy": [row["accuracy"] for row in new],
        "new_label_accuracy": [row["label_accuracy"] for row in new],
    }


def structure(row: dict[str, Any]) -> Estimate:
    """S with its interval over seeds, of a row's mean and standard deviation."""
    seeds = len(row["accuracy"])
    half = float(t.ppf(0.975, seeds - 1)) * row["model_bits_std"] / math.sqrt(seeds)
    return Estimate(row["model_bits"], row["model_bits"] - half, row["model_bits"] + half)


def share(row: dict[str, Any], key: str) -> Estimate:
    """A share with its interval over seeds."""
    return mean_over_seeds(np.array(row[key]), 0.0)


def rises(values: list[Estimate]) -> bool | None:
    """Find whether values rise from each to the next; None where intervals overlap."""
    steps = list(itertools.pairwise(values))
    if any(less.above(more) for less, more in steps):
        return False
    return True if all(more.above(less) for less, more in steps) else None


def checks(grammars: list[dict[str, Any]], tasks: list[dict[str, Any]]) -> dict[str, bool | None]:
    """Statements by 95 % intervals over seeds: True, False, or None where they are open."""
    solved = [share(row, "accuracy").inside(0.9, math.inf) for row in tasks]
    return {
        "S rises with the number of primitives": rises([structure(row) for row in grammars]),
        "accuracy on new combinations rises with it": rises(
            [share(row, "new_accuracy") for row in grammars]
        ),
        "all tasks are solved at the lengths of training (0.9)": (
            False if False in solved else None if None in solved else True
        ),
        "parity fails at longer inputs (at most 0.6)": share(tasks[-1], "new_accuracy").inside(
            -math.inf, 0.6
        ),
    }


def measure() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Train all members and score them: rows of the grammars, and of the tasks by length."""
    named = {f"{k} primitives": k for k in PRIMITIVES}
    runs = train("grammar", {name: grammar(k, "train") for name, k in named.items()})
    grammars = [
        scored(runs, name, grammar(k, "train"), grammar(k, "new_combinations"))
        for name, k in named.items()
    ]
    runs = train("lengths", {task: lengths(task, TRAINED) for task in TASKS})
    tasks = [scored(runs, task, lengths(task, TRAINED), lengths(task, ASKED)) for task in TASKS]
    return grammars, tasks


def main() -> None:
    if parser().parse_args().read:
        path = read_again(
            "generalisation",
            lambda found: {"checks": checks(found["grammar"], found["lengths"])},
        )
    else:
        configure_process()
        grammars, tasks = measure()
        for row in (*grammars, *tasks):
            print(row)
        found = {"checks": checks(grammars, tasks), "grammar": grammars, "lengths": tasks}
        path = write("generalisation", steps=STEPS, **found)
    say(path)


if __name__ == "__main__":
    main()
