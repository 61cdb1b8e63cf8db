"""Does tuning find the best recipe, and at what cost? Against a whole grid, on text and rule 54.

Run: python benchmarks/tuning.py [SOURCE] [STEPS]  (about 6 minutes on two cores at 100 steps; the
stores under runs/tuning are resumed)

A grid of 9 rates, 3 batches, 2 warm-ups and 3 windows is trained on one size and one seed. The
tuned recipe's two-part code must be within 1 % of the least of the grid, at 15 % of the grid's
FLOPs or less.
"""

import itertools
import sys
from pathlib import Path

from result import write

from epiplexity_jax import api
from epiplexity_jax.analysis.runs.recipes import least_code
from epiplexity_jax.executors.choose import executor_of
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.runtime.devices import configure_process
from epiplexity_jax.store import Store
from epiplexity_jax.store.store import StoredRun
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.executor import SweepContext
from epiplexity_jax.sweep.plan import make_plan
from epiplexity_jax.sweep.progress import Silent
from epiplexity_jax.sweep.recipe import Recipes, with_batch
from epiplexity_jax.sweep.runner import run_plan

ROOT = Path(__file__).parents[1]
SOURCES = {
    "text": {"kind": "python_stdlib", "length": 64},
    "rule54": {"kind": "elementary_ca", "rule": 54, "cells": 32, "steps": 8},
}
RATES = [0.03 * 2.0**power for power in range(-2, 7)]
BATCHES, WARMUPS, WINDOWS = (16, 64, 256), (10, 100), (0.03, 0.1, 0.3)


def config(name: str, steps: int) -> dict:
    return {
        "sources": {name: SOURCES[name]},
        "family": {"kind": "transformer", "widths": [8], "depths": [1], "seeds": 2},
        "training": {"steps": steps},
        "heldout": {"tokens": 70_000},
        "frontier": {"test_tokens": 1e7},
    }


def grid(name: str, steps: int, folder: Path) -> list[dict]:
    """Train and score the grid; one row a recipe, the best first."""
    sweep, store = parse_sweep(config(name, steps)), Store.open(folder, create=True)
    given = Recipes.of(sweep, open_family(sweep.family)).given
    recipes = [
        with_batch(given, batch).model_copy(
            update={"learning_rate": rate, "warmup_steps": warmup, "ema_growth": window}
        )
        for rate, batch, warmup, window in itertools.product(RATES, BATCHES, WARMUPS, WINDOWS)
    ]
    with executor_of(sweep) as executor:
        plan = make_plan(sweep, "cpu", {name: recipes})
        context = SweepContext(plan, store, Silent(), lambda: False)
        with store.lock():
            run_plan(context, executor)
    rows = []
    for run, recipe in zip(plan.runs, recipes, strict=True):
        stored = StoredRun(store.finished()[run.run_id], store.history(run.run_id))
        code = least_code(stored, 1e7, "switch", "ema")
        spent = stored.history["spent_flops"][-1]
        rows.append({**recipe.model_dump(), **code._asdict(), "flops": float(spent)})
    return sorted(rows, key=lambda row: row["mdl_bits"])


def measure(name: str, steps: int, folder: Path) -> dict:
    """The grid's best, the published and the tuned recipe, and what each search cost."""
    rows = grid(name, steps, folder / "grid")
    sweep = config(name, steps)
    runs = api.run(
        parse_sweep(sweep).sources,
        parse_sweep(sweep).family,
        store=folder / "tuned",
        steps=steps,
        heldout=api.Heldout(tokens=70_000),
        frontier=api.FrontierOptions(test_tokens=1e7),
    )
    recipe = runs.decompositions()[-1].to_json()["recipe"]
    tried = runs.recipes()
    chosen = next(row for row in tried if row["chosen"])
    published = next(
        row
        for row in rows
        if (row["learning_rate"], row["batch_size"], row["warmup_steps"], row["ema_growth"])
        == (0.03, 64, 100, 0.1)
    )
    spent = sum(row["flops"] for row in rows)
    return {
        "source": name,
        "steps": steps,
        "grid": len(rows),
        "grid_flops": spent,
        "tuning_flops": recipe["spent_flops"],
        "share": recipe["spent_flops"] / spent,
        "tried": recipe["tried"],
        "best": rows[0],
        "published": published,
        "chosen": chosen,
        "over_best": chosen["mdl_bits"] / rows[0]["mdl_bits"] - 1.0,
        "published_over_best": published["mdl_bits"] / rows[0]["mdl_bits"] - 1.0,
        "neighbours": recipe["neighbours"],
    }


def main() -> None:
    configure_process()
    names = sys.argv[1:2] or list(SOURCES)
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    found = []
    for name in names:
        found.append(measure(name, steps, ROOT / "runs" / "tuning" / f"{name}-{steps}"))
        print({k: v for k, v in found[-1].items() if k != "neighbours"})
        for neighbour in found[-1]["neighbours"]:
            print(" ", neighbour)
    passed = {
        f"{one['source']}: within 1 % of the grid": one["over_best"] < 0.01 for one in found
    } | {f"{one['source']}: at most 15 % of its FLOPs": one["share"] <= 0.15 for one in found}
    print(write("tuning", checks=passed, rows=found))
    sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
