"""S_T of rules 54, 15 and 30 at the published setting, beside the published curve (Fig. 3).

Run: python benchmarks/published.py [RUN...]  (RUN is rule54-64x1 and so on, of width and depth;
about four hours on one core in all; the stores under runs/published are resumed, and a run that is
stopped goes on from its kept state). Every run leaves results/published/RUN.json, so they may be
made on several days; results/published.json and docs/images/published.png are made when all are
there.

Qiu et al. 2026: 64 cells, 48 steps, requential, raw student as reference, batch 1536, rate 0.03,
warm-up 100, average over 50 steps, no cap, 1e8 test tokens. Each size is trained until T is what
`RUNS` says; reading the test tokens alone takes 2.1e12 FLOPs with width 16, so budgets begin there.
One seed, as published, so there are no intervals. At every budget the size whose code is shortest
counts.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from result import RESULTS, write

import epiplexity_jax as epx
from epiplexity_jax.report.figures import COLOURS, save, styled
from epiplexity_jax.runtime.devices import configure_process

STORES = Path(__file__).parents[1] / "runs" / "published"
FOUND = RESULTS / "published"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "published.png"
TEST_TOKENS, CELLS, BATCH = 1e8, 64, 1536
PARAMS = {"16x1": 5_248, "32x1": 16_640, "64x1": 57_792}
"""Parameters by width and depth, from which the lengths of runs follow."""
RUNS = {
    "rule54-64x1": 1e14,
    "rule54-32x1": 5.62e13,
    "rule54-16x1": 1.78e13,
    "rule15-16x1": 1e13,
    "rule15-32x1": 1e13,
    "rule30-16x1": 1e13,
    "rule30-32x1": 1e13,
}
"""Largest T of every run; 64x1 takes 2.3e13 FLOPs to read the test tokens alone."""
PUBLISHED = (  # read off the figure, whose H_T is that of samples of the teacher
    {"source": "rule54", "compute_flops": 1e14, "epiplexity_bits": 2.1e6, "entropy_bits": 3.0e7},
    {"source": "rule15", "compute_flops": 1e13, "epiplexity_bits": 1.1e6},
    {"source": "rule30", "compute_flops": 1e13, "epiplexity_bits": 0.0, "entropy_bits": 1.0e8},
)
BUDGETS = [2.37e12, 2.74e12, 3.16e12, 4.22e12, 5.62e12, 7.5e12]
BUDGETS += [1e13, 1.33e13, 1.78e13, 2.37e13, 3.16e13, 4.22e13, 5.62e13, 7.5e13, 1e14]
LARGEST = {"rule54": 1e14, "rule15": 1e13, "rule30": 1e13}  # of any size


def steps(params: int, compute: float) -> int:
    """Steps until 6 N a training token and 2 N a test token, inputs counted, make up `compute`."""
    evaluation = 2 * params * 2 * TEST_TOKENS
    per_step = 6 * params * BATCH * 2 * CELLS
    return int((compute - evaluation) // per_step)


def train(name: str) -> list[dict[str, Any]]:
    """S, H and MDL of one run at every budget of its rule, those beyond its end too."""
    rule, size = name.split("-")
    width, depth = map(int, size.split("x"))
    runs = epx.run(
        {rule: epx.sources.ElementaryCA(rule=int(rule[4:]), cells=CELLS, steps=48)},
        epx.families.Transformer(widths=(width,), depths=(depth,), seeds=1),
        epx.Requential(reference="student", ema_steps=50),
        recipe="fixed",
        training=epx.Training(
            steps=steps(PARAMS[size], RUNS[name]),
            batch_size=BATCH,
            learning_rate=0.03,
            warmup_steps=100,
        ),
        heldout=epx.Heldout(tokens=1e6),
        store=STORES / name,
    )
    if [row["params"] for row in runs.rows(test_tokens=TEST_TOKENS)] != [PARAMS[size]]:
        raise ValueError(f"{size} has not {PARAMS[size]} parameters")
    frontier = runs.frontier(test_tokens=TEST_TOKENS, variant="student")
    return [frontier.at(t).to_json() | {"size": size} for t in BUDGETS if t <= LARGEST[rule]]


def shortest(rule: str) -> list[dict[str, Any]]:
    """At every budget the size whose code is shortest, of the results that were written."""
    own = [FOUND / f"{name}.json" for name in RUNS if name.startswith(f"{rule}-")]
    sizes = [json.loads(path.read_text())["rows"] for path in own]
    return [
        min(each, key=lambda row: row["mdl_bits"]) | {"source": rule}
        for each in zip(*sizes, strict=True)
    ]


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


def chart(rows: list[dict[str, Any]]) -> Any:
    """S and H of the three rules over T; rings are points read off the published figure."""
    import altair as alt

    points = [row | {"rule": row["source"].replace("rule", "rule ")} for row in [*rows, *PUBLISHED]]
    lines, rings = points[: len(rows)], points[len(rows) :]
    panels = []
    for field, title in (("epiplexity_bits", "S_T, bits"), ("entropy_bits", "H_T, bits")):
        position = {
            "x": alt.X("compute_flops:Q", title="T, FLOPs").scale(type="log").axis(format="~e"),
            "y": alt.Y(f"{field}:Q", title=title).axis(format="~e"),
            "color": alt.Color("rule:N", title=None).scale(range=COLOURS),
        }
        known = [row for row in rings if field in row]
        drawn = alt.Chart(alt.Data(values=lines)).mark_line(point=True).encode(**position)
        published = alt.Chart(alt.Data(values=known)).mark_point(size=120).encode(**position)
        panels.append((drawn + published).properties(width=290, height=240))
    return styled(alt.hconcat(*panels, background="white", padding=12))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", metavar="RUN")
    asked = parser.parse_args().runs
    if unknown := [name for name in asked if name not in RUNS]:
        parser.error(f"no run {', '.join(unknown)}; choose from {', '.join(RUNS)}")
    configure_process()
    for name in asked or RUNS:
        print(write(f"published/{name}", rows=(rows := train(name))), flush=True)
        for row in rows:
            print(
                f"T {row['compute_flops']:.3g} S {row['epiplexity_bits']:.4g} "
                f"H {row['entropy_bits']:.4g} {row['status']} {row['flags']}",
                flush=True,
            )
    if missing := [name for name in RUNS if not (FOUND / f"{name}.json").exists()]:
        print("not yet there:", ", ".join(missing))
        return
    found = [row for rule in LARGEST for row in shortest(rule)]
    passed = checks({(row["source"], row["compute_flops"]): row for row in found})
    save(chart(found), PICTURE)
    print(write("published", checks=passed, published=PUBLISHED, rows=found))
    for sentence, holds in passed.items():
        print("holds " if holds else "FAILS ", sentence)


if __name__ == "__main__":
    main()
