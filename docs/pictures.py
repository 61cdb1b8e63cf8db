"""Write the pictures of docs/concepts.md: n-grams of a Markov chain, and a simulated scaling law.

Run: make docs  (or python docs/pictures.py)
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import epiplexity_jax as epx
from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.scaling_law import CappedLaw
from epiplexity_jax.analysis.simulate import sweep as simulate
from epiplexity_jax.coding import record_points
from epiplexity_jax.report.figures import save

IMAGES = Path(__file__).parent / "images"
TEST_TOKENS = 20_000
STRUCTURE, NOISE, LINE = "#0072B2", "#B8B8B8", "#222222"


def sweep(folder: Path) -> epx.Runs:
    """Orders 0 to 2 on a chain of 32 states, whose truth is of order 1."""
    return epx.run(
        {"chain": epx.sources.Markov(vocab_size=32, length=32, concentration=0.1)},
        epx.families.Ngram(orders=(0, 1, 2), seeds=2),
        steps=2000,
        training=epx.Training(batch_size=2),
        heldout=epx.Heldout(tokens=500_000),
        store=folder,
    )


def two_part(runs: epx.Runs) -> Any:
    """The message's two parts under every order, one bar each."""
    import altair as alt

    frontier = runs.frontier(test_tokens=TEST_TOKENS)
    points = frontier.points
    rows = [{"code": "no model", "part": "data", "bits": frontier.uniform_bits}]
    for i, member in enumerate(frontier.all_members):
        last = np.flatnonzero(points.member == i)[-1]
        for part, bits in (("model", points.model_bits[last]), ("data", points.data_bits[last])):
            rows.append({"code": member.name, "part": part, "bits": float(bits)})
    parts = {"model": "|P|, the model", "data": "L(X | P), the data given the model"}
    rows = [row | {"part": parts[row["part"]], "rank": row["part"] == "data"} for row in rows]
    colour = alt.Color(
        "part:N",
        title=None,
        scale=alt.Scale(domain=list(parts.values()), range=[STRUCTURE, NOISE]),
        legend=alt.Legend(orient="top", labelLimit=400),
    )
    order = ["no model", *dict.fromkeys(member.name for member in frontier.all_members)]
    bits = alt.X("bits:Q", title="length of the message, bits", axis=alt.Axis(format="~s"))
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(height=20)
        .encode(x=bits, y=alt.Y("code:N", title=None, sort=order), color=colour, order="rank:O")
        .properties(width=520, height=130)
    )


def area(runs: epx.Runs) -> Any:
    """The learning curve of order 1 above its floor."""
    import altair as alt

    (curve,) = (c for c in runs.curves() if c.order == 1 and c.seed == 0)
    tokens = np.asarray(curve.steps) * curve.cost.label_tokens_per_step
    losses = np.asarray(curve.ema.adjusted()) / np.log(2)
    kept = tokens <= 10_000
    rows = [
        {"tokens": float(t), "loss": float(loss), "floor": float(losses[-1])}
        for t, loss in zip(tokens[kept], losses[kept], strict=True)
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("tokens:Q", title="label tokens learnt", axis=alt.Axis(format="~s", grid=False))
    )
    scale = alt.Scale(domain=[0, 5.2], nice=False)
    loss = alt.Y("loss:Q", title="loss, bits per token", scale=scale, axis=alt.Axis(grid=False))
    structure = base.mark_area(color=STRUCTURE, opacity=0.75).encode(y=loss, y2="floor:Q")
    noise = base.mark_area(color=NOISE, opacity=0.75).encode(y=alt.Y("floor:Q", scale=scale))
    line = base.mark_line(color=LINE, strokeWidth=1.5).encode(y=loss)
    said = [
        {"tokens": 900, "loss": 3.1, "text": "|P|: the area above the floor"},
        {"tokens": 900, "loss": 1.2, "text": "what the final model leaves: no part of |P|"},
        {"tokens": 6_000, "loss": losses[-1] - 0.25, "text": "floor: loss of the final model"},
    ]
    words = alt.Chart(alt.Data(values=said)).mark_text(align="left", fontSize=13, color=LINE)
    words = words.encode(x="tokens:Q", y="loss:Q", text="text:N")
    return alt.layer(structure, noise, line, words).properties(width=520, height=220)


def frontier() -> Any:
    """Two-part codes over time of models four times larger each, their envelope and its parts."""
    import altair as alt

    law = CappedLaw(alpha=0.4, beta=0.4, n0=3e3, d0=3e6, irreducible_nats=1.2, vocab_size=64)
    sizes = [int(3e3 * 4**i) for i in range(5)]
    curves = simulate(law, sizes, record_points(5000), tokens_per_step=40_000)
    traced = trace(curves, test_tokens=1e8)
    points = traced.points
    names = [f"N = {size:,}" for size in sizes]
    dots = [
        {"T": float(time), "bits": float(mdl), "size": names[int(i)]}
        for time, mdl, i in zip(points.time_flops, points.mdl_bits, points.member, strict=True)
    ]
    low, high = 1.05 * min(d["T"] for d in dots), max(d["T"] for d in dots)
    lines = [
        {"T": float(d.compute_flops), "bits": bits, "what": what}
        for d in map(traced.at, np.geomspace(low, high, 200).tolist())
        for what, bits in (
            ("MDL_T", d.mdl_bits),
            ("H_T", d.entropy_bits),
            ("S_T", d.epiplexity_bits),
        )
    ]
    time = alt.X(
        "T:Q",
        title="compute T, FLOPs",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(format="~e", tickCount=5, grid=False),
    )
    bits = alt.Y("bits:Q", title="bits", axis=alt.Axis(format="~s"))
    colours = alt.Scale(domain=names, scheme="viridis")
    runs = alt.Chart(alt.Data(values=dots)).mark_circle(size=9, opacity=0.7, clip=True)
    runs = runs.encode(x=time, y=bits, color=alt.Color("size:N", title="runs", scale=colours))
    dashes = alt.Scale(domain=["MDL_T", "H_T", "S_T"], range=[[1, 0], [6, 3], [2, 2]])
    line = alt.Chart(alt.Data(values=lines)).mark_line(color=LINE, strokeWidth=2)
    line = line.encode(x=time, y=bits, strokeDash=alt.StrokeDash("what:N", title="", scale=dashes))
    return alt.layer(runs, line).properties(width=470, height=260)


def main() -> None:
    """Write the three pictures."""
    with tempfile.TemporaryDirectory() as folder:
        runs = sweep(Path(folder) / "runs")
        charts = {"two-part": two_part(runs), "area": area(runs), "frontier": frontier()}
        for name, chart in charts.items():
            chart = chart.configure(background="white", padding=12)
            chart = chart.configure_view(stroke=None).configure_axis(
                labelFontSize=12, titleFontSize=13, titleFontWeight="normal"
            )
            save(chart.configure_legend(labelFontSize=13), IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
