"""Picture of an experiment: a panel a quantity, error bars, and what theory gives."""

import math
from typing import Any

from epiplexity_jax.experiments.findings import Findings, Value
from epiplexity_jax.report.figures import COLOURS, styled

_WIDTH, _HEIGHT, _IN_A_ROW = 290, 240, 3
_WIDE = 30  # of a name on the horizontal axis
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def chart(findings: Findings) -> Any:
    """Draw the values of an experiment, as an Altair chart.

    A panel for each quantity, a colour for each series, bars for 95 % intervals, to one side where
    the other is open, and a black tick for the value that theory gives.

    Args:
        findings: the values.
    """
    import altair as alt

    series = list(dict.fromkeys(value.series for value in findings.values))
    panels = list(dict.fromkeys(value.panel for value in findings.values))
    drawn = [
        _panel(findings, panel, [v for v in findings.values if v.panel == panel], series)
        for panel in panels
    ]
    joined = alt.concat(*drawn, columns=_IN_A_ROW, spacing=28, background="white", padding=12)
    return styled(joined)


def _panel(findings: Findings, title: str, values: list[Value], series: list[str]) -> Any:
    import altair as alt

    rows = [_row(value) for value in values if math.isfinite(value.estimate.value)]
    numeric = not any(isinstance(value.x, str) for value in findings.values)
    scale = (
        alt.Scale(type="log", nice=False, padding=14)
        if findings.log_x
        else alt.Scale(zero=False, padding=14)
    )
    if numeric:
        is_long = max(float(value.x) for value in findings.values) >= 1e4
        form = "~e" if findings.log_x and is_long else "~g"
        axis = alt.Axis(format=form, tickCount=5, grid=False, labelSeparation=8)
        x: Any = alt.X("x:Q", title=findings.axis, scale=scale, axis=axis)
    else:
        order = list(dict.fromkeys(str(v.x) for v in findings.values))
        x = alt.X("x:N", title=findings.axis, sort=order, axis=alt.Axis(labelAngle=-30))
    y = alt.Y(
        "value:Q",
        title=values[0].unit,
        axis=alt.Axis(format="~s"),
        scale=alt.Scale(zero=False, padding=8),
    )
    beside = {} if numeric or len(series) < 2 else {"xOffset": alt.XOffset("series:N", sort=series)}
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, **beside, **_colour(series))
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q"), y2="high:Q")
    layers = [bars.transform_filter("isValid(datum.low) && isValid(datum.high)")]
    if numeric:
        layers.append(base.mark_line(strokeWidth=1.5).encode(y=y))
    layers.append(base.mark_point(filled=True, size=60, opacity=1).encode(y=y, **_shape(series)))
    if any(value.oracle is not None for value in values):
        ticks = base.mark_tick(orient="horizontal", thickness=2, size=24, color="black")
        ticks = ticks.encode(y="oracle:Q", color=alt.value("black"))
        layers.append(ticks.transform_filter("isValid(datum.oracle)"))
    width = _WIDTH if numeric else max(_WIDTH, _WIDE * len({value.x for value in values}))
    return alt.layer(*layers).properties(width=width, height=_HEIGHT, title=title)


def _row(value: Value) -> dict[str, Any]:
    found = value.estimate
    low, high = found.low, found.high
    if (low is None) != (high is None):  # a side is open: the bar ends at the point
        low, high = (found.value if end is None else end for end in (low, high))
    return {
        "x": value.x,
        "series": value.series,
        "value": found.value,
        "low": low,
        "high": high,
        "oracle": value.oracle,
    }


def _colour(series: list[str]) -> dict[str, Any]:
    """Colours of the series; without a legend where there is one."""
    import altair as alt

    if len(series) < 2:
        return {"color": alt.value(COLOURS[0])}
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(series))]
    legend = alt.Legend(title=None, orient="top", columns=4)
    scale = alt.Scale(domain=series, range=colours)
    return {"color": alt.Color("series:N", scale=scale, legend=legend)}


def _shape(series: list[str]) -> dict[str, Any]:
    """Shapes of the points, by which print distinguishes series."""
    import altair as alt

    if len(series) < 2:
        return {}
    shapes = [_SHAPES[i % len(_SHAPES)] for i in range(len(series))]
    legend = alt.Legend(title=None, orient="top", columns=4)
    scale = alt.Scale(domain=series, range=shapes)
    return {"shape": alt.Shape("series:N", scale=scale, legend=legend)}
