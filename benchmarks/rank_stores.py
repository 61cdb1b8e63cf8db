"""What `rank` says of trained sweeps: automata whose order turns, controls, and six kinds of data.

Run: python benchmarks/rank_stores.py  (after benchmarks/controls.py; half an hour on two cores; the
stores runs/rank and runs/six are resumed)

By the published recipe, rule 15, a shift, is above rule 54 at a low budget and below it at a high
one, and both orders are separated. Test tokens and budgets were chosen for that among several.
Noise and the cipher of every root seed are never separated, by S, H or MDL. Text, its shuffled
copy, digits, two automata and noise are ranked under recipes of their own at budgets that were
fixed beforehand. Expect text above its shuffled copy, and both and the automata above noise, at the
largest.
Writes results/rank_stores.json, docs/images/rank.png and docs/images/rank_six.png.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from result import write

import epiplexity_jax as epx
from epiplexity_jax import api
from epiplexity_jax.report.rank_tables import open_pairs_table, rank_table, sentences
from epiplexity_jax.runtime.devices import configure_process
from epiplexity_jax.sweep.progress import Silent

ROOT = Path(__file__).parents[1]
TEST_TOKENS, COMPUTE = 2e6, [6e10, 1e11, 2e11, 4e11, 6e11]
CONTROLS_TOKENS, SEEDS = 1e6, 20
DIGITS = Path(__file__).parent / "data" / "digits.npz"
SIX_TOKENS, SIX_COMPUTE = 5e5, [1e10, 3e10, 1e11]
SIX_FAMILY = epx.families.Transformer(widths=(8, 16, 32, 64, 128), depths=(1,), seeds=3)


def automata() -> dict[str, Any]:
    store = ROOT / "runs" / "rank"
    changed = ["family.widths=[16, 32, 64]", "recipe=fixed", "training.batch_size=64"]
    runs = api.run_config(ROOT / "configs" / "eca.yaml", changed, store, Silent())
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


def six_sources() -> list[tuple[str, dict[str, Any], int]]:
    """Stores, their sources, and steps of 64 sequences: some 6e5 tokens, digits as many as last."""
    text = epx.sources.PythonStdlib(length=64)
    shuffled = epx.sources.Shuffle(source=text, scope="corpus")
    noise = epx.sources.Noise(vocab_size=96, length=64)
    rules = {
        f"rule {rule}": epx.sources.ElementaryCA(rule=rule, cells=32, steps=8) for rule in (54, 15)
    }
    digits = epx.sources.from_array(np.load(DIGITS)["inputs"], vocab_size=17)
    return [
        ("text", {"text": text, "text, shuffled": shuffled, "noise": noise}, 150),
        ("rules", rules, 36),
        ("digits", {"digits": digits}, 24),
    ]


def six() -> dict[str, Any]:
    """Six kinds of data in order, by S."""
    runs = [
        api.run(
            sources,
            SIX_FAMILY,
            store=ROOT / "runs" / "six" / name,
            steps=steps,
            heldout=epx.Heldout(tokens=70_000),
        )
        for name, sources, steps in six_sources()
    ]
    found = epx.rank(runs, SIX_TOKENS, SIX_COMPUTE)
    found.plot(ROOT / "docs" / "images" / "rank_six.png")
    (ranking,) = found.rankings
    print(*rank_table(ranking).rows, *sentences(found), sep="\n")
    return found.to_json()


def separated(found: dict[str, Any], larger: str, smaller: str, compute: float) -> bool:
    """Whether one source is above another for sure at a budget."""
    return any(
        one["larger"] == larger and smaller in (one["first"], one["second"])
        for one in found["differences"]
        if one["compute_flops"] == compute
    )


def main() -> None:
    configure_process()
    kinds, found, pairs = six(), automata(), controls()
    sure = [c for c in found["changes"] if c["what"] == "compute" and c["is_sure"]]
    turned = [(c["larger"], c["smaller"]) for c in sure]
    passed = {
        "rule 15 is above rule 54 at a low budget and below it at a high one, both separated": (
            ("rule15", "rule54") in turned
        ),
        "noise and the cipher are never separated": not any(p["separated"] for p in pairs),
        "text is above its shuffled copy, and these and both rules are above noise": all(
            separated(kinds, larger, smaller, SIX_COMPUTE[-1])
            for larger, smaller in (
                ("text", "text, shuffled"),
                *((name, "noise") for name in ("text", "text, shuffled", "rule 54", "rule 15")),
            )
        ),
    }
    summary = {
        "controls": len(pairs),
        "controls_separated": sum(p["separated"] for p in pairs),
        "test_tokens": TEST_TOKENS,
    }
    kept = ("seed", "by", "compute_flops", "difference", "difference_interval", "why")
    rows = [{name: pair[name] for name in kept} for pair in pairs]
    parts = {"automata": found, "six": kinds, "controls": rows}
    print(write("rank_stores", summary=summary, checks=passed, **parts))
    for sentence, holds in passed.items():
        print("holds " if holds else "FAILS ", sentence)
    sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
