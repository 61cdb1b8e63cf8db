"""Pictures: MDL with its frontier, S_T and H_T against compute, one colour and dash a source."""

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from epiplexity_jax.analysis import Decomposition, Frontier
from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.report import axes
from epiplexity_jax.report.numbers import with_interval

FORMATS = (".png", ".svg", ".pdf", ".html")
_BUDGETS = 160
_DOTS = 24
_WIDTH, _HEIGHT = 290, 240
_NAMES = {"mdl": "MDL_T", "epiplexity": "S_T", "entropy": "H_T"}
_TITLES = {"mdl": "Two-part code", "epiplexity": "Epiplexity", "entropy": "Time-bounded entropy"}
_SUBTITLES = {
    "mdl": "model + data; dots: runs; thin: uniform code",
    "epiplexity": "length of the model; ",
    "entropy": "length of the data; ",
}
# Okabe and Ito 2008: colour-blind readers distinguish them; dashes do so in print.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C00"]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 2], [10, 4], [1, 3], [3, 1]]


_CERTIFIED = {"mdl": "certified_mdl_bits", "epiplexity": "certified_bits"}


def frontier_chart(frontiers: Mapping[str, Frontier]) -> Any:
    """One picture for several sources, as an Altair chart.

    Left: some of the runs' points, the frontier and, thin, the uniform code, with which every
    budget begins; a source without a trained run has it alone. Middle and right: epiplexity and
    entropy at every budget. Shaded: 95 % intervals. Dotted: certified lengths, where the code has
    them.

    Raises:
        ConfigError: when there is no frontier.
    """
    if not frontiers:
        raise ConfigError("figure: there is no frontier to draw")
    import altair as alt

    budgets = _span(frontiers)
    lines = [
        length_row(f.at(budget)) | {"source": name}
        for name, f in frontiers.items()
        for budget in budgets.tolist()
    ]
    dots = [row for name, f in frontiers.items() for row in point_rows(name, f)]
    scales = {what: axes.lengths(lines, what) for what in _NAMES}
    for what, axis in scales.items():
        lines = [axis.inside(row, what) for row in lines]
    uniform = [{"source": name, "mdl": f.uniform_bits} for name, f in frontiers.items()]
    rows = {"lines": lines, "dots": dots, "uniform": uniform}
    data = {name: alt.NamedData(name=name) for name in rows}  # Altair would copy them in each layer
    shared = encodings(list(frontiers)) | {
        "time": axes.compute(budgets.tolist()),
        "shade": "no interval from single seeds",
    }
    if any(f.intervals for f in frontiers.values()):
        shared["shade"] = "shaded: 95 % interval"
    shared["certified"] = any(row["epiplexity_certified"] is not None for row in lines)
    panels = [_panel(what, data, axis, shared) for what, axis in scales.items()]
    joined = alt.hconcat(*panels, datasets=rows, spacing=28, background="white", padding=12)
    return styled(joined.resolve_scale(color="shared", strokeDash="shared"))


def styled(chart: Any) -> Any:
    """A chart in the lettering that all pictures share."""
    return (
        chart.configure_view(stroke=None)
        .configure_axis(
            labelFontSize=12,
            titleFontSize=13,
            titleFontWeight="normal",
            titlePadding=8,
            labelColor="#222222",
            gridColor="#e6e6e6",
        )
        .configure_legend(labelFontSize=14, labelLimit=400, columns=8)
        .configure_title(
            fontSize=14,
            anchor="start",
            fontWeight="bold",
            offset=8,
            subtitleFontSize=12,
            subtitleColor="#555555",
        )
    )


def save(chart: Any, path: Path) -> None:
    """Write a chart as .png (twice the resolution), .svg, .pdf or a self-contained .html.

    Raises:
        ConfigError: when the ending is another.
        EpiplexityError: when the file cannot be written.
    """
    if path.suffix not in FORMATS:
        raise ConfigError(f"figure: {path} must end in {', '.join(FORMATS)}")
    options = {".png": {"scale_factor": 2}, ".html": {"inline": True}}.get(path.suffix, {})
    partial = path.with_name(f".partial-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        chart.save(str(partial), **options)
        partial.replace(path)
    except OSError as error:
        raise EpiplexityError(f"figure: {path} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _span(frontiers: Mapping[str, Frontier]) -> np.ndarray:
    """Budgets that the picture covers, FLOPs: even in log compute, and every vertex."""
    drawn = [f for f in frontiers.values() if len(f.compute)]
    if not drawn:
        return np.geomspace(1e9, 1e12, 2)
    low = min(float(f.points.time_flops[0]) for f in drawn) * 1.0001
    high = max(*(f.largest_compute for f in drawn), low * 1.1)
    corners = np.concatenate([f.compute for f in drawn])
    corners = corners[(corners > low) & (corners < high)]
    if len(corners) > _BUDGETS:  # the raw envelope has a corner wherever a run improves
        corners = corners[:0]
    return np.unique(np.concatenate([np.geomspace(low, high, _BUDGETS), corners]))


def length_row(found: Decomposition) -> dict[str, Any]:
    """A result with values and intervals of all three lengths, bits, and both as text."""
    row = {"source": found.source, "compute": found.compute_flops, "status": str(found.status)}
    for what in _NAMES:
        value = getattr(found, f"{what}_bits")
        ends = getattr(found, f"{what}_bits_interval")
        # An open side has no shade.
        low, high = (value if end is None else end for end in ends or (value, value))
        row |= {what: value, f"{what}_low": low, f"{what}_high": high}
        row[f"{what}_text"] = f"{with_interval(value, ends)} bits"
    return row | {f"{what}_certified": getattr(found, name) for what, name in _CERTIFIED.items()}


def point_rows(name: str, frontier: Frontier) -> list[dict[str, Any]]:
    """Some points of every member that are not much worse than the uniform code.

    Args:
        name: of the source.
        frontier: its frontier.
    """
    rows, points = [], frontier.points
    near = points.mdl_bits < 1.05 * frontier.uniform_bits
    for i in range(len(frontier.all_members)):
        own = np.flatnonzero((points.member == i) & near)
        for p in own[:: max(1, math.ceil(len(own) / _DOTS))]:
            time, mdl = float(points.time_flops[p]), float(points.mdl_bits[p])
            rows.append({"source": name, "compute": time, "mdl": mdl})
    return rows


def looks(count: int, ink: str = "#000000") -> list[tuple[str, list[int]]]:
    """Colours and dashes of so many lines; the dashes of a colour that returns differ.

    Args:
        count: number of lines.
        ink: colour in place of black.

    >>> looks(9)[0], looks(9)[8]
    (('#0072B2', [1, 0]), ('#0072B2', [6, 3]))
    """
    colours = [ink if colour == "#000000" else colour for colour in COLOURS]
    size = len(colours)
    return [(colours[i % size], DASHES[(i + i // size) % size]) for i in range(count)]


def encodings(names: list[str], ink: str = "#000000") -> dict[str, Any]:
    """Colour and dash of every source, and their common legend, as channels of Altair.

    Args:
        names: names of the sources.
        ink: colour in place of black.
    """
    import altair as alt

    colours, dashes = (list(marks) for marks in zip(*looks(len(names), ink), strict=True))
    symbols = {"symbolType": "stroke", "symbolStrokeWidth": 3, "symbolSize": 400}
    legend = alt.Legend(orient="top", symbolOpacity=1, **symbols)
    return {
        "color": alt.Color(
            "source:N",
            title=None,
            sort=names,
            scale=alt.Scale(domain=names, range=colours),
            legend=legend,
        ),
        "strokeDash": alt.StrokeDash(
            "source:N", sort=names, scale=alt.Scale(domain=names, range=dashes), legend=None
        ),
    }


def _panel(
    what: str, data: Mapping[str, Any], axis: axes.ChartAxis, shared: Mapping[str, Any]
) -> Any:
    """One of the three panels, from the rows of its lines, of its points and the uniform codes."""
    import altair as alt

    time = shared["time"].options(alt, grid=False)
    compute = alt.X("compute:Q", title="Compute T (FLOPs)", **time)
    value = alt.Y(f"{what}:Q", title=f"{_NAMES[what]} ({axis.unit})", **axis.options(alt))
    base = alt.Chart(data["lines"]).encode(x=compute, color=shared["color"])
    band = base.mark_area(opacity=0.18, clip=True).encode(
        y=alt.Y(f"{what}_low:Q"), y2=alt.Y2(f"{what}_high:Q")
    )
    tooltip = [
        alt.Tooltip("source:N"),
        alt.Tooltip("compute:Q", format=".3e", title="T (FLOPs)"),
        alt.Tooltip(f"{what}_text:N", title=_NAMES[what]),
        alt.Tooltip("status:N"),
    ]
    line = base.mark_line(strokeWidth=2.2, clip=True).encode(
        y=value, strokeDash=shared["strokeDash"], tooltip=tooltip
    )
    layers, subtitle = [band, line], _SUBTITLES[what]
    if shared["certified"] and what in _CERTIFIED:
        dotted = base.mark_line(strokeWidth=1.2, strokeDash=[1, 3], clip=True)
        layers.append(dotted.encode(y=alt.Y(f"{what}_certified:Q")))
        subtitle += "dotted: certified; " if what == "epiplexity" else "; dotted: certified"
    if what == "mdl":
        faint = alt.Chart(data["dots"]).mark_circle(size=10, opacity=0.3, clip=True)
        rule = alt.Chart(data["uniform"]).mark_rule(strokeWidth=0.8, opacity=0.7, clip=True)
        layers.insert(0, rule.encode(y=value, color=shared["color"]))
        layers.insert(1, faint.encode(x=compute, y=value, color=shared["color"]))
    else:
        subtitle += shared["shade"]
    title = alt.TitleParams(f"{_TITLES[what]}: {_NAMES[what]}", subtitle=subtitle)
    return alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT, title=title)
