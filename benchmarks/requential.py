"""Is the requential estimate what it should be? Noise, automata, hidden bits, wrong labels.

Run: python benchmarks/requential.py  (about 50 minutes on two cores; runs/requential is resumed)

Every sweep is requential; its teachers give the prequential estimate of the same
training. Writes results/requential.json and docs/images/requential.png.

1. Ten rules at 8 steps: both estimates, and the rank correlation of their S_T at the largest
   budget that no rule is carried to; its interval from draws of every S_T within its own error.
2. Rules at 48 steps, noise and a cipher: nothing to learn but in rules 54 and 15.
3. Hidden bits of rule 30: the loss is h bits a sequence, S_T grows with h.
4. Classes of real vectors, with wrong labels, and with labels that belong to other vectors.
"""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from result import write
from scipy.stats import spearmanr

import epiplexity_jax as epx
from epiplexity_jax.analysis import Decomposition
from epiplexity_jax.base.config import Config
from epiplexity_jax.progress import progress_bar
from epiplexity_jax.report.figures import save
from epiplexity_jax.runtime.devices import configure_process

ROOT = Path(__file__).parents[1]
STORE = ROOT / "runs" / "requential"
PICTURE = ROOT / "docs" / "images" / "requential.png"
RULES = (0, 32, 4, 15, 22, 30, 41, 54, 106, 110)
TEST_TOKENS = 1e8
CLASSES, RATE = 10, 0.2
HIDDEN, RING = range(5), 8
LEFT = ("15", "41", "106")  # whose names would else lie on others


def sweep(name: str, sources: dict[str, Any], family: Config, **training: Any) -> epx.Runs:
    """Train (or resume) a requential sweep."""
    return epx.run(
        sources,
        family,
        epx.Requential(),
        recipe="fixed",
        store=STORE / name,
        training=epx.Training(**training),
        heldout=epx.Heldout(tokens=400_000),
        progress=progress_bar(),
    )


def automaton(rule: int, steps: int, cells: int = 32) -> Config:
    """Predict a ring of cells some steps ahead."""
    return epx.sources.ElementaryCA(rule=rule, cells=cells, steps=steps)


def rules() -> dict[str, Any]:
    """Ten rules under both estimators, at one budget."""
    runs = sweep(
        "rules",
        {f"rule {rule}": automaton(rule, 8) for rule in RULES},
        epx.families.Transformer(widths=(32,), depths=(2,), seeds=2),
        steps=1500,
    )
    compute = min(
        frontier.largest_compute
        for estimator in ("requential", "prequential")
        for frontier in runs.frontiers(TEST_TOKENS, estimator=estimator).values()
    )
    both = {
        estimator: runs.decompositions(TEST_TOKENS, [compute], estimator=estimator)
        for estimator in ("requential", "prequential")
    }
    drawn = {name: _draws(found) for name, found in both.items()}
    correlations = [
        rank_correlation(a, b)
        for a, b in zip(drawn["requential"], drawn["prequential"], strict=True)
    ]
    lengths = {name: [d.epiplexity_bits for d in found] for name, found in both.items()}
    low, high = np.quantile(correlations, [0.025, 0.975])
    return {
        "compute_flops": compute,
        "rank_correlation": rank_correlation(*map(np.array, lengths.values())),
        "rank_correlation_interval": [float(low), float(high)],
        "rows": [d.to_json() for found in both.values() for d in found],
        "figure": both,
    }


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's."""
    found: Any = spearmanr(a, b)
    return float(found.statistic)


def _draws(found: list[Decomposition], count: int = 2000) -> np.ndarray:
    """[count, sources] lengths within their errors."""
    generator = np.random.default_rng(0)
    middle = np.array([d.epiplexity_bits for d in found])
    deviation = np.array([_half_width(d) / 1.96 for d in found])
    return middle + deviation * generator.standard_normal((count, len(middle)))


def _half_width(found: Decomposition) -> float:
    """Of the interval of S_T: of the side that is closed, where one is open."""
    sides = found.epiplexity_bits_interval or ()
    widths = [abs(side - found.epiplexity_bits) for side in sides if side is not None]
    return sum(widths) / max(len(widths), 1)


def unlearnable() -> dict[str, Any]:
    """Sums of KL of what cannot be learnt, beside rules 54 and 15 at the same size."""
    binary = {"vocab_size": 2, "length": 64}
    runs = sweep(
        "unlearnable",
        {
            "rule 54": automaton(54, 48),
            "rule 15": automaton(15, 48),
            "rule 30": automaton(30, 48),
            "noise": epx.sources.Noise(**binary),
            "cipher": epx.sources.Cipher(**binary),
        },
        epx.families.Transformer(widths=(32,), depths=(1,)),
        steps=1000,
    )
    rows = runs.rows(TEST_TOKENS)
    lengths = {
        name: float(np.mean([row["model_bits"] for row in rows if row["source"] == name]))
        for name in runs.sources
    }
    seen = rows[0]["steps_done"] * rows[0]["label_tokens_per_step"]  # bits, at one a label
    largest = [
        frontier.at(frontier.largest_compute) for frontier in runs.frontiers(TEST_TOKENS).values()
    ]
    return {
        "kl_bits": lengths,
        "share_of_rule_54": {name: value / lengths["rule 54"] for name, value in lengths.items()},
        "share_of_data_code": {name: value / seen for name, value in lengths.items()},
        "rows": [d.to_json() for d in largest],
    }


def induction() -> dict[str, Any]:
    """Rule 30 with h hidden bits."""
    runs = sweep(
        "induction",
        {f"h = {h}": epx.sources.Induction(cells=RING, steps=1, hidden=h) for h in HIDDEN},
        epx.families.Mlp(widths=(64,), depths=(2,), window=None, seeds=4),
        steps=2000,
    )
    found = [
        frontier.at(frontier.largest_compute) for frontier in runs.frontiers(TEST_TOKENS).values()
    ]
    return {
        "bits_per_sequence": [d.entropy_bits_per_token * RING for d in found],
        "epiplexity_bits": [d.epiplexity_bits for d in found],
        "epiplexity_bits_intervals": [d.epiplexity_bits_interval for d in found],
        "rows": [d.to_json() for d in found],
    }


def classes() -> dict[str, Any]:
    """Ten classes of real vectors; a fifth of the labels wrong; labels of other vectors."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, CLASSES, 200_000)
    centres = 4.0 * generator.standard_normal((CLASSES, 16))
    inputs = (centres[labels] + generator.standard_normal((labels.size, 16))).astype(np.float32)
    true = epx.sources.from_labelled(inputs, labels, standardise=True)
    runs = sweep(
        "classes",
        {
            "true": true,
            "wrong": epx.sources.open_source(epx.sources.FlipLabels(source=true, rate=RATE)),
            "of others": epx.sources.from_labelled(
                inputs, generator.permutation(labels), standardise=True
            ),
        },
        epx.families.Mlp(widths=(16, 32), depths=(1,)),
        steps=1000,
    )
    true_, wrong, others = (
        frontier.at(frontier.largest_compute) for frontier in runs.frontiers(TEST_TOKENS).values()
    )
    added = -RATE * math.log2(RATE) - (1 - RATE) * math.log2(1 - RATE)
    added += RATE * math.log2(CLASSES - 1)
    return {
        "analytic_bits_per_label": added,
        "measured_bits_per_label": wrong.entropy_bits_per_token - true_.entropy_bits_per_token,
        "epiplexity_change_over_entropy_change": (wrong.epiplexity_bits - true_.epiplexity_bits)
        / (wrong.entropy_bits - true_.entropy_bits),
        "rows": [d.to_json() for d in (true_, wrong, others)],
    }


def checks(found: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """What must hold."""
    far, hidden, labels = (found[name] for name in ("unlearnable", "induction", "classes"))
    at = {row["source"]: row for row in far["rows"]}
    nothing = ("rule 30", "noise", "cipher")
    sizes = {
        row["source"]: row["epiplexity_bits"]
        for row in found["rules"]["rows"]
        if row["estimator"] == "requential"
    }
    bits, lengths = hidden["bits_per_sequence"], hidden["epiplexity_bits"]
    return {
        "rank correlation of the estimates is 0.8 or more": found["rules"]["rank_correlation"]
        >= 0.8,
        "rule 30 at 48 steps, noise and cipher have no S_T": all(
            at[name]["status"] in ("untrained", "below_resolution") for name in nothing
        ),
        "their KL is below 1 % of rule 54's": max(far["share_of_rule_54"][n] for n in nothing)
        < 0.01,
        "their KL is below 1 % of their data": max(far["share_of_data_code"][n] for n in nothing)
        < 0.01,
        "S(54) > S(15) > S(30) at 8 steps": sizes["rule 54"] > sizes["rule 15"] > sizes["rule 30"],
        "the loss is h bits within 2 %": all(
            abs(b - h) < 0.02 * max(h, 1) for h, b in zip(HIDDEN, bits, strict=True)
        ),
        "S_T grows with h": all(a < b for a, b in zip(lengths, lengths[1:], strict=False)),
        "wrong labels cost what they must within 5 %": abs(
            labels["measured_bits_per_label"] / labels["analytic_bits_per_label"] - 1
        )
        < 0.05,
        "and change S_T by less than 5 % of it": abs(
            labels["epiplexity_change_over_entropy_change"]
        )
        < 0.05,
        "labels of other vectors teach nothing": labels["rows"][2]["epiplexity_bits"]
        < 0.01 * labels["rows"][0]["epiplexity_bits"],
    }


def scatter(both: dict[str, list[Decomposition]]) -> Any:
    """Requential against prequential S_T, a point a rule."""
    import altair as alt

    rows: list[dict[str, Any]] = []
    for a, b in zip(both["prequential"], both["requential"], strict=True):
        number = a.source.removeprefix("rule ")
        row = {"rules": number, "x": a.epiplexity_bits, "y": b.epiplexity_bits}
        for axis, d in (("x", a), ("y", b)):
            row[f"{axis}0"], row[f"{axis}1"] = d.epiplexity_bits_interval or (row[axis], row[axis])
        same = [old for old in rows if (old["x"], old["y"]) == (row["x"], row["y"])]
        for old in same:
            old["rules"] += f", {number}"
        rows += [] if same else [row]
    scale, ticks = alt.Scale(domainMin=0), alt.Axis(format="~s", tickCount=6)
    x = alt.X("x:Q", title="prequential S_T, bits", scale=scale, axis=ticks)
    y = alt.Y("y:Q", title="requential S_T, bits", scale=scale, axis=ticks)
    base = alt.Chart(alt.Data(values=rows))
    points = base.mark_circle(size=70, color="#0072B2", opacity=1).encode(x=x, y=y)
    across = base.mark_rule(color="#0072B2").encode(x="x0:Q", x2="x1:Q", y=y)
    up = base.mark_rule(color="#0072B2").encode(x=x, y="y0:Q", y2="y1:Q")
    layers = [across, up, points]
    for on_left in (True, False):
        chosen = [row for row in rows if (row["rules"] in LEFT) == on_left]
        text = alt.Chart(alt.Data(values=chosen)).mark_text(
            align="right" if on_left else "left", dx=-6 if on_left else 6, dy=-8, fontSize=12
        )
        layers.append(text.encode(x=x, y=y, text="rules:N"))
    chart = alt.layer(*layers).properties(width=440, height=320)
    return chart.configure(background="white", padding=12).configure_axis(
        labelFontSize=12, titleFontSize=13, titleFontWeight="normal"
    )


def main() -> None:
    configure_process()
    found = {work.__name__: work() for work in (classes, unlearnable, induction, rules)}
    save(scatter(found["rules"].pop("figure")), PICTURE)
    passed = checks(found)
    print(write("requential", test_tokens=TEST_TOKENS, checks=passed, **found))
    for section in found.values():
        print({name: value for name, value in section.items() if name != "rows"})
    for sentence, holds in passed.items():
        print("holds " if holds else "FAILS ", sentence)
    sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
