"""Does a plan for budgets find what a full grid finds, for less? Text, and three automata.

Run: python benchmarks/planner.py [CASE]  (about 12 minutes on two cores; the stores under
runs/planner are resumed)

A plan chooses sizes and tokens for its budgets and tunes a recipe. The full grid has exactly twice
its sizes by the same recipe: the plan's own, one between each two neighbours (the mean of their
widths), and one below the smallest (three quarters of its width), where one more costs least. All
of them are trained on every source, and on as many tokens as the test set has, as a config with
sizes and steps does. At every budget the grid's S_T and H_T must lie in the plan's intervals,
and the plan, tuning included, must take at most 40 % of the grid's FLOPs. Its share of the grid is
given also for a grid in which every source has twice its own sizes, where those of several sources
differ, and for one whose runs end a fifth beyond the largest budget. The tuned rate must lie
within a factor of 2 of the best of a sweep of rates with fresh seeds, on the tuned size at the
length of the tuning; sources of which nothing is learnt there have no best rate.
"""

import itertools
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from result import write

from epiplexity_jax import api
from epiplexity_jax.analysis import Decomposition
from epiplexity_jax.analysis.runs.recipes import least_code
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.planning.planner import Grid, Question, limits_of
from epiplexity_jax.planning.sizes import BEYOND, costs_of
from epiplexity_jax.runtime.devices import configure_process
from epiplexity_jax.store import Store, StoredRun
from epiplexity_jax.sweep.config import Sweep, parse_sweep
from epiplexity_jax.sweep.config_file import read_config
from epiplexity_jax.sweep.dataset import open_datasets
from epiplexity_jax.sweep.progress import Silent
from epiplexity_jax.sweep.recipe import Recipes

ROOT = Path(__file__).parents[1]
SEEDS = 3
TEXT: dict[str, Any] = {"budgets": [1e10, 3e10, 1e11], "test_tokens": 5e5}
LIBRARY = {"kind": "python_stdlib", "length": 64}
CASES: dict[str, dict[str, Any]] = {
    "text": TEXT | {"sources": {"text": LIBRARY}},
    "text, seed 1": TEXT | {"sources": {"text, seed 1": LIBRARY}, "seed": 1},
    "text, seed 2": TEXT | {"sources": {"text, seed 2": LIBRARY}, "seed": 2},
    "automata": {
        "sources": {
            f"rule{rule}": {"kind": "elementary_ca", "rule": rule, "cells": 32, "steps": 8}
            for rule in (15, 30, 54)
        },
        "budgets": [1e10, 5e10],
        "test_tokens": 3e5,
    },
}
RATES = [0.03 * 2.0**power for power in range(8)]
MOST_SHARE, MOST_FACTOR = 0.4, 2.0
LEARNT = 0.99  # of the uniform code, below which something is learnt


def config(case: str) -> dict[str, Any]:
    """The config of a plan: sources and budgets, no sizes and no steps."""
    return {
        "sources": CASES[case]["sources"],
        "family": {"kind": "transformer", "depths": [1], "seeds": SEEDS},
        "heldout": {"tokens": 30_000},
        "frontier": {"test_tokens": CASES[case]["test_tokens"]},
        "budgets": CASES[case]["budgets"],
        "seed": CASES[case].get("seed", 0),
    }


def train(values: Mapping[str, Any], folder: Path) -> api.Runs:
    """Train a config, or resume it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(dict(values), sort_keys=False), encoding="utf-8")
    return api.run_config(path, [], folder, Silent())


def spent(runs: api.Runs) -> dict[tuple[str, str, str], float]:
    """FLOPs of everything in a store, by source, role and size; longer runs hold shorter ones."""
    store = Store.open(runs.path)
    most: dict[str, tuple[float, tuple[str, str, str]]] = {}
    for run_id, row in store.finished().items():
        flops, part = float(store.history(run_id)["spent_flops"][-1]), most.get(row["lineage"])
        if part is None or flops > part[0]:
            most[row["lineage"]] = flops, (row["source"], row["role"], row["size"])
    found: dict[tuple[str, str, str], float] = {}
    for flops, key in most.values():
        found[key] = found.get(key, 0.0) + flops
    return found


def doubled(widths: Iterable[int]) -> list[int]:
    """Twice as many widths: those between neighbours, and one below the smallest."""
    own = sorted(set(widths))
    return sorted([*own, 3 * own[0] // 4, *((a + b) // 2 for a, b in itertools.pairwise(own))])


def in_path(name: str) -> str:
    """A name without spaces and commas."""
    return "-".join(name.replace(",", "").split())


def widths_of(sizes: Iterable[str]) -> list[int]:
    """Widths of sizes in words."""
    return [int(size.split()[1]) for size in sizes]


def full_grid(planned: Sweep) -> dict[str, Any]:
    """The config of the grid: twice the sizes of a plan, each over the test set's tokens."""
    widths = doubled(widths_of(name for sizes in planned.grid.values() for name in sizes))
    sweep = planned.model_copy(
        update={"family": planned.family.model_copy(update={"widths": tuple(widths)}), "grid": {}}
    )
    recipes = Recipes.of(sweep, open_family(sweep.family))
    datasets = open_datasets(sweep, open_family(sweep.family), recipes)
    compute, test_tokens = planned.frontier.compute, planned.frontier.test_tokens
    assert compute
    assert test_tokens
    question = Question(tuple(compute), test_tokens)
    grid: Grid = {}
    for one in datasets:
        limits = limits_of(one, question, recipes.of_source(one.name).batch_size)
        costs = costs_of(sweep, datasets, "cpu", test_tokens)[one.name]
        grid[one.name] = {cost.name: min(limits.test_total, limits.most) for cost in costs}
    plain = sweep.model_copy(update={"grid": grid}).to_plain()
    return {**plain, "budgets": None}


def share_within_budget(runs: api.Runs, budget: float, test_tokens: float) -> float:
    """Share of a grid's training FLOPs that lies within a budget, and a fifth beyond it."""
    whole = within = 0.0
    for row in Store.open(runs.path).finished().values():
        tokens = row["steps_done"] * row["train_tokens_per_step"]
        labels = row["label_tokens_per_step"] / row["train_tokens_per_step"]
        left = BEYOND * budget - 2.0 * row["params"] * test_tokens / labels
        worth = min(tokens, max(left, 0.0) / (8.0 * row["params"]))
        whole, within = whole + row["params"] * tokens, within + row["params"] * worth
    return within / whole


def compare(plan: Decomposition, grid: Decomposition) -> dict[str, Any]:
    """One budget of one source under both."""
    found: dict[str, Any] = {"source": plan.source, "compute_flops": plan.compute_flops}
    for name in ("epiplexity_bits", "entropy_bits"):
        value, interval = getattr(grid, name), getattr(plan, f"{name}_interval")
        low, high = interval or (None, None)
        found[f"{name}_inside"] = bool(
            interval is not None
            and (low is None or low <= value)
            and (high is None or value <= high)
        )
        found[name] = {
            "plan": getattr(plan, name),
            "plan_interval": interval,
            "grid": value,
            "grid_interval": getattr(grid, f"{name}_interval"),
        }
    found["flags"] = {"plan": list(plan.flags), "grid": list(grid.flags)}
    found["status"] = {"plan": str(plan.status), "grid": str(grid.status)}
    return found


def rates(planned: Sweep, name: str, size: str, folder: Path) -> dict[str, Any]:
    """Two-part codes by rate on the tuned size, of fresh seeds, and the best rate."""
    recipe, plain = planned.recipes[name], planned.to_plain()
    values = {
        "sources": {name: plain["sources"][name]},
        "family": {
            **{"kind": "transformer", "widths": [int(size.split()[1])], "depths": [1]},
            **{"seeds": SEEDS, "learning_rates": RATES},
        },
        "recipe": "fixed",
        "estimator": {"kind": "prequential", "ema_growth": recipe.ema_growth},
        "training": {
            **{"steps": recipe.steps, "batch_size": recipe.batch_size},
            **{"warmup_steps": recipe.warmup_steps},
        },
        "heldout": plain["heldout"],
        "frontier": plain["frontier"],
        "seed": planned.seed + 1,
    }
    runs = train(values, folder)
    store = Store.open(runs.path)
    codes: dict[float, list[float]] = {}
    for run_id, row in store.finished().items():
        stored = StoredRun(row, store.history(run_id))
        code = least_code(stored, plain["frontier"]["test_tokens"], "switch", "ema", clear=0.0)
        codes.setdefault(row["learning_rate"], []).append(code.mdl_bits)
    means = {rate: sum(own) / len(own) for rate, own in sorted(codes.items())}
    best = min(means, key=lambda rate: means[rate])
    uniform = runs.frontier(plain["frontier"]["test_tokens"]).uniform_bits
    return {
        **{"source": name, "size": size, "steps": recipe.steps, "tuned_rate": recipe.learning_rate},
        "best_rate": best,
        "learnt": means[best] < LEARNT * uniform,
        "over_best": means.get(recipe.learning_rate, float("nan")) / means[best] - 1.0,
        "factor": max(recipe.learning_rate / best, best / recipe.learning_rate),
        "mdl_bits": {f"{rate:g}": bits for rate, bits in means.items()},
    }


def measure(case: str, folder: Path) -> dict[str, Any]:
    """A plan, its full grid and a sweep of rates."""
    test_tokens = CASES[case]["test_tokens"]
    plan_runs = train(config(case), folder / "plan")
    planned = parse_sweep(read_config(folder / "plan" / "sweep.yaml", []))
    grid_runs = train(full_grid(planned), folder / "grid")
    rows = []
    for name in planned.sources:
        frontiers = [runs.frontier(test_tokens, name) for runs in (plan_runs, grid_runs)]
        for budget in CASES[case]["budgets"]:
            rows.append(compare(*(frontier.at(budget) for frontier in frontiers)))
    tuned = []
    for name in planned.sources:
        size = plan_runs.frontier(test_tokens, name).setting.recipe
        if size is not None and size.size is not None:
            tuned.append(rates(planned, name, size.size, folder / f"rates-{in_path(name)}"))
    parts = {"plan": spent(plan_runs), "grid": spent(grid_runs)}
    flops = {name: sum(part.values()) for name, part in parts.items()}
    own = {name: doubled(widths_of(sizes)) for name, sizes in planned.grid.items()}
    alike = sum(
        f for (name, _, size), f in parts["grid"].items() if widths_of([size])[0] in own[name]
    )
    within = share_within_budget(grid_runs, max(CASES[case]["budgets"]), test_tokens)
    return {
        **{"case": case, "test_tokens": test_tokens, "flops": flops},
        "share": flops["plan"] / flops["grid"],
        "share_of_own_sizes": flops["plan"] / alike,
        "share_of_grid_within_budgets": flops["plan"] / (within * flops["grid"]),
        "sizes": {
            kind: {name: len(sizes) for name, sizes in parse_sweep(values).grid.items()}
            for kind, values in (("plan", planned.to_plain()), ("grid", full_grid(planned)))
        },
        "parts": {
            kind: [
                {"source": name, "role": role, "size": size, "flops": flops}
                for (name, role, size), flops in sorted(part.items())
            ]
            for kind, part in parts.items()
        },
        **{"rows": rows, "rates": tuned},
    }


def checks(found: dict[str, Any]) -> dict[str, bool]:
    """The targets of a case."""
    case = found["case"]
    inside = {
        f"{case}: {word} of the grid in the plan's intervals": all(
            row[f"{name}_inside"] for row in found["rows"]
        )
        for name, word in (("epiplexity_bits", "S_T"), ("entropy_bits", "H_T"))
    }
    return inside | {
        f"{case}: at most {MOST_SHARE:.0%} of the grid's FLOPs": found["share"] <= MOST_SHARE,
        f"{case}: rates within a factor of 2 of the best": all(
            one["factor"] <= MOST_FACTOR * 1.01 for one in found["rates"] if one["learnt"]
        ),
    }


def main() -> None:
    configure_process()
    found = [
        measure(case, ROOT / "runs" / "planner" / in_path(case)) for case in sys.argv[1:] or CASES
    ]
    passed = {name: ok for one in found for name, ok in checks(one).items()}
    for one in found:
        shares = ("share", "share_of_own_sizes", "share_of_grid_within_budgets")
        print({key: one[key] for key in ("case", *shares, "flops", "sizes")})
        for row in [*one["rows"], *one["rates"]]:
            print(" ", row)
    print(passed)
    if not sys.argv[1:]:
        print(write("planner", checks=passed, cases=found))
    sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
