"""Pictures: MDL with its frontier, S_T and H_T against compute, one colour and dash a source."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from epiplexity_jax.analysis import Frontier
from epiplexity_jax.base.errors import ConfigError, EpiplexityError

FORMATS = (".png", ".svg", ".pdf", ".html")
_BUDGETS = 80
_DOTS = 160
_POWERS = "datum.value ? replace(format(datum.value, '{}'), '+', '') : '0'"
_WIDTH, _HEIGHT = 290, 240
_LABELS = {"mdl": "MDL_T (bits)", "epiplexity": "S_T (bits)", "entropy": "H_T (bits)"}
_TITLES = {
    "mdl": "Two-part code: MDL_T",
    "epiplexity": "Epiplexity: S_T",
    "entropy": "Time-bounded entropy: H_T",
}
# Okabe and Ito 2008: told apart by colour-blind readers; dashes tell them apart in print.
_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C00"]
_DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 2], [10, 4], [1, 3], [3, 1]]


def frontier_chart(frontiers: Mapping[str, Frontier]) -> Any:
    """One picture for several sources, as an Altair chart.

    Left: the runs' points and the frontier, the uniform code included. Middle and right:
    epiplexity and entropy at every budget. Shaded: 95 % intervals.

    Args:
        frontiers: by name of the source; those without a trained run show the uniform code.

    Raises:
        ConfigError: when there is none.
    """
    if not frontiers:
        raise ConfigError("figure: there is no frontier to draw")
    import altair as alt

    lines = [row for name, f in frontiers.items() for row in _lines(name, f, _span(frontiers))]
    dots = [row for name, f in frontiers.items() for row in _dots(name, f)]
    names = list(frontiers)
    colour = alt.Color(
        "source:N",
        title=None,
        sort=names,
        scale=alt.Scale(domain=names, range=[_COLOURS[i % 8] for i in range(len(names))]),
        legend=alt.Legend(
            orient="top",
            symbolType="stroke",
            symbolStrokeWidth=3,
            symbolSize=400,
            symbolOpacity=1,
        ),
    )
    dash = alt.StrokeDash(
        "source:N",
        sort=names,
        scale=alt.Scale(domain=names, range=[_DASHES[i % 8] for i in range(len(names))]),
        legend=None,
    )
    panels = [_panel(lines, dots if what == "mdl" else [], what, colour, dash) for what in _LABELS]
    return (
        alt.hconcat(*panels, spacing=24, background="white", padding=12)
        .resolve_scale(color="shared", strokeDash="shared")
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=12, titleFontSize=13, titleFontWeight="normal", gridColor="#e6e6e6"
        )
        .configure_legend(labelFontSize=14)
        .configure_title(fontSize=14, anchor="start", fontWeight="bold", offset=8)
    )


def save(chart: Any, path: Path) -> None:
    """Write a chart as .png (twice the resolution), .svg, .pdf or a self-contained .html.

    Raises:
        ConfigError: when the ending is another.
        EpiplexityError: when the file cannot be written.
    """
    if path.suffix not in FORMATS:
        raise ConfigError(f"figure: {path} must end in {', '.join(FORMATS)}")
    options: dict[str, Any] = {"scale_factor": 2} if path.suffix == ".png" else {}
    if path.suffix == ".html":
        options["inline"] = True
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        chart.save(str(path), **options)
    except OSError as error:
        raise EpiplexityError(f"figure: {path} cannot be written: {error.strerror}") from None


def _span(frontiers: Mapping[str, Frontier]) -> np.ndarray:
    """Budgets that the picture covers, FLOPs."""
    drawn = [f for f in frontiers.values() if len(f.compute)]
    if not drawn:
        return np.geomspace(1e9, 1e12, 2)
    low = min(float(f.points.time_flops[0]) for f in drawn)
    high = max(f.largest_compute for f in drawn)
    return np.geomspace(low * 1.0001, max(high, low * 1.1), _BUDGETS)


def _lines(name: str, frontier: Frontier, budgets: np.ndarray) -> list[dict[str, Any]]:
    """A row a budget, with values and intervals of all three lengths."""
    rows = []
    for budget in budgets:
        d = frontier.at(float(budget))
        row = {"source": name, "compute": float(budget), "status": str(d.status)}
        for what, value, interval in (
            ("mdl", d.mdl_bits, d.mdl_bits_interval),
            ("epiplexity", d.epiplexity_bits, d.epiplexity_bits_interval),
            ("entropy", d.entropy_bits, d.entropy_bits_interval),
        ):
            low, high = interval or (value, value)
            row |= {what: value, f"{what}_low": low, f"{what}_high": high}
        rows.append(row)
    return rows


def _dots(name: str, frontier: Frontier) -> list[dict[str, Any]]:
    """Some of the runs' points that are no worse than twice the uniform code."""
    if not len(frontier.compute):
        return []
    time, mdl = frontier.points.time_flops, frontier.points.mdl_bits
    shown = np.flatnonzero(mdl < 1.1 * frontier.uniform_bits)
    shown = shown[:: max(1, math.ceil(len(shown) / _DOTS))]
    return [{"source": name, "compute": float(time[i]), "mdl": float(mdl[i])} for i in shown]


def _domain(lines: list[dict[str, Any]], what: str) -> list[float]:
    """Limits of a panel: from 0, or below where S_T is, with a little room above."""
    highest = max(max(row[what], row[f"{what}_high"]) for row in lines)
    lowest = min(0.0, min(max(row[f"{what}_low"], row[what] - 0.1 * highest) for row in lines))
    room = 0.06 * (highest - lowest) or 1.0
    return [lowest - room if lowest < 0 else 0.0, highest + room]


def _panel(
    lines: list[dict[str, Any]], dots: list[dict[str, Any]], what: str, colour: Any, dash: Any
) -> Any:
    import altair as alt

    compute = alt.X(
        "compute:Q",
        title="Compute T (FLOPs)",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(
            labelExpr=_POWERS.format(".0e"),
            tickCount=5,
            labelOverlap=True,
            grid=False,
        ),
    )
    value = alt.Y(
        f"{what}:Q",
        title=_LABELS[what],
        scale=alt.Scale(domain=_domain(lines, what), nice=False),
        axis=alt.Axis(labelExpr=_POWERS.format(".2~e"), tickCount=5),
    )
    base = alt.Chart(alt.Data(values=lines)).encode(x=compute, color=colour)
    band = base.mark_area(opacity=0.18, clip=True).encode(
        y=alt.Y(f"{what}_low:Q"), y2=alt.Y2(f"{what}_high:Q")
    )
    tooltip = [
        alt.Tooltip("source:N"),
        alt.Tooltip("compute:Q", format=".3e", title="T (FLOPs)"),
        alt.Tooltip(f"{what}:Q", format=".4e", title=_LABELS[what]),
        alt.Tooltip("status:N"),
    ]
    line = base.mark_line(strokeWidth=2.2, clip=True).encode(
        y=value, strokeDash=dash, tooltip=tooltip
    )
    layers = [band, line]
    if dots:
        layers.insert(
            0,
            alt.Chart(alt.Data(values=dots))
            .mark_circle(size=9, opacity=0.3, clip=True)
            .encode(x=compute, y=value, color=colour),
        )
    return alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT, title=_TITLES[what])
