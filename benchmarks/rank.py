"""Does `rank` separate equal sources, and how large must a difference be until it does?

Run: python benchmarks/rank.py  (about 15 minutes on two cores; `--quick`: 1, writes nothing; no
training). Sweeps of a published law are simulated, four sizes with two or three seeds, whose errors
are independent between runs or shared by all sizes of a seed. Equal: 200 pairs of sources of one
law, at five budgets over the sweep, by S, H and MDL; and 50 sets of six of them, 15 pairs each, of
which none may be separated. Apart: 200 pairs whose laws differ, so that S does by a known share.
Where the optimum lies at an edge nothing is separated, so `any_beyond` counts the differences
beyond their half-width whatever the edges. Expect at most 5 % of false separations, of pairs and
of sets.
"""

import argparse
import itertools
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from result import write
from simulated_laws import LAWS

from epiplexity_jax.analysis import Frontier, trace
from epiplexity_jax.analysis.frontier.decomposition import decompose
from epiplexity_jax.analysis.ranking.differences import differences
from epiplexity_jax.analysis.ranking.joint import JointReplicates
from epiplexity_jax.analysis.ranking.measures import MEASURES
from epiplexity_jax.analysis.simulate import SimulatedNoise, sweep
from epiplexity_jax.coding import record_points

LAW = LAWS["image_8x8"]
SIZES, TEST, STEPS = [8_000 * 3**i for i in range(4)], 1e9, record_points(2000)
TOKENS = int(2 * TEST / STEPS[-1])
NOISE = SimulatedNoise(jitter_nats=2e-3, stream_nats=5e-3, floor_nats=2e-3, paired_nats=1e-3)
KINDS = {
    "3 seeds": (3, NOISE),
    "3 seeds, shared": (3, replace(NOISE, shared=True)),
    "2 seeds": (2, NOISE),
}
PAIRS, SET, BUDGETS, NAMES = 200, 6, 5, ("S", "H", "MDL")
SHARES = (1.2, 1.4)  # of the law's D0, which S follows
Case = tuple[str, float, int, int]  # kind, share, seed of the generator, number of sources


def budgets() -> list[float]:
    """The same for all, so that tables compare."""
    exact = trace(sweep(LAW, SIZES, STEPS, TOKENS), test_tokens=TEST)
    smallest = exact.points.time_flops[exact.points.last].min()
    return np.geomspace(smallest, 0.98 * exact.largest_compute, BUDGETS).tolist()


def draw(kind: str, share: float, seed: int) -> Frontier:
    seeds, noise = KINDS[kind]
    law = replace(LAW, d0=LAW.d0 * share)
    generator = np.random.default_rng([2, list(KINDS).index(kind), round(100 * share), seed])
    return trace(sweep(law, SIZES, STEPS, TOKENS, seeds, noise, generator), test_tokens=TEST)


def compared(case: Case) -> list[dict[str, Any]]:
    """One row a budget and value: pairs that were separated, and how many of them rightly."""
    kind, share, seed, count = case
    sources = {f"{seed} {i}": draw(kind, 1.0, seed * 100 + i) for i in range(count - 1)}
    sources |= {f"{seed} other": draw(kind, share, seed * 100 + 99)}
    replicates, rows = JointReplicates(sources), []
    for budget in budgets():
        found = [
            decompose(f.setting, f.traced, own, budget, False, ())
            for f, own in zip(sources.values(), replicates.intervals, strict=True)
        ]
        for name in NAMES:
            measure = MEASURES.find(name, "by")
            joint = replicates.at(budget, found, measure)
            pairs = differences(list(sources), found, joint, replicates.known, measure)
            rows.append(
                {
                    "separated": [d.separated for d in pairs],
                    "rightly": [d.separated and d.difference < 0.0 for d in pairs],
                    "open": [None in (d.difference_interval or ()) for d in pairs],
                    "half": (half := joint.half_widths()).tolist(),
                    "beyond": bool(np.any(np.abs([d.difference for d in pairs]) > half)),
                    "value": float(joint.values[0]),
                }
            )
    return rows


def summarise(kind: str, share: float, count: int, found: list[list[dict]]) -> list[dict[str, Any]]:
    rows = []
    exact = [
        trace(sweep(replace(LAW, d0=LAW.d0 * s), SIZES, STEPS, TOKENS), test_tokens=TEST)
        for s in (1.0, share)
    ]
    for i, (budget, name) in enumerate(itertools.product(budgets(), NAMES)):
        each = [case[i] for case in found]
        field = MEASURES.find(name, "by").field
        one, other = (getattr(frontier.at(budget), field) for frontier in exact)
        rows.append(
            {
                "errors": kind,
                "case": share,
                "sources": count,
                "compute_flops": float(f"{budget:.2e}"),
                "by": name,
                "true_difference": round(other / one - 1.0, 4),
                "cases": len(each),
                "any_separated": float(np.mean([any(row["separated"]) for row in each])),
                "any_beyond": float(np.mean([row["beyond"] for row in each])),
                "pairs_separated": float(np.mean([row["separated"] for row in each])),
                "rightly": float(np.mean([row["rightly"] for row in each])),
                "open": float(np.mean([row["open"] for row in each])),
                "median_half_width": round(
                    float(np.median([np.median(row["half"]) / row["value"] for row in each])), 4
                ),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    pairs = 10 if quick else PAIRS
    plans = [(kind, 1.0, 2, pairs) for kind in KINDS]
    plans += [("3 seeds", 1.0, SET, pairs // 4), ("3 seeds, shared", 1.0, SET, pairs // 4)]
    plans += [("3 seeds", share, 2, pairs) for share in SHARES]
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(1 if quick else 2) as pool:
        for kind, share, count, number in plans[:: 3 if quick else 1]:
            cases = [(kind, share, seed, count) for seed in range(number)]
            found = list(pool.map(compared, cases, chunksize=5))
            rows += summarise(kind, share, count, found)
            for row in rows[-BUDGETS * len(NAMES) :]:
                print(" ".join(f"{value!s:>10}" for value in row.values()), flush=True)
    equal = [row for row in rows if row["true_difference"] == 0.0]
    summary = {
        "largest_false": max(row["any_separated"] for row in equal),
        "largest_beyond": max(row["any_beyond"] for row in equal),
        "mean_beyond": round(float(np.mean([row["any_beyond"] for row in equal])), 4),
        "mean_false": round(float(np.mean([row["any_separated"] for row in equal])), 4),
        "mean_false_of_sets": round(
            float(np.mean([r["any_separated"] for r in equal if r["sources"] == SET] or [0.0])), 4
        ),
        "wrong_way": max(
            (r["pairs_separated"] - r["rightly"] for r in rows if r not in equal), default=0.0
        ),
    }
    print(summary)
    if not quick:
        print(write("rank", summary=summary, rows=rows))


if __name__ == "__main__":
    main()
