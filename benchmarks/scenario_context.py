"""Scenarios of learning in context: burstiness and Zipf's exponent, two families.

Cost: 30 runs of width 32 and depth 2 (27,000 parameters) over 1.9e6 tokens, 9e12 FLOPs, about
150 s, a few more for the recurrent ones.
"""

import math
from typing import Any

from scenario_lab import Lab, Rows, Scenario, chosen, final_rows, mean, within

import epiplexity_jax as epx
from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.sources.synthetic.in_context import InContext, absent_share

STEPS, SYMBOLS, CLASSES, ITEMS = 3000, 4, 32, 4
BURSTY, EXPONENTS = (0.9, 0.0), (0.0, 1.5)
FAMILIES = {
    "transformer": epx.families.Transformer(widths=(32,), depths=(2,), seeds=3),
    "recurrent": epx.families.Recurrent(widths=(32,), depths=(2,), seeds=3),
}
TEST_TOKENS = 1e6
WEIGHTS = "fixed labels"


def task(bursty: float, exponent: float, **labels: Any) -> InContext:
    return InContext(
        classes=CLASSES,
        label_symbols=SYMBOLS,
        context=ITEMS,
        bursty=bursty,
        exponent=exponent,
        **labels,
    )


def tasks() -> dict[str, InContext]:
    fresh = {
        f"B = {bursty:g}, a = {exponent:g}": task(bursty, exponent)
        for bursty in BURSTY
        for exponent in EXPONENTS
    }
    return fresh | {WEIGHTS: task(0.0, EXPONENTS[-1], labels="fixed")}


def floors() -> dict[str, float]:
    """Bits of an observer that reads the context, and knows labels that are fixed."""
    width = math.log2(SYMBOLS)
    return {
        name: 0.0 if one.labels == "fixed" else absent_share(one) * width
        for name, one in tasks().items()
    }


def train_context(lab: Lab) -> list[dict[str, Any]]:
    rows = []
    for name, family in FAMILIES.items():
        runs = lab.train(f"context-{name}", tasks(), family, STEPS)
        rows += final_rows(runs, TEST_TOKENS, family=name)
    return rows


def read_context(rows: Rows) -> Findings:
    """Compare both families with the exact floor and with an observer that ignores the context."""
    found = Findings("task")
    ignored = math.log2(SYMBOLS)
    values: dict[tuple[str, str], Estimate] = {}
    for name, floor in floors().items():
        for family in FAMILIES:
            value = mean(chosen(rows, source=name, family=family), "loss", "error")
            values[family, name] = value
            place = {"x": name, "series": family, "oracle": floor}
            found.add(f"H, {name}, {family}", value, "bits per label", "H", **place)
    outside = [
        f"{family}, {name}"
        for (family, name), value in values.items()
        if value.inside(floors()[name] - 0.01, ignored + 0.05) is False
    ]
    found.check(
        "guard",
        "no entropy is below the exact floor, or above that of an observer that ignores the "
        f"context, {ignored:g} bits",
        ", ".join(outside) or f"none of {len(values)}",
        not outside,
    )
    bursty, rare = (f"B = {share:g}, a = {EXPONENTS[0]:g}" for share in BURSTY)
    skewed = f"B = {BURSTY[1]:g}, a = {EXPONENTS[1]:g}"
    floor = floors()[bursty]
    reads = values["transformer", bursty]
    expected = f"transformer, {bursty}: it reads the context, {floor:.4f} bits, within 0.1"
    within(found, expected, reads, floor, 0.1)
    recurrent = values["recurrent", bursty]
    found.greater(f"{bursty}: a transformer reads the context better", recurrent, reads)
    for family in FAMILIES:
        found.greater(
            f"{family}: burstiness lowers H",
            values[family, rare],
            values[family, bursty],
        )
        found.greater(
            f"{family}: without bursts, Zipf's exponent lowers H, as queries come again",
            values[family, rare],
            values[family, skewed],
        )
        fixed = values[family, WEIGHTS]
        within(found, f"{family}, {WEIGHTS}: 0 bits, within 0.05", fixed, 0.0, 0.05)
    return found


SCENARIOS = {
    "context": Scenario(
        "Burstiness and Zipf's law for learning in context",
        "With fresh labels the best observer reads the context and guesses where the query's class "
        "is not in it, a share (1 - B) sum_k p_k (1 - p_k)^m; one that ignores the context pays "
        "log2 V bits. Fixed labels cost 0 bits once they are stored.",
        train_context,
        read_context,
    ),
}
