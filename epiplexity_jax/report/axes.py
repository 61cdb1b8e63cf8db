"""Axes that people can read: few round ticks, a scale that fits the numbers."""

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from epiplexity_jax.report.numbers import number

_WIDE = 30.0  # final values further apart than this are drawn on a logarithmic scale
_UNITS = ("bits", "kbit", "Mbit", "Gbit", "Tbit", "Pbit")
_ROOM = 0.02  # part of an axis below 0, so that a line at 0 is drawn in its full width
_APART = 0.12  # neighbouring ticks of a logarithmic axis are further apart than this part of it
_TICKS, _STEPS = 6, 7  # of a logarithmic and a linear axis, at the most
_LEADS = ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), (1, 2, 3, 4, 5, 6, 7, 8, 9))


@dataclass(frozen=True)
class ChartAxis:
    """A scale with its ticks.

    Attributes:
        kind: "linear", "log" or "symlog" (logarithmic but around 0).
        limits: lower and upper limit of the data that are shown.
        labels: text of every tick, by its value.
        unit: unit of the labels.
        constant: the value where a symlog scale turns linear.
    """

    kind: str
    limits: tuple[float, float]
    labels: Mapping[float, str]
    unit: str
    constant: float | None = None

    def options(self, alt: Any, grid: bool = True) -> dict[str, Any]:
        """Scale and axis of an Altair channel."""
        scale = {"type": self.kind, "domain": list(self.limits), "nice": False}
        if self.constant is not None:
            scale["constant"] = self.constant
        values, texts = list(self.labels), {str(i): t for i, t in enumerate(self.labels.values())}
        found = f"indexof({json.dumps(values)}, datum.value)"
        label = f"({json.dumps(texts, ensure_ascii=False)})[{found}]"
        axis = alt.Axis(values=values, labelExpr=label, grid=grid)
        return {"scale": alt.Scale(**scale), "axis": axis}

    def inside(self, row: Mapping[str, Any], what: str) -> dict[str, Any]:
        """A row whose values can be drawn: a logarithm has no 0."""
        floor = self.limits[0] if self.kind == "log" else -math.inf
        names = (what, f"{what}_low", f"{what}_high", f"{what}_certified")
        known = [name for name in names if row.get(name) is not None]
        return {**row, **{name: max(row[name], floor) for name in known}}


def compute(budgets: Sequence[float]) -> ChartAxis:
    """A logarithmic axis of FLOPs."""
    return _logarithmic(min(budgets), max(budgets), "FLOPs")


def lengths(rows: Sequence[Mapping[str, Any]], what: str) -> ChartAxis:
    """An axis of bits: linear from 0, or logarithmic when the sources end far apart.

    In rows with `source`, `compute` (rising in a source), the value named, `_low` and `_high`, and
    `_certified` where it is known.
    """
    high = max(max(row[what], row[f"{what}_high"]) for row in rows)
    high = max(high, *(row.get(f"{what}_certified") or 0.0 for row in rows))
    low = min(min(row[what], row[f"{what}_low"]) for row in rows)
    last = {row["source"]: row for row in rows}.values()
    if what == "epiplexity":  # which may be nothing, or noise around it
        last = [row for row in last if row["status"] == "ok"]
    ends = [row[what] for row in last]
    if not (ends and min(ends) >= 1.0 and max(ends) > _WIDE * min(ends)):
        return linear(low, high)
    if what == "epiplexity":
        return _around_zero(low, high, min(ends))
    return _logarithmic(0.8 * max(low, min(ends) / 4.0), high * 1.3, "bits")


def _logarithmic(low: float, high: float, unit: str) -> ChartAxis:
    return ChartAxis("log", (low, high), {t: _text(t) for t in log_ticks(low, high)}, unit)


def linear(low: float, high: float) -> ChartAxis:
    """A linear axis of bits with a little room at its ends; 0 is on it.

    Args:
        low: least value.
        high: largest value.
    """
    if low == high == 0.0:
        return ChartAxis("linear", (-_ROOM, 1.0), {0.0: "0"}, "bits")
    thousands = min(max(math.floor(math.log10(max(high, 1.0)) / 3), 0), len(_UNITS) - 1)
    scale = 10.0 ** (3 * thousands)
    low = max(min(low, 0.0), -0.25 * high) if high > 0 else low  # a wide interval takes no panel
    room = 0.06 * (high - low) or 1.0
    limits = (low - room if low < 0 else -_ROOM * high, high + room)
    step = _round_step((limits[1] - limits[0]) / scale)
    # A label at the very top would push this panel's title above those of the others.
    first, last = math.ceil(limits[0] / scale / step), math.floor((high + room / 2) / scale / step)
    ticks = [round(i * step, 12) for i in range(first, last + 1)]
    return ChartAxis("linear", limits, {t * scale: f"{t:g}" for t in ticks}, _UNITS[thousands])


def _around_zero(low: float, high: float, smallest: float) -> ChartAxis:
    constant, top = 10.0 ** math.floor(math.log10(smallest)), high * 1.3
    bottom = max(low, -top) * 1.3 if low < 0 else -0.3 * constant
    below = log_ticks(constant, -bottom) if bottom < -constant else []
    labels = {-t: f"-{_text(t)}" for t in reversed(below)} | {0.0: "0"}
    labels |= {t: _text(t) for t in log_ticks(constant, top)}
    return ChartAxis("symlog", (bottom, top), labels, "bits", constant)


def _round_step(span: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that makes at most seven steps."""
    power_of_ten = 10.0 ** math.floor(math.log10(span / _STEPS))
    return next(s * power_of_ten for s in (1, 2, 2.5, 5, 10) if s * power_of_ten * _STEPS >= span)


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers within positive limits, about six, evenly spread on a logarithmic axis.

    >>> log_ticks(5.5e12, 4.3e13), log_ticks(2e9, 3e12)
    ([7000000000000.0, 10000000000000.0, 20000000000000.0, 30000000000000.0], [10000000000.0,
    100000000000.0, 1000000000000.0])
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    best: list[float] = []
    for leads in _LEADS:
        ticks = [float(f"{lead}e{d}") for d in decades for lead in leads]
        ticks = [tick for tick in ticks if low <= tick <= high]
        near = any(math.log(b / a) < _APART * math.log(high / low) for a, b in pairwise(ticks))
        if len(best) >= 2 and (len(ticks) > _TICKS or near):
            break
        best = ticks
        if len(ticks) >= 4:
            break
    return best[:: max(1, math.ceil(len(best) / (_TICKS + 1)))]


# Not with raised digits: the font that pictures are drawn with where there is no other lacks half.
_text = functools.partial(number, digits=1)
