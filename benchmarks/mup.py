"""Does one base learning rate serve every width and depth?

Run: python benchmarks/mup.py  (about an hour on two cores; runs/mup is resumed)

Transformers of widths 32, 64, 128 and depths 1, 2, 4 on program text, five base learning rates a
factor of 2 apart around the best ones of so few steps (the default of 0.03 is for thousands), the
same data for all. The best rate of a size is that of the lowest held-out loss, mean of the seeds;
it should move by no more than one factor of 2.
Writes results/mup.json and docs/images/mup.png.
"""

import math
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from result import write

import epiplexity_jax as epx
from epiplexity_jax.progress import progress_bar
from epiplexity_jax.report.figures import save
from epiplexity_jax.runtime.devices import configure_process

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "mup.png"
WIDTHS, DEPTHS, SEEDS = (32, 64, 128), (1, 2, 4), 4
RATES = tuple(0.12 * 2.0**k for k in range(5))
STEPS, BATCH, LENGTH = 400, 32, 64


def measure() -> list[dict[str, Any]]:
    """A row a size: held-out bits per token at every rate, the mean of the seeds."""
    runs = epx.run(
        epx.sources.PythonStdlib(length=LENGTH),
        epx.families.Transformer(widths=WIDTHS, depths=DEPTHS, seeds=SEEDS, learning_rates=RATES),
        recipe="fixed",
        store=ROOT / "runs" / "mup",
        training=epx.Training(steps=STEPS, batch_size=BATCH, microbatch=8),
        heldout=epx.Heldout(tokens=200_000),
        progress=progress_bar(),
    )
    found: dict[tuple[int, int], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in runs.rows(test_tokens=1e7):
        bits = math.inf
        if row["status"] == "finished":
            bits = row["heldout_loss_nats"] / math.log(2)
        found[row["depth"], row["width"]][row["learning_rate"]].append(bits)
    return [
        {
            "width": width,
            "depth": depth,
            "bits_per_token": {f"{r:g}": round(statistics.mean(by[r]), 4) for r in RATES},
            "by_seed": {f"{r:g}": [round(bits, 4) for bits in by[r]] for r in RATES},
            "best_rate": min(RATES, key=lambda r, by=by: statistics.mean(by[r])),
        }
        for (depth, width), by in sorted(found.items())
    ]


def chart(rows: list[dict[str, Any]]) -> Any:
    """Loss against the base learning rate, a panel a depth, a line a width; dots: the best."""
    import altair as alt

    values = [
        {
            "depth": f"depth {row['depth']}",
            "width": str(row["width"]),
            "rate": float(rate),
            "bits": bits,
            "best": float(rate) == float(f"{row['best_rate']:g}"),
        }
        for row in rows
        for rate, bits in row["bits_per_token"].items()
        if math.isfinite(bits)
    ]
    ticks = alt.Axis(values=[float(f"{r:g}") for r in RATES], format=".2~g", grid=False)
    log = alt.Scale(type="log", domain=[RATES[0] / 1.2, RATES[-1] * 1.2], nice=False)
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("rate:Q", title="base learning rate", scale=log, axis=ticks),
        y=alt.Y("bits:Q", title="held-out bits per token", scale=alt.Scale(zero=False)),
        color=alt.Color(
            "width:N",
            sort=[str(w) for w in WIDTHS],
            scale=alt.Scale(range=["#56B4E9", "#0072B2", "#222222"]),
        ),
    )
    best = base.transform_filter("datum.best").mark_point(filled=True, size=110, opacity=1)
    panel = alt.layer(base.mark_line(strokeWidth=2), best).properties(width=230, height=220)
    panels = panel.facet(facet=alt.Facet("depth:N", title=None), columns=len(DEPTHS))
    return panels.configure(background="white", padding=12).configure_axis(
        labelFontSize=12, titleFontSize=13, titleFontWeight="normal"
    )


def main() -> None:
    configure_process()
    rows = measure()
    for row in rows:
        print(row)
    best = [row["best_rate"] for row in rows]
    steps = round(math.log2(max(best) / min(best)))
    print(f"best rates from {min(best):g} to {max(best):g}: {steps} factors of 2 apart")
    path = write(
        "mup",
        factors_of_two_between_best_rates=steps,
        steps=STEPS,
        batch_size=BATCH,
        length=LENGTH,
        seeds=SEEDS,
        rows=rows,
    )
    save(chart(rows), PICTURE)
    print(path)


if __name__ == "__main__":
    main()
