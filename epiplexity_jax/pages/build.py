"""From a report to its page: charts, and the values that the page's controls need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from epiplexity_jax._version import __version__
from epiplexity_jax.analysis import Decomposition, Ranking
from epiplexity_jax.analysis.runs.loss_area import loss_area
from epiplexity_jax.base.human import join_names
from epiplexity_jax.pages.answer import answer
from epiplexity_jax.pages.facts import CITATION, commands, describe_sources, facts
from epiplexity_jax.pages.gather import Report, Stored
from epiplexity_jax.pages.page_tables import law_sentences, page_tables, rate_lines
from epiplexity_jax.report.edges import edge_legend, status_cell
from epiplexity_jax.report.figures import encodings, looks
from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.report.page.budget_charts import BudgetData, budget_charts
from epiplexity_jax.report.page.chart_style import INK, unlegended
from epiplexity_jax.report.page.content import Key, Note, Page, PageRun
from epiplexity_jax.report.page.rank_charts import rank_charts
from epiplexity_jax.report.page.run_charts import RunArea, recipe_chart, run_charts
from epiplexity_jax.report.rank_tables import sentences

_STOPS = 40  # of the slider, besides the budgets of the tables
_READOUT = ("source", "S_T, bits", "H_T, bits", "MDL_T, bits", "model", "N", "D", "status")


def page_of(report: Report, options: Sequence[str] = (), **live: Any) -> Page:
    """Make the page of a report.

    Args:
        report: the report.
        options: words of the command that asked for it, beyond the stores.
        **live: further fields of `Page`, of a live page.
    """
    names = list(report.frontiers)
    budgets = stops(report)
    start = int(np.argmin(np.abs(np.log(budgets) - np.log(report.largest))))
    data = BudgetData.of(report.frontiers, budgets, start)
    runs = _Runs.of(report, data.found, start)
    charts = budget_charts(data) | runs.charts() | _rank_charts(report, data)
    if any(row["chosen"] for row in report.recipes):
        charts["recipes"] = recipe_chart(report.recipes, unlegended(encodings(names, INK)))
    charts |= live.pop("charts", {})
    return Page(
        title=f"What a model can learn from {_title(names)}",
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        answer=answer(report),
        budgets=budgets,
        stops=[number(budget) for budget in budgets],
        start=start,
        key=_key(names),
        readout_columns=_READOUT,
        readout=[[_cells(one) for one in results] for results in data.found],
        charts=charts,
        tables=page_tables(report),
        sources=describe_sources(report),
        compared=_compared(report),
        legend=edge_legend([one for results in data.found for one in results]),
        notes=notes(report),
        order=_order(report),
        rankings=[str(i) for i, _ in enumerate(_rankings(report))],
        runs=runs.labels(),
        runs_text=runs.text(),
        first_run=runs.first,
        chosen=runs.chosen,
        rates=rate_lines(report),
        laws=law_sentences(report),
        facts=facts(report),
        commands=commands(report, options),
        configs=[(one.name, one.config) for one in report.stores if one.config],
        citation=CITATION,
        **live,
    )


def _title(names: Sequence[str]) -> str:
    return join_names(names) if len(names) < 5 else f"{len(names)} sources"


def stops(report: Report) -> list[float]:
    """Budgets of the slider: those of the tables, and others evenly in log compute."""
    trained = [f for f in report.frontiers.values() if f.all_members]
    low = min([*report.budgets, *(float(f.points.time_flops[0]) * 1.01 for f in trained)])
    high = max([*report.budgets, *(f.largest_compute for f in trained)])
    own = np.array(report.budgets)
    spaced = np.geomspace(low, high, _STOPS) if high > low else np.array([low])
    # A stop that a table's budget almost repeats would only make the slider stutter.
    step = np.log(high / low) / _STOPS if high > low else 0.0
    near = np.abs(np.log(spaced)[:, None] - np.log(own)[None]).min(axis=1) < 0.4 * step
    rounded = (min(float(f"{value:.3g}"), high) for value in spaced[~near])
    return sorted({*own.tolist(), *rounded})


def _compared(report: Report) -> str:
    """Say which budgets the tables have, and that the slider has more."""
    least, most = number(min(report.budgets)), number(report.largest)
    if len(report.budgets) == 1:
        span = f"The summary and the tables are those of T = {most} FLOPs"
    else:
        span = (
            f"The summary is that of T = {most} FLOPs, the largest of the {len(report.budgets)} "
            f"budgets from {least} on at which the sources are compared"
        )
    return f"{span}; the slider moves over all that the runs reach."


def _key(names: Sequence[str]) -> list[Key]:
    return [
        Key(name, colour, "" if dash[1:] == [0] else " ".join(map(str, dash)))
        for name, (colour, dash) in zip(names, looks(len(names), INK), strict=True)
    ]


def _cells(one: Decomposition) -> list[str]:
    return [
        one.source,
        with_interval(one.epiplexity_bits, one.epiplexity_bits_interval),
        with_interval(one.entropy_bits, one.entropy_bits_interval),
        with_interval(one.mdl_bits, one.mdl_bits_interval),
        one.member,
        number(one.params),
        number(one.train_tokens),
        status_cell(one),
    ]


def notes(report: Report) -> list[Note]:
    """Every warning once, with the sources that it is about, and the budgets where not all."""
    said: dict[str, dict[str, list[float]]] = {}
    for name, frontier in report.frontiers.items():
        for text in frontier.warnings:
            said.setdefault(text, {})[name] = list(report.budgets)
    for one in report.results:
        for text in one.warnings:
            budgets = said.setdefault(text, {}).setdefault(one.source, [])
            if one.compute_flops not in budgets:
                budgets.append(one.compute_flops)
    found = [Note("", text) for text in _incomparable(report)]
    found += [Note(one.name, text) for one in report.stores for text in one.damage]
    for text, where in said.items():
        about: dict[str, list[str]] = {}
        for name, budgets in where.items():
            about.setdefault(_at(budgets, report.budgets), []).append(name)
        every = len(where) == len(report.frontiers) > 1 and list(about) == [""]
        parts = [f"{join_names(names)}{at}" for at, names in about.items()]
        found.append(Note("" if every else "; ".join(parts), text))
    return found


def _incomparable(report: Report) -> list[str]:
    """Say where lengths of different sources are not of one kind."""
    said = []
    if len({one.test_tokens for one in report.results}) > 1:
        said.append(
            "the sources were measured for datasets of different sizes, so their lengths do not "
            "compare; give one size to all (--test-tokens)"
        )
    if len({one.estimator for one in report.results}) > 1:
        said.append(
            "the sources are coded by different estimators, so their lengths do not compare; "
            "name one (--estimator)"
        )
    return said


def _at(budgets: Sequence[float], every: Sequence[float]) -> str:
    """The budgets for which a note holds, as words; empty where it holds for all."""
    if len(budgets) == len(every):
        return ""
    return f" at T = {', '.join(number(one) for one in sorted(budgets))}"


def _rankings(report: Report) -> Sequence[Any]:
    return report.rankings.rankings if report.rankings else ()


def _rank_charts(report: Report, data: BudgetData) -> dict[str, Any]:
    charts = {}
    for i, ranking in enumerate(_rankings(report)):
        names = _names(report, ranking)
        drawn = rank_charts(ranking, names, data.budgets, data.start)
        charts |= {f"{name}-{i}": chart for name, chart in drawn.items()}
    return charts


def _names(report: Report, ranking: Ranking) -> list[str]:
    """Names of the page's sources in their order, those of an observer's stores as it has them."""
    own = {
        f"{one.name}: {source}": source
        for one in report.stores
        for source in ranking.sources
        if one.rows and ranking.observer in _observers(one)
    }
    return [own.get(name, name) for name in report.frontiers]


def _observers(store: Stored) -> tuple[str, str]:
    """Names that `rank` may give to the observer of a store."""
    family = store.rows[0]["family"]
    return family, f"{family}, {store.runs.path.name}"


def _order(report: Report) -> list[str]:
    """Sentences above the order of the sources."""
    if report.rankings is None:
        return [f"There is no order: {report.unranked}."] if report.unranked else []
    return [f"{one[0].upper()}{one[1:]}." for one in sentences(report.rankings)]


@dataclass(frozen=True)
class _Runs:
    """Runs with a chart.

    Attributes:
        areas: the runs.
        places: place of each one's source among the sources.
        chosen: by stop and source the place of a run of the best model, or None.
        first: place of the run that is shown first.
    """

    areas: Sequence[RunArea]
    places: Sequence[int]
    chosen: Sequence[Sequence[int | None]]
    first: int

    @classmethod
    def of(cls, report: Report, found: Sequence[Sequence[Decomposition]], start: int) -> "_Runs":
        """Collect the runs of a report.

        Args:
            report: the report.
            found: results by stop and source.
            start: place of the stop at which the page opens.
        """
        lengths = {row["run_id"]: row["model_bits"] for one in report.stores for row in one.rows}
        areas, places = [], []
        several = len(report.frontiers) > 1
        for i, (name, frontier) in enumerate(report.frontiers.items()):
            for curve in report.curves[name]:
                area = loss_area(curve, frontier.test_tokens, frontier.variant, frontier.floor)
                bits = lengths.get(curve.run_id)
                if area is None or bits is None:
                    continue
                label = f"{name}, " if several else ""
                label += f"{curve.size}, seed {curve.seed}"
                areas.append(RunArea(label, name, curve.size, curve.params, bits, area))
                places.append(i)
        chosen = [
            [_place(areas, name, one) for name, one in zip(report.frontiers, results, strict=True)]
            for results in found
        ]
        shown = [place for place in chosen[start] if place is not None] if chosen else []
        return cls(areas, places, chosen, shown[0] if shown else 0)

    def charts(self) -> dict[str, Any]:
        """Their charts; none without runs."""
        return run_charts(self.areas, self.first) if self.areas else {}

    def labels(self) -> list[PageRun]:
        """Their names and places, as the page's controls need them."""
        of = {name: i for i, name in enumerate(dict.fromkeys(one.source for one in self.areas))}
        return [
            PageRun(one.label, number(one.model_bits), place, of[one.source])
            for one, place in zip(self.areas, self.places, strict=True)
        ]

    def text(self) -> str:
        """Sentence above them."""
        return (
            "A model is coded as long as training by it costs more than its final loss: the area "
            "between its code and the floor. The slider above chooses the best model of the "
            "source. A run is shown whole; the best code may end earlier, at the D of the table."
        )


def _place(areas: Sequence[RunArea], name: str, one: Decomposition) -> int | None:
    """The first run of a result's model."""
    same = [i for i, run in enumerate(areas) if run.source == name and one.params == run.params]
    named = [i for i in same if one.member.startswith(areas[i].size)]  # of sizes with equal N
    return next(iter(named or same), None)
