"""S_T of rules 54, 15 and 30 at the published setting, beside the published curve (Fig. 3).

Run: python benchmarks/published.py [RULE]  (about four hours on two cores; the stores under
runs/published are resumed, and a run that is stopped goes on from its kept state; one rule alone
writes nothing)

Qiu et al. 2026: 64 cells, 48 steps, requential, raw student as reference, batch 1536, rate 0.03,
warm-up 100, average over 50 steps, no cap, 1e8 test tokens. Each size is trained until T, the
reading of the test tokens included, is 1e14 FLOPs for rule 54 and 1.78e13 for the others, or for
the 10,000 steps of the published runs. One seed, as published, so there are no intervals.
"""

import sys
from pathlib import Path
from typing import Any

from result import write

import epiplexity_jax as epx
from epiplexity_jax.analysis import Curve, trace
from epiplexity_jax.runtime.devices import configure_process

STORES = Path(__file__).parents[1] / "runs" / "published"
TEST_TOKENS, CELLS, BATCH, MOST_STEPS = 1e8, 64, 1536, 10_000
PARAMS = {(16, 1): 5_248, (32, 1): 16_640, (32, 2): 29_056, (64, 1): 57_792}
"""Parameters by width and depth, from which the lengths of runs follow."""
LARGEST = {"rule30": 1.78e13, "rule15": 1.78e13, "rule54": 1e14}
FEWEST_STEPS = 100  # the warm-up; a size whose budget ends in it says nothing
PUBLISHED = (  # read off the figure, whose H_T is that of samples of the teacher
    {"source": "rule54", "compute_flops": 1e14, "epiplexity_bits": 2.1e6, "entropy_bits": 3.0e7},
    {"source": "rule15", "compute_flops": 1e13, "epiplexity_bits": 1.1e6},
    {"source": "rule30", "compute_flops": 1e13, "epiplexity_bits": 0.0, "entropy_bits": 1.0e8},
)
BUDGETS = [m * 10.0**e for e in (11, 12, 13) for m in (1.0, 1.78, 3.16, 5.62)] + [1e14]


def steps(params: int, compute: float) -> int:
    """Steps until 6 N a training token and 2 N a test token, inputs counted, make up `compute`."""
    evaluation = 2 * params * 2 * TEST_TOKENS
    per_step = 6 * params * BATCH * 2 * CELLS
    return min(MOST_STEPS, int((compute - evaluation) // per_step))


def train(rule: str) -> list[Curve]:
    """Train every size of one rule, each in a store of its own, as their lengths differ."""
    curves = []
    for (width, depth), params in PARAMS.items():
        length = steps(params, LARGEST[rule])
        if length < FEWEST_STEPS:
            continue
        runs = epx.run(
            {rule: epx.sources.ElementaryCA(rule=int(rule[4:]), cells=CELLS, steps=48)},
            epx.families.Transformer(widths=(width,), depths=(depth,), seeds=1),
            epx.Requential(reference="student", ema_steps=50),
            recipe="fixed",
            training=epx.Training(
                steps=length, batch_size=BATCH, learning_rate=0.03, warmup_steps=100
            ),
            heldout=epx.Heldout(tokens=1e6),
            store=STORES / f"{rule}-{width}x{depth}",
        )
        if [row["params"] for row in runs.rows(test_tokens=TEST_TOKENS)] != [params]:
            raise ValueError(f"width {width} depth {depth} has not {params} parameters")
        curves += runs.curves()
    return curves


def rows(rule: str, curves: list[Curve]) -> list[dict[str, Any]]:
    """S, H and MDL at every budget that this rule's runs reach."""
    frontier = trace(curves, test_tokens=TEST_TOKENS, variant="student")
    within = [t for t in BUDGETS if t <= LARGEST[rule]]
    return [{**frontier.at(t).to_json(), "source": rule} for t in within]


def checks(found: dict[tuple[str, float], dict[str, Any]]) -> dict[str, bool]:
    """What the published curves show."""

    def s(rule: str, compute: float) -> float:
        return found[rule, compute]["epiplexity_bits"]

    shared = [t for t in BUDGETS if t <= LARGEST["rule15"]]
    published = PUBLISHED[0]["epiplexity_bits"]
    top15, top30 = found["rule15", 1e13], found["rule30", 1e13]
    return {
        "S of rule 54 at 1e14 FLOPs is within a factor of 1.5 of the published 2.1e6 bits": 1 / 1.5
        < s("rule54", 1e14) / published
        < 1.5,
        "at some low budget S of rule 15 is above that of rule 54": any(
            s("rule15", t) > s("rule54", t) for t in shared
        ),
        "at 1e13 FLOPs S of rule 15 is below that of rule 54": s("rule15", 1e13)
        < s("rule54", 1e13),
        "at 1e13 FLOPs MDL of rule 15 is below 5 % of the test tokens": top15["mdl_bits"]
        < 0.05 * TEST_TOKENS,
        "rule 30 costs 1 bit a token and teaches nothing": top30["status"] == "untrained"
        and top30["entropy_bits_per_token"] > 0.999,
    }


def main() -> None:
    configure_process()
    wanted = sys.argv[1:] or list(LARGEST)
    found = [row for rule in wanted for row in rows(rule, train(rule))]
    for row in found:
        print(
            f"{row['source']} T {row['compute_flops']:.3g} S {row['epiplexity_bits']:.4g} "
            f"{row['epiplexity_bits_interval']} H {row['entropy_bits']:.4g} {row['member']}"
        )
    if sys.argv[1:]:
        return
    passed = checks({(row["source"], row["compute_flops"]): row for row in found})
    print(write("published", checks=passed, published=PUBLISHED, rows=found))
    for sentence, holds in passed.items():
        print("holds " if holds else "FAILS ", sentence)


if __name__ == "__main__":
    main()
