"""The picture of a ranking: values over compute, and ranks with the groups that share a letter."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from epiplexity_jax.analysis import Ranking
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.report import axes
from epiplexity_jax.report.figures import encodings, styled
from epiplexity_jax.report.numbers import number, with_interval

_WIDTH, _STEP, _LEAST = 330, 46, 190
_COLUMN = 74  # width of a budget's ranks
_BAR, _BESIDE = 6, 17  # width of a group's bar, and of its first from the middle of the marks


def rank_chart(rankings: Sequence[Ranking]) -> Any:
    """One row an observer, as an Altair chart.

    Left: the value of every source at every budget, with its own 95 % interval. Right: the sources
    in order, each with its letters; a grey bar joins those that are not separated.

    Raises:
        ConfigError: when there is no budget.
    """
    if not rankings or not all(one.orders for one in rankings):
        raise ConfigError("figure: there is no budget at which to draw an order")
    import altair as alt

    names = list(dict.fromkeys(name for one in rankings for name in one.sources))
    shared = encodings(names)
    rows = [_row(one, shared, len(rankings) > 1) for one in rankings]
    chart = alt.vconcat(*rows, spacing=24, background="white", padding=12)
    return styled(chart.resolve_scale(color="shared"))


def _row(ranking: Ranking, shared: Mapping[str, Any], is_named: bool) -> Any:
    import altair as alt

    height = max(_STEP * len(ranking.sources), _LEAST)
    title = f"{ranking.observer}: " if is_named else ""
    values, ranks = values_panel(ranking, shared, height), ranks_panel(ranking, shared, height)
    label = ranking.measure.name.replace("S-per-byte", "S per byte")
    unit = "95 % intervals, each source's own; open sides end at the mark"
    values = values.properties(title=alt.TitleParams(f"{title}{label}_T", subtitle=unit))
    said = "letters: groups at 95 % over all pairs; a bar joins those not separated"
    ranks = ranks.properties(title=alt.TitleParams(f"{title}Order", subtitle=said))
    return alt.hconcat(values, ranks, spacing=34)


def values_panel(ranking: Ranking, shared: Mapping[str, Any], height: int) -> Any:
    """Draw values with error bars against compute.

    Args:
        ranking: the order.
        shared: channels of `encodings`.
        height: in pixels.
    """
    import altair as alt

    what = "epiplexity" if ranking.measure.is_structure else "length"
    rows = []
    for order in ranking.orders:
        for place in order.places:
            low, high = place.value_interval or (None, None)
            rows.append(
                {
                    "source": place.found.source,
                    "compute": order.compute_flops,
                    "status": str(place.found.status),
                    what: place.value,
                    f"{what}_low": place.value if low is None else low,
                    f"{what}_high": place.value if high is None else high,
                    "text": with_interval(place.value, place.value_interval),
                }
            )
    rows.sort(key=lambda row: row["compute"])
    axis = axes.lengths(rows, what)
    ends = ranking.budgets
    time = axes.compute([0.8 * min(ends), 1.25 * max(ends)])
    base = alt.Chart(alt.Data(values=[axis.inside(row, what) for row in rows])).encode(
        x=alt.X("compute:Q", title="Compute T (FLOPs)", **time.options(alt, grid=False)),
        color=shared["color"],
    )
    unit = axis.unit.replace("bit", "bit/byte") if ranking.measure.per_byte else axis.unit
    value = alt.Y(f"{what}:Q", title=f"{ranking.measure.name}_T ({unit})", **axis.options(alt))
    label = f"{ranking.measure.name}_T, {ranking.measure.unit}"
    line = base.mark_line(strokeWidth=1.6, clip=True).encode(y=value)
    bars = base.mark_rule(strokeWidth=2.4, opacity=0.6, clip=True).encode(
        y=alt.Y(f"{what}_low:Q"), y2=alt.Y2(f"{what}_high:Q")
    )
    dots = base.mark_circle(size=60, opacity=1, clip=True).encode(
        y=value, tooltip=[alt.Tooltip("source:N"), alt.Tooltip("text:N", title=label)]
    )
    return alt.layer(line, bars, dots).properties(width=_WIDTH, height=height)


def ranks_panel(ranking: Ranking, shared: Mapping[str, Any], height: int) -> Any:
    """Draw ranks with letters, and bars beside them.

    Args:
        ranking: the order.
        shared: channels of `encodings`.
        height: in pixels.
    """
    import altair as alt

    texts = {order.compute_flops: number(order.compute_flops) for order in ranking.orders}
    places, bars = [], []
    for order in ranking.orders:
        rank_of = {place.found.source: place.rank for place in order.places}
        budget = {"budget": texts[order.compute_flops]}
        places += [
            budget | {"source": p.found.source, "rank": p.rank, "group": p.group}
            for p in order.places
        ]
        several = [group for group in order.groups if len(group) > 1]
        for column, group in enumerate(several):
            ends = sorted(rank_of[name] for name in group)
            bars.append(budget | {"column": column, "from": ends[0], "to": ends[-1]})
    count = len(ranking.sources)
    x = alt.X(
        "budget:O",
        title="Compute T (FLOPs)",
        sort=list(texts.values()),
        axis=alt.Axis(labelAngle=0, grid=False),
    )
    scale = alt.Scale(domain=[count + 0.5, 0.5], nice=False)
    axis = alt.Axis(values=list(range(1, count + 1)), format="d", grid=False, tickSize=0)
    y = alt.Y("rank:Q", title="rank", scale=scale, axis=axis)
    base = alt.Chart(alt.Data(values=places)).encode(x=x, y=y)
    layers = [base.mark_line(strokeWidth=1.6, opacity=0.55).encode(color=shared["color"])]
    for column, own in itertools.groupby(sorted(bars, key=_column), key=_column):
        beside = _BESIDE + (_BAR + 2) * column
        rule = alt.Chart(alt.Data(values=list(own))).mark_rule(
            strokeWidth=_BAR, color="#9a9a9a", xOffset=beside, strokeCap="round"
        )
        layers.append(rule.encode(x=x, y=alt.Y("from:Q", scale=scale), y2=alt.Y2("to:Q")))
    layers.append(base.mark_circle(size=620, opacity=1).encode(color=shared["color"]))
    letters = base.mark_text(color="white", fontSize=13, fontWeight="bold", baseline="middle")
    layers.append(letters.encode(text="group:N"))
    width = max(_COLUMN * len(texts), 2 * _COLUMN)
    return alt.layer(*layers).properties(width=width, height=height)


def _column(bar: Mapping[str, Any]) -> int:
    return bar["column"]
