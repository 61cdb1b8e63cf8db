"""Charts of single runs: the code of the training tokens, whose area is the model's length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epiplexity_jax.analysis.runs.loss_area import LossArea
from epiplexity_jax.report.page.chart_style import GRID, INK, finished

_INTERVALS = 48  # of a run's curve, at most
_STRUCTURE, _REST = "#4C9CCB", "#B4B4B4"  # opaque: shades of neighbours would overlap
_SMALL = 110


@dataclass(frozen=True)
class RunArea:
    """A run as its chart shows it.

    Attributes:
        label: its name on the page.
        source: name of its source.
        size: name of its model's size.
        params: N.
        model_bits: length of its model, with the names of its choices.
        area: code of its training tokens.
    """

    label: str
    source: str
    size: str
    params: int
    model_bits: float
    area: LossArea


def run_charts(runs: Sequence[RunArea], start: int) -> dict[str, dict[str, Any]]:
    """Draw one run's area, its source's runs together, and the frame of a small picture of each.

    Args:
        runs: the runs; the page's parameter `run` is a place among them.
        start: place of the run that is shown first.
    """
    return {
        "area": _area_chart(runs, start),
        "runs": _runs_chart(runs, start),
        "small": _small_chart(),
    }


def area_rows(runs: Sequence[RunArea]) -> list[list[dict[str, float]]]:
    """Rectangles of every run's area: from, to, loss and floor, bits per token."""
    found = []
    for one in runs:
        area = one.area.thinned(_INTERVALS)
        edges = _short(area.edges)
        losses, floor = _short(area.losses), _short([area.floor])[0]
        found.append(
            [
                {"from": edges[i], "to": edges[i + 1], "loss": losses[i], "floor": floor}
                for i in range(len(losses))
            ]
        )
    return found


def _short(values: Any) -> list[float]:
    """Numbers with the digits that a picture shows."""
    return [float(f"{value:.6g}") for value in np.asarray(values)]


def _area_chart(runs: Sequence[RunArea], start: int) -> dict[str, Any]:
    """The code of one run, structure above the floor and the rest below it."""
    import altair as alt

    rows = [{"run": i, **row} for i, own in enumerate(area_rows(runs)) for row in own]
    chosen = alt.param(name="run", value=start)
    base = alt.Chart(alt.NamedData(name="areas")).transform_filter("datum.run == run")
    chart = alt.layer(*_area_layers(alt, base)).add_params(chosen)
    words = "Code length per token over the training tokens; the area above the floor is the model"
    return finished(chart, words, 260, areas=rows)


def _area_layers(alt: Any, base: Any, title: bool = True) -> list[Any]:
    """Rectangles above and below the floor, and the code's line."""
    axis = alt.Axis(format="~s", grid=False, tickCount=6 if title else 3)
    x = alt.X("from:Q", title="label tokens learnt" if title else None, axis=axis)
    scale = alt.Scale(zero=True)
    named = "code, bits per token" if title else None
    y = alt.Y("loss:Q", title=named, scale=scale, axis=alt.Axis(tickCount=6 if title else 3))
    tooltip = [
        alt.Tooltip("to:Q", format=".3s", title="label tokens"),
        alt.Tooltip("loss:Q", format=".4f", title="bits per token"),
        alt.Tooltip("floor:Q", format=".4f", title="floor"),
    ]
    ends = {"x2": alt.X2("to:Q")}
    edge = {"opacity": 1, "strokeWidth": 0.6, "aria": False}
    above = base.mark_rect(color=_STRUCTURE, stroke=_STRUCTURE, **edge)
    below = base.mark_rect(color=_REST, stroke=_REST, **edge)
    line = base.mark_line(color=INK, strokeWidth=1.3, interpolate="step-after", aria=False)
    return [
        below.encode(x=x, y=alt.Y("floor:Q", scale=scale), y2=alt.datum(0), **ends),
        above.encode(x=x, y=y, y2=alt.Y2("floor:Q"), tooltip=tooltip, **ends),
        line.encode(x=x, y=y),
    ]


def _small_chart() -> dict[str, Any]:
    """The frame of one run's small picture; the page fills in its rows."""
    import altair as alt

    base = alt.Chart(alt.NamedData(name="areas"))
    chart = alt.layer(*_area_layers(alt, base, title=False))
    return finished(chart, "Code of one run over its training tokens", _SMALL)


def _runs_chart(runs: Sequence[RunArea], start: int) -> dict[str, Any]:
    """All runs of the chosen run's source, the chosen one in front."""
    import altair as alt

    places = {name: i for i, name in enumerate(dict.fromkeys(one.source for one in runs))}
    rows = [
        {"run": i, "of": places[runs[i].source], "label": runs[i].label, "N": runs[i].params}
        | {"tokens": row["to"], "loss": row["loss"]}
        for i, own in enumerate(area_rows(runs))
        for row in own
    ]
    chosen = alt.param(name="run", value=start)
    of = alt.param(name="of", value=places[runs[start].source])
    base = alt.Chart(alt.NamedData(name="curves")).transform_filter("datum.of == of")
    x = alt.X(
        "tokens:Q",
        title="label tokens learnt",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(format="~s", grid=False, tickCount=5),
    )
    y = alt.Y("loss:Q", title="code, bits per token", scale=alt.Scale(zero=False, nice=False))
    sizes = alt.Color(
        "N:Q",
        title="parameters",
        scale=alt.Scale(type="log", scheme="viridis"),
        legend=alt.Legend(orient="top", format="~s", gradientLength=120),
    )
    thin = base.mark_line(strokeWidth=1, opacity=0.8, aria=False).encode(
        x=x, y=y, color=sizes, detail="run:N"
    )
    front = (
        base.transform_filter("datum.run == run")
        .mark_line(strokeWidth=3, color=INK, aria=False)
        .encode(x=x, y=y)
    )
    tooltip = [
        alt.Tooltip("label:N", title="run"),
        alt.Tooltip("tokens:Q", format=".3s", title="label tokens"),
        alt.Tooltip("loss:Q", format=".4f", title="bits per token"),
    ]
    near = base.mark_circle(size=60, opacity=0, aria=False).encode(x=x, y=y, tooltip=tooltip)
    chart = alt.layer(thin, front, near).add_params(chosen, of)
    return finished(chart, "Code per token of all runs of a source, by size", 260, curves=rows)


def recipe_chart(rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> dict[str, Any]:
    """MDL of the recipes that were tried against their learning rate, over the best of the source.

    Args:
        rows: as `Runs.recipes` has them.
        shared: channels of `encodings`.
    """
    import altair as alt

    best: dict[str, float] = {}
    full: dict[str, float] = {}
    for row in rows:
        full[row["source"]] = max(full.get(row["source"], 0.0), row["train_tokens"])
    kept = [
        row
        for row in rows
        if row["mdl_bits"] is not None and row["train_tokens"] > 0.9 * full[row["source"]]
    ]
    for row in kept:
        best[row["source"]] = min(best.get(row["source"], np.inf), row["mdl_bits"])
    drawn = [
        {name: row[name] for name in ("source", "learning_rate", "batch_size", "chosen")}
        | {"over": row["mdl_bits"] / best[row["source"]] - 1.0}
        for row in kept
    ]
    over = alt.Tooltip("over:Q", format=".2%")
    base = alt.Chart(alt.NamedData(name="recipes")).encode(
        x=alt.X(
            "learning_rate:Q",
            title="base learning rate",
            scale=alt.Scale(type="log", padding=14),
            axis=alt.Axis(format="~g", grid=False, tickCount=6),
        ),
        y=alt.Y(
            "over:Q",
            title="MDL above the best recipe's",
            scale=alt.Scale(type="symlog", constant=0.01),
            axis=alt.Axis(format="~%", values=[0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]),
        ),
        color=shared["color"],
        tooltip=[
            "source:N",
            "learning_rate:Q",
            "batch_size:Q",
            over,
        ],
    )
    dots = base.mark_circle(size=46, opacity=0.7, aria=False)
    ring = base.transform_filter("datum.chosen").mark_point(
        size=190, strokeWidth=2, filled=False, aria=False
    )
    chart = alt.layer(dots, ring)
    words = "MDL of every recipe that was tried, against its learning rate"
    return finished(chart, words, 230, recipes=drawn)


def settling_chart(rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> dict[str, Any]:
    """S_T at one budget against the number of finished runs, with its interval.

    Args:
        rows: `source`, `runs`, `epiplexity`, `epiplexity_low`, `epiplexity_high`, bits.
        shared: channels of `encodings`.
    """
    import altair as alt

    base = alt.Chart(alt.NamedData(name="settling")).encode(
        x=alt.X("runs:Q", title="finished runs", axis=alt.Axis(tickMinStep=1, grid=False)),
        color=shared["color"],
    )
    band = base.mark_area(opacity=0.2, aria=False).encode(
        y=alt.Y("epiplexity_low:Q", title="S_T (bits)", axis=alt.Axis(format="~s", gridColor=GRID)),
        y2=alt.Y2("epiplexity_high:Q"),
    )
    line = base.mark_line(strokeWidth=2, point=True, aria=False).encode(
        y=alt.Y("epiplexity:Q"),
        tooltip=[
            "source:N",
            alt.Tooltip("runs:Q", title="finished runs"),
            alt.Tooltip("epiplexity:Q", format=".3e", title="S_T, bits"),
        ],
    )
    chart = alt.layer(band, line)
    words = "S_T and its interval against the number of finished runs"
    return finished(chart, words, 200, settling=rows)
