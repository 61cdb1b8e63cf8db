"""Charts of a ranking for a page, with marks at its slider's budget."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from epiplexity_jax.analysis import Ranking
from epiplexity_jax.report import axes
from epiplexity_jax.report.figures import encodings
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.page.chart_style import (
    AT_BUDGET,
    GRID,
    INK,
    budget_parameter,
    finished,
    unlegended,
)
from epiplexity_jax.report.rank_figure import ranks_panel, values_panel

_ROW, _LEAST = 40, 180


def rank_charts(
    ranking: Ranking, sources: Sequence[str], budgets: Sequence[float], start: int
) -> dict[str, dict[str, Any]]:
    """Draw values and ranks at the ranking's budgets, by the chart's name.

    Args:
        ranking: the order.
        sources: names of all sources of the page, which decide the colours.
        budgets: FLOPs of the slider's stops.
        start: place of the budget at which the page opens.
    """
    import altair as alt

    shared = unlegended(encodings(list(sources), INK))
    height = max(_ROW * len(ranking.sources) + 40, _LEAST)
    ends = ranking.budgets
    time = axes.compute([0.8 * min(ends), 1.25 * max(ends)])
    stops = [{"index": i, "compute": budget} for i, budget in enumerate(budgets)]
    rule = (
        alt.Chart(alt.Data(values=stops))
        .transform_filter(AT_BUDGET)
        .mark_rule(color=INK, strokeDash=[4, 3], opacity=0.7, clip=True, aria=False)
        .encode(x=alt.X("compute:Q", **time.options(alt, grid=False)))
    )
    values = alt.layer(values_panel(ranking, shared, height), rule)
    band = (
        alt.Chart(alt.Data(values=_columns(ranking, budgets)))
        .transform_filter("datum.from <= budget && budget <= datum.to")
        .mark_bar(color=GRID, width=alt.RelativeBandSize(0.96), aria=False)
        .encode(x=alt.X("budget:O", sort=[number(one) for one in ends]))
    )
    ranks = alt.layer(band, ranks_panel(ranking, shared, height))
    name, budget = ranking.measure.name, budget_parameter(start)
    return {
        "values": finished(
            values.add_params(budget), f"{name} of every source at every budget, with intervals"
        ),
        "ranks": finished(
            ranks.add_params(budget), f"Order of the sources by {name} at every budget", height
        ),
    }


def _columns(ranking: Ranking, budgets: Sequence[float]) -> list[Mapping[str, Any]]:
    """Stops of the slider for which a column of the order is the nearest, up to half a step off."""
    own, at = np.log(np.array(ranking.budgets)), np.log(np.array(budgets))
    steps = np.diff(own) / 2 if own.size > 1 else np.array([0.0])
    lows, highs = own - np.append(steps[:1], steps), own + np.append(steps, steps[-1:])
    if own.size == 1:
        lows, highs = own, own
    found = []
    for budget, low, high in zip(ranking.budgets, lows - 1e-9, highs, strict=True):
        inside = np.flatnonzero((at >= low) & (at < high + 2e-9))
        if inside.size:
            ends = {"from": int(inside[0]), "to": int(inside[-1])}
            found.append({"budget": number(budget)} | ends)
    return found
