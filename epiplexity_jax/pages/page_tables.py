"""The tables of a report's page with their values in full, and the sentences beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

from epiplexity_jax.analysis import Ranking
from epiplexity_jax.analysis.frontier.fitted import Fitted
from epiplexity_jax.base.human import join_names
from epiplexity_jax.pages.gather import Report
from epiplexity_jax.report.law_tables import areas_table
from epiplexity_jax.report.measured import rate_sentences
from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.report.page.content import PageTable
from epiplexity_jax.report.rank_tables import change_sentences, open_pairs_table, rank_table
from epiplexity_jax.report.table import Table, TableColumn
from epiplexity_jax.report.tables import (
    decomposition_table,
    floor_table,
    recipe_table,
    runs_table,
)

_PAIRS = 10_000  # that a page lists


def page_tables(report: Report) -> dict[str, PageTable]:
    """Make every table that the report has rows for, by name."""
    rows = [row for one in report.stores for row in one.rows]
    members = [row for row in rows if row["role"] != "tuning"]
    results = [one.to_json() for one in report.results]
    tables = {
        "frontier": PageTable(
            "S_T and H_T at the compared budgets", decomposition_table(report.results), results
        ),
        "runs": PageTable("Every run", runs_table(members), members),
    }
    if len(report.floors) > len(report.frontiers):
        found = [one.to_json() for one in report.floors]
        tables["floors"] = PageTable(
            "S_T and H_T under every variant and floor", floor_table(report.floors), found
        )
    if report.recipes:
        tables["recipes"] = PageTable(
            "Recipes that were tried", recipe_table(report.recipes), report.recipes
        )
    return tables | _rank_tables(report) | _law_tables(report)


def _rank_tables(report: Report) -> dict[str, PageTable]:
    tables = {}
    rankings: Sequence[Ranking] = report.rankings.rankings if report.rankings else ()
    for i, ranking in enumerate(rankings):
        of = f" for {ranking.observer}" if len(rankings) > 1 else ""
        tables[f"rank-{i}"] = PageTable(f"Order{of}", rank_table(ranking), ranking.rows())
        if (missing := open_pairs_table(ranking, _PAIRS)) is not None:
            tables[f"pairs-{i}"] = PageTable(
                f"Pairs that are not separated{of}", missing, ranking.pairs()
            )
    return tables


def _fitted(report: Report) -> dict[str, Fitted]:
    return {
        name: frontier.traced
        for name, frontier in report.laws.items()
        if isinstance(frontier.traced, Fitted)
    }


def _law_tables(report: Report) -> dict[str, PageTable]:
    laws = _fitted(report)
    if not laws:
        return {}
    answers, rows = _law_answers(report)
    areas = [
        {"source": name} | vars(one) | {"transient_bits": one.transient_bits}
        for name, traced in laws.items()
        for one in traced.areas()
    ]
    return {
        "laws": PageTable("Measured, and by a law fitted to the runs", answers, rows),
        "areas": PageTable("Areas of the sizes, and their closed form", areas_table(laws), areas),
    }


def _law_answers(report: Report) -> tuple[Table, list[Mapping[str, Any]]]:
    """S_T by measurement and by the law of the source, at every budget."""
    heads = ("source", "T, FLOPs", "S_T, bits", "S_T by the law", "MDL_T", "MDL_T by the law")
    table = Table([TableColumn(n, "left" if n == "source" else "right") for n in heads])
    rows: list[Mapping[str, Any]] = []
    for one in report.results:
        if one.source not in report.laws:
            continue
        law = report.laws[one.source].estimate(one.compute_flops)
        table.add(
            one.source,
            number(one.compute_flops),
            with_interval(one.epiplexity_bits, one.epiplexity_bits_interval),
            number(law.epiplexity_bits),
            number(one.mdl_bits, 4),
            number(law.mdl_bits, 4),
        )
        rows.append(
            {
                "source": one.source,
                "compute_flops": one.compute_flops,
                "epiplexity_bits": one.epiplexity_bits,
                "law_epiplexity_bits": law.epiplexity_bits,
                "mdl_bits": one.mdl_bits,
                "law_mdl_bits": law.mdl_bits,
                "law_flags": list(law.flags),
            }
        )
    return table, rows


def law_sentences(report: Report) -> list[str]:
    """Say of which sources a law was fitted, how well, and of which none is identified."""
    said = []
    for name, traced in _fitted(report).items():
        found = traced.to_json()
        said.append(
            f"A loss law fitted to {found['points']} losses of {name} leaves residuals of "
            f"{found['residual_rms']:.1%} rms."
        )
    reasons: dict[str, list[str]] = {}
    for name, why in report.unfitted.items():
        reasons.setdefault(why.removeprefix("frontier: fitted: "), []).append(name)
    said += [f"No law for {join_names(names)}: {why}." for why, names in reasons.items()]
    return said


def rate_lines(report: Report) -> list[str]:
    """Say what half and twice the learning rate give, and which orders they turn round."""
    changes = report.rankings.changes if report.rankings else ()
    turned = change_sentences(one for one in changes if one.what == "rate")
    if report.rates and len(report.frontiers) > 1 and not turned:
        turned = ["no separated pair changes its order with the rate"]
    return [f"{one[0].upper()}{one[1:]}." for one in (*rate_sentences(report.rates), *turned)]
