"""Does tuning find luck? Noise and a cipher under the tuned observer, with twenty root seeds.

Run: python benchmarks/controls.py [SEEDS]  (the stores under runs/controls are resumed; another
number of seeds than 20 writes nothing)

Neither source has anything that models of this size could learn. Every root seed draws other data,
other initial weights and another key of the cipher, and searches its recipes anew. At five budgets
over the sweep each of the 200 results must be `untrained`.
"""

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from result import write

import epiplexity_jax as epx
from epiplexity_jax.runtime.devices import configure_process

ROOT = Path(__file__).parents[1]
SEEDS, BUDGETS = 20, 5
VOCAB, LENGTH, TEST_TOKENS = 16, 32, 1e6


def measure(seed: int) -> list[dict[str, Any]]:
    """One row a source and budget, of one root seed."""
    noise = epx.sources.Noise(vocab_size=VOCAB, length=LENGTH)
    cipher = epx.sources.Cipher(
        algorithm="threefry", key_seed=seed, vocab_size=VOCAB, length=LENGTH
    )
    runs = epx.run(
        {"noise": noise, "cipher": cipher},
        epx.families.Transformer(widths=(4, 8), depths=(1,), seeds=2),
        steps=24,
        seed=seed,
        heldout=epx.Heldout(tokens=20_000),
        store=ROOT / "runs" / "controls" / str(seed),
    )
    frontiers = runs.frontiers(TEST_TOKENS)
    budgets = max(frontiers.values(), key=lambda f: f.largest_compute).budgets(BUDGETS)
    rows = []
    for source, frontier in frontiers.items():
        for compute in budgets:
            found = frontier.at(compute)
            _, upper = found.epiplexity_bits_interval or (None, None)
            rows.append(
                {
                    "seed": seed,
                    "source": source,
                    "compute_flops": compute,
                    "status": str(found.status),
                    "epiplexity_bits": found.epiplexity_bits,
                    "upper_share": None if upper is None else upper / frontier.uniform_bits,
                    "tried": found.recipe.tried if found.recipe else 1,
                }
            )
    return rows


def main() -> None:
    configure_process()
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    rows: list[dict[str, Any]] = []
    for seed in range(seeds):
        started = time.perf_counter()
        rows += measure(seed)
        counts = Counter(row["status"] for row in rows if row["seed"] == seed)
        print(f"seed {seed}: {dict(counts)}, {time.perf_counter() - started:.0f} s", flush=True)
    shares = [row["upper_share"] for row in rows]
    summary = {
        "results": len(rows),
        "statuses": dict(Counter(row["status"] for row in rows)),
        "largest_upper_share": None if None in shares else max(shares),
        "tried": [min(row["tried"] for row in rows), max(row["tried"] for row in rows)],
    }
    print(summary)
    passed = {
        "there are as many results as seeds, budgets and sources ask for": len(rows)
        == seeds * BUDGETS * 2,
        "all are untrained": all(row["status"] == "untrained" for row in rows),
        "all have an upper limit": None not in shares,
    }
    if seeds == SEEDS:
        print(write("controls", summary=summary, checks=passed, rows=rows))
    for sentence, holds in passed.items():
        print("holds " if holds else "FAILS ", sentence)
    sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
