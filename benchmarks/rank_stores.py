"""What `rank` says of trained sweeps: automata whose order turns with T, and noise beside a cipher.

Run: python benchmarks/rank_stores.py  (after benchmarks/controls.py; 5 minutes on two cores beyond
the store of benchmarks/eca.py, which is resumed with a smaller width)

Rule 15, a shift, is above rule 54 at a low budget and below it at a high one, and both orders are
separated. Test tokens and budgets were chosen for that among several. Noise and the
cipher of every root seed are never separated, by S, H or MDL. Writes results/rank_stores.json and
docs/images/rank.png.
"""

import sys
from pathlib import Path
from typing import Any

from result import write

from epiplexity_jax import api
from epiplexity_jax.report.rank_tables import open_pairs_table, rank_table
from epiplexity_jax.runtime.devices import configure_process
from epiplexity_jax.sweep.progress import Silent

ROOT = Path(__file__).parents[1]
TEST_TOKENS, COMPUTE = 2e6, [6e10, 1e11, 2e11, 4e11, 6e11]
CONTROLS_TOKENS, SEEDS = 1e6, 20


def automata() -> dict[str, Any]:
    store = ROOT / "runs" / "eca"
    runs = api.run_config(
        ROOT / "configs" / "eca.yaml", ["family.widths=[16, 32, 64]"], store, Silent()
    )
    found = runs.rank(TEST_TOKENS, COMPUTE)
    found.plot(ROOT / "docs" / "images" / "rank.png")
    (ranking,) = found.rankings
    missing = open_pairs_table(ranking)
    for table in [rank_table(ranking), *([missing] if missing else [])]:
        print(*table.rows, table.caption, sep="\n")
    return found.to_json()


def controls() -> list[dict[str, Any]]:
    """One row a root seed, budget and value."""
    rows = []
    for seed in range(SEEDS):
        runs = api.load(ROOT / "runs" / "controls" / str(seed))
        for by in ("S", "H", "MDL"):
            for pair in runs.rank(CONTROLS_TOKENS, by=by).to_json()["differences"]:
                rows.append({"seed": seed, "by": by} | pair)
    return rows


def main() -> None:
    configure_process()
    found, pairs = automata(), controls()
    sure = [c for c in found["changes"] if c["what"] == "compute" and c["is_sure"]]
    turned = [(c["larger"], c["smaller"]) for c in sure]
    passed = {
        "rule 15 is above rule 54 at a low budget and below it at a high one, both separated": (
            ("rule15", "rule54") in turned
        ),
        "noise and the cipher are never separated": not any(p["separated"] for p in pairs),
    }
    summary = {
        "controls": len(pairs),
        "controls_separated": sum(p["separated"] for p in pairs),
        "test_tokens": TEST_TOKENS,
    }
    kept = ("seed", "by", "compute_flops", "difference", "difference_interval", "why")
    rows = [{name: pair[name] for name in kept} for pair in pairs]
    print(write("rank_stores", summary=summary, checks=passed, automata=found, controls=rows))
    for sentence, holds in passed.items():
        print("holds " if holds else "FAILS ", sentence)
    sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
