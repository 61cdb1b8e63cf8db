"""Charts of S, H and MDL over compute, and of one budget, which a page's slider moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from epiplexity_jax.analysis import Decomposition, Frontier
from epiplexity_jax.report import axes
from epiplexity_jax.report.figures import encodings, length_row, point_rows
from epiplexity_jax.report.page.chart_style import (
    AT_BUDGET,
    INK,
    budget_parameter,
    finished,
    unlegended,
)

NAMES = {"mdl": "MDL_T", "epiplexity": "S_T", "entropy": "H_T"}
_BAR = 34  # pixels of a source's bar, with the room around it
_RULE = {"color": INK, "strokeDash": [4, 3], "opacity": 0.7, "strokeWidth": 1.2}
_PARTS = {"epiplexity": "S_T, structure", "entropy": "H_T, randomness"}
_STRUCTURE, _RANDOMNESS = "#0072B2", "#9A9A9A"


@dataclass(frozen=True)
class BudgetData:
    """Lengths of every source at a page's budgets.

    Attributes:
        frontiers: by name of the source.
        budgets: FLOPs, rising; the slider's stops.
        start: place of the budget at which the page opens.
        found: results by budget and source.
    """

    frontiers: Mapping[str, Frontier]
    budgets: Sequence[float]
    start: int
    found: Sequence[Sequence[Decomposition]]

    @classmethod
    def of(
        cls, frontiers: Mapping[str, Frontier], budgets: Sequence[float], start: int
    ) -> "BudgetData":
        """Ask every frontier at every budget.

        Args:
            frontiers: by name of the source.
            budgets: FLOPs, rising.
            start: place of the budget at which the page opens.
        """
        found = [[f.at(budget) for f in frontiers.values()] for budget in budgets]
        return cls(frontiers, budgets, start, found)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Lengths in bits with intervals, source by source; `index` is the budget's place."""
        return [
            length_row(results[k])
            | {"index": i, "uniform": frontier.uniform_bits, "tokens": frontier.test_tokens}
            for k, frontier in enumerate(self.frontiers.values())
            for i, results in enumerate(self.found)
        ]

    @property
    def sources(self) -> list[str]:
        """Names of the sources."""
        return list(self.frontiers)


def budget_charts(data: BudgetData) -> dict[str, dict[str, Any]]:
    """Draw the three lengths over compute and the bars at one budget, by the chart's name."""
    shared = unlegended(encodings(data.sources, INK))
    return {
        **{what: _over_compute(what, data, shared) for what in NAMES},
        "code": _code_bars(data),
        "structure": _value_bars(data, shared, "epiplexity"),
        "rate": _value_bars(data, shared, "entropy"),
    }


def _over_compute(what: str, data: BudgetData, shared: Mapping[str, Any]) -> dict[str, Any]:
    """One length against compute, with intervals, a rule and points at the slider's budget."""
    import altair as alt

    axis = axes.lengths(data.rows, what)
    kept = ("source", "index", "compute", "status")
    rows = [axis.inside(_picked(row, kept, what), what) for row in data.rows]
    time = axes.compute(data.budgets)
    x = alt.X("compute:Q", title="Compute T (FLOPs)", **time.options(alt, grid=False))
    y = alt.Y(f"{what}:Q", title=f"{NAMES[what]} ({axis.unit})", **axis.options(alt))
    base = alt.Chart(alt.NamedData(name="rows")).encode(x=x, color=shared["color"])
    layers = [
        base.mark_area(opacity=0.18, clip=True, aria=False).encode(
            y=alt.Y(f"{what}_low:Q"), y2=alt.Y2(f"{what}_high:Q")
        ),
        base.mark_line(strokeWidth=2.2, clip=True, aria=False).encode(
            y=y, strokeDash=shared["strokeDash"]
        ),
    ]
    datasets: dict[str, Any] = {"rows": rows}
    if what == "mdl":
        dots = [row for name, f in data.frontiers.items() for row in point_rows(name, f)]
        datasets["dots"] = [axis.inside(row, what) for row in dots]
        faint = alt.Chart(alt.NamedData(name="dots")).mark_circle(
            size=10, opacity=0.3, clip=True, aria=False
        )
        layers.insert(0, faint.encode(x=x, y=y, color=shared["color"]))
        rule = alt.Chart(alt.NamedData(name="rows")).mark_rule(
            strokeWidth=0.8, opacity=0.7, clip=True, aria=False
        )
        uniform = rule.transform_filter("datum.index == 0").encode(
            y=alt.Y("uniform:Q"), color=shared["color"]
        )
        layers.insert(0, uniform)
    tooltip = [
        alt.Tooltip("source:N"),
        alt.Tooltip("compute:Q", format=".3e", title="T (FLOPs)"),
        alt.Tooltip(f"{what}_text:N", title=NAMES[what]),
        alt.Tooltip("status:N"),
    ]
    near = base.mark_circle(size=120, opacity=0, clip=True, aria=False)
    at = base.transform_filter(AT_BUDGET)
    layers += [
        at.mark_rule(**_RULE, aria=False).encode(color=alt.value(INK)),
        at.mark_circle(size=70, opacity=1, clip=True, aria=False).encode(y=y),
        near.encode(y=y, tooltip=tooltip),
    ]
    chart = alt.layer(*layers).add_params(budget_parameter(data.start))
    words = f"{NAMES[what]} in bits against compute, for {', '.join(data.sources)}"
    return finished(chart, words, **datasets)


def _picked(row: Mapping[str, Any], names: Sequence[str], what: str) -> dict[str, Any]:
    """The fields of a row that a chart draws."""
    extra = ("uniform",) if what == "mdl" else ()
    own = (what, f"{what}_low", f"{what}_high", f"{what}_text")
    return {name: row[name] for name in (*names, *own, *extra)}


def _code_bars(data: BudgetData) -> dict[str, Any]:
    """S and H stacked, one bar a source, with the uniform code as a mark."""
    import altair as alt

    rows = [
        {"source": row["source"], "index": row["index"], "part": part, "rank": rank}
        | {"bits": max(row[what], 0.0), "uniform": row["uniform"], "text": row[f"{what}_text"]}
        for row in data.rows
        for rank, (what, part) in enumerate(_PARTS.items())
    ]
    axis = _bar_axis([row["mdl"] for row in data.rows] + [row["uniform"] for row in data.rows])
    base = (
        alt.Chart(alt.NamedData(name="parts"))
        .transform_filter(AT_BUDGET)
        .encode(y=alt.Y("source:N", title=None, sort=data.sources, axis=_labels(alt)))
    )
    colours = alt.Scale(domain=list(_PARTS.values()), range=[_STRUCTURE, _RANDOMNESS])
    bars = base.mark_bar(height=18, aria=False).encode(
        x=alt.X("bits:Q", title=f"length of the code ({axis.unit})", **axis.options(alt)),
        color=alt.Color("part:N", title=None, scale=colours, legend=alt.Legend(orient="top")),
        order=alt.Order("rank:Q"),
        tooltip=["source:N", "part:N", alt.Tooltip("text:N", title="length")],
    )
    mark = base.mark_tick(color=INK, thickness=2, height=26, aria=False).encode(
        x=alt.X("uniform:Q"),
        tooltip=[alt.Tooltip("uniform:Q", format=".3e", title="uniform code, bits")],
    )
    chart = alt.layer(bars, mark).add_params(budget_parameter(data.start))
    words = "Stacked bars of S_T and H_T, one a source; a line marks the uniform code"
    return finished(chart, words, _BAR * len(data.sources) + 10, parts=rows)


def _value_bars(data: BudgetData, shared: Mapping[str, Any], what: str) -> dict[str, Any]:
    """S_T, or H_T per token, one bar a source, with its interval."""
    import altair as alt

    scaled = [_per_token(row) if what == "entropy" else dict(row) for row in data.rows]
    axis = _bar_axis([row[name] for row in scaled for name in (what, f"{what}_high")])
    if what == "entropy":
        axis = replace(_bar_axis([row["uniform"] for row in scaled]), unit="bits per token")
    base = (
        alt.Chart(alt.NamedData(name="rows"))
        .transform_filter(AT_BUDGET)
        .encode(y=alt.Y("source:N", title=None, sort=data.sources, axis=_labels(alt)))
    )
    x = alt.X(f"{what}:Q", title=f"{NAMES[what]} ({axis.unit})", **axis.options(alt))
    tooltip = [
        "source:N",
        alt.Tooltip(f"{what}_text:N", title=NAMES[what]),
        "status:N",
    ]
    layers = [
        base.mark_bar(height=18, opacity=0.9, clip=True, aria=False).encode(
            x=x, color=shared["color"], tooltip=tooltip
        ),
        base.mark_rule(color=INK, strokeWidth=2, clip=True, aria=False).encode(
            x=alt.X(f"{what}_low:Q"), x2=alt.X2(f"{what}_high:Q")
        ),
    ]
    if what == "entropy":
        uniform = base.mark_tick(color=INK, thickness=2, height=26, aria=False)
        layers.append(uniform.encode(x=alt.X("uniform:Q")))
    own = (what, f"{what}_low", f"{what}_high", f"{what}_text")
    rows = [
        {name: row[name] for name in ("source", "index", "status", "uniform", *own)}
        for row in scaled
    ]
    chart = alt.layer(*layers).add_params(budget_parameter(data.start))
    words = f"Bars of {NAMES[what]} with 95 % intervals, one a source"
    return finished(chart, words, _BAR * len(data.sources) + 10, rows=rows)


def _per_token(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with H and the uniform code in bits per label token."""
    names = ("entropy", "entropy_low", "entropy_high", "uniform")
    scaled = {name: row[name] / row["tokens"] for name in names}
    text = f"{scaled['entropy']:.4f} bits per token"
    return {**row, **scaled, "entropy_text": text}


def _bar_axis(values: Sequence[float]) -> axes.ChartAxis:
    """A linear axis from 0 over all budgets, so that bars of two budgets compare."""
    high = max((value for value in values if np.isfinite(value)), default=1.0)
    low = min(0.0, *(value for value in values if np.isfinite(value)))
    return axes.linear(low, high)


def _labels(alt: Any) -> Any:
    return alt.Axis(labelLimit=150, ticks=False, domain=False)
