"""Do the 95 % intervals of a frontier cover the truth, and are they no wider than they must be?

Run: python benchmarks/intervals.py  (about 25 minutes on two cores; `--quick`: 1, writes nothing).
Sweeps of a published law are simulated, 200 for each number of sizes, number of seeds and kind of
error: `independent` errors of every run, `shared` ones that all sizes of a seed have in common, and
`drops` of the loss at a step that every run draws. At five budgets over the sweep, for S, H, MDL:
`coverage`, how often the interval holds the truth, which is the frontier of all sizes in the
family's range, traced without noise; and `ratio`, the median half-width over the 95th percentile of
the error, where the interval has two ends. Where the optimum lies at the edge of the sweep the
interval has one. Expect a coverage of at least 0.9 everywhere and a ratio from 0.8 to 2 in nine
cells of ten.
"""

import argparse
import itertools
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
from result import write
from simulated_laws import LAWS

from epiplexity_jax.analysis import Frontier, trace
from epiplexity_jax.analysis.simulate import SimulatedNoise, sweep
from epiplexity_jax.coding import record_points

LAW = LAWS["image_8x8"]
SMALLEST, FACTOR, TEST, STEPS = 8_000, 3, 1e9, record_points(2000)
TOKENS = int(2 * TEST / STEPS[-1])
SIZES, SEEDS, BUDGETS = (2, 3, 4, 6), (2, 3, 5), 5
COMMON = SimulatedNoise(jitter_nats=2e-3, stream_nats=5e-3, floor_nats=2e-3, paired_nats=1e-3)
KINDS = {
    "independent": COMMON,
    "shared": replace(COMMON, shared=True),
    "drops": replace(COMMON, drop=0.5),
}
VALUES = ("epiplexity", "entropy", "mdl")


def sizes_of(count: int) -> list[int]:
    return [SMALLEST * FACTOR**i for i in range(count)]


def truth(count: int, kind: str) -> Frontier:
    """The frontier of every size in the family's range, averaged over many noiseless seeds."""
    ends = sizes_of(count)
    sizes = np.unique(np.geomspace(ends[0], ends[-1], 24).round().astype(int))
    drop = KINDS[kind].drop
    quiet = replace(COMMON, seed=0.0, floor_nats=1e-12, paired_nats=0.0, difficulty_nats=0.0)
    noise = replace(quiet, stream_nats=1e-9, drop=drop)
    seeds = 100 if drop else 1
    return trace(sweep(LAW, sizes.tolist(), STEPS, TOKENS, seeds, noise), test_tokens=TEST)


def cell(case: tuple[int, int, str, int]) -> list[dict]:
    count, seeds, kind, sweeps = case
    best = truth(count, kind)
    smallest = best.points.time_flops[best.points.last].min()
    budgets = np.geomspace(smallest, 0.98 * best.largest_compute, BUDGETS)
    true = [best.at(float(budget)) for budget in budgets]
    shape = (len(VALUES), BUDGETS, sweeps)
    errors, widths, covered = np.zeros(shape), np.full(shape, np.nan), np.zeros(shape, bool)
    for sample in range(sweeps):
        generator = np.random.default_rng([count, seeds, len(kind), sample])
        curves = sweep(LAW, sizes_of(count), STEPS, TOKENS, seeds, KINDS[kind], generator)
        frontier = trace(curves, test_tokens=TEST)
        for b, budget in enumerate(budgets):
            found = frontier.at(float(budget))
            for v, name in enumerate(VALUES):
                value, is_ = getattr(found, f"{name}_bits"), getattr(true[b], f"{name}_bits")
                low, high = getattr(found, f"{name}_bits_interval")
                errors[v, b, sample] = abs(value - is_)
                covered[v, b, sample] = (low is None or low <= is_) and (
                    high is None or is_ <= high
                )
                if low is not None and high is not None:
                    widths[v, b, sample] = (high - low) / 2
    rows = []
    for (v, name), (b, budget) in itertools.product(enumerate(VALUES), enumerate(budgets)):
        quantile = float(np.quantile(errors[v, b], 0.95))
        two_ended = np.isfinite(widths[v, b])
        width = float(np.median(widths[v, b][two_ended])) if two_ended.any() else math.nan
        rows.append(
            {
                "errors": kind,
                "sizes": count,
                "seeds": seeds,
                "compute_flops": float(f"{budget:.2e}"),
                "value": name,
                "coverage": float(covered[v, b].mean()),
                "two_ended": float(two_ended.mean()),
                "ratio": round(width / quantile, 2) if two_ended.mean() > 0.5 else None,
                "error_quantile_95": round(quantile / getattr(true[b], f"{name}_bits"), 4),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    sweeps = 20 if quick else 200
    cases = [(*case, sweeps) for case in itertools.product(SIZES, SEEDS, KINDS)]
    with ProcessPoolExecutor(1 if quick else 2) as pool:
        rows = [row for rows in pool.map(cell, cases[:: 5 if quick else 1]) for row in rows]
    for row in rows:
        print(" ".join(f"{value!s:>12}" for value in row.values()), flush=True)
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None]
    summary = {
        "least_coverage": min(row["coverage"] for row in rows),
        "cells": len(rows),
        "cells_below_0.9": sum(row["coverage"] < 0.9 for row in rows),
        "two_ended_cells": len(ratios),
        "share_of_ratios_0.8_to_2": round(float(np.mean([0.8 <= r <= 2 for r in ratios])), 3),
    }
    print(summary)
    if not quick:
        print(write("intervals", summary=summary, rows=rows))


if __name__ == "__main__":
    main()
