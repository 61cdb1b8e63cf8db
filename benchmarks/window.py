"""How far does S_T depend on the window of the averages? Seven windows at two rates, on text.

Run: python benchmarks/window.py [STEPS]  (a few minutes on two cores at 600 steps; the stores under
runs/window are resumed; another number of steps writes nothing)

One size and one seed, by the published recipe but for the rate and the window. A window is a value
of the compiled program, so both rates of a window train in one cohort and all windows share one
program. S and MDL are those of the run's last record point at 1e7 test tokens, under the variants
`switch` and `paired`. Under the switch, S of the windows of 5 to 50 steps and of those that grow
must lie within 5 % of each other at either rate; the spread of the paired S stands beside it.
"""

import sys
from pathlib import Path
from typing import Any

from result import write

import epiplexity_jax as epx
from epiplexity_jax.analysis import Curve, trace
from epiplexity_jax.runtime.devices import configure_process

ROOT = Path(__file__).parents[1]
STEPS, TEST_TOKENS, RATES = 600, 1e7, (0.03, 0.12)
FIXED = {f"{steps} steps": {"ema_steps": steps, "ema_growth": 1.0} for steps in (5, 15, 50, 150)}
GROWING = {f"{growth:g} t": {"ema_growth": growth} for growth in (0.03, 0.1, 0.3)}
WINDOWS: dict[str, dict[str, Any]] = FIXED | GROWING
HELD_BACK = "150 steps"  # longer than averages of so few steps should be; its spread is not checked
VARIANTS = ("switch", "paired")
MOST_SPREAD = 0.05


def train(window: dict[str, Any], steps: int, store: Path) -> list[Curve]:
    """Train both rates with one window, and return their runs."""
    runs = epx.run(
        {"text": epx.sources.PythonStdlib(length=64)},
        epx.families.Transformer(widths=(16,), depths=(1,), seeds=1, learning_rates=RATES),
        epx.Prequential(**window),
        recipe="fixed",
        steps=steps,
        heldout=epx.Heldout(tokens=200_000),
        store=store,
    )
    return runs.curves()


def lengths(curve: Curve) -> dict[str, float]:
    """S with its standard error, MDL and the step of the switch, at the end of a run."""
    found: dict[str, float] = {}
    for variant in VARIANTS:
        (member,) = trace([curve], test_tokens=TEST_TOKENS, variant=variant).all_members
        found[f"{variant}_bits"] = float(member.model_bits[-1])
        found[f"{variant}_stderr_bits"] = float(member.model_stderr[-1])
        found[f"{variant}_mdl_bits"] = float(member.mdl_bits[-1])
        if member.switch_steps is not None:
            found["switch_step"] = int(member.switch_steps[-1])
    return found


def spread(rows: list[dict[str, Any]], rate: float, variant: str) -> float:
    """How much the longest S is above the shortest, over the windows that are compared."""
    compared = [
        row[f"{variant}_bits"]
        for row in rows
        if row["learning_rate"] == rate and row["window"] != HELD_BACK
    ]
    return max(compared) / min(compared) - 1.0


def main() -> None:
    configure_process()
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    rows: list[dict[str, Any]] = []
    for name, window in WINDOWS.items():
        store = ROOT / "runs" / "window" / f"{name.replace(' ', '-')}-{steps}"
        for curve in sorted(train(window, steps, store), key=lambda run: run.learning_rate or 0.0):
            row = {"window": name, "learning_rate": curve.learning_rate}
            rows.append(row | lengths(curve))
            print(rows[-1], flush=True)
    spreads = [
        {"learning_rate": rate} | {variant: spread(rows, rate, variant) for variant in VARIANTS}
        for rate in RATES
    ]
    passed = {
        f"rate {one['learning_rate']:g}: S of windows up to 50 steps and growing within 5 %": one[
            "switch"
        ]
        < MOST_SPREAD
        for one in spreads
    }
    print(spreads, passed)
    if steps == STEPS:
        print(
            write(
                "window",
                steps=steps,
                test_tokens=TEST_TOKENS,
                checks=passed,
                spreads=spreads,
                rows=rows,
            )
        )
        sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
