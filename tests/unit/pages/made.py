"""Reports of frontiers whose laws are known."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from epiplexity_jax.analysis import Frontier
from epiplexity_jax.analysis.ranking.observers import Measured, rankings_of
from epiplexity_jax.pages.gather import Report
from tests.unit.analysis.ranking.made import like


def report_of(
    report: Report, frontiers: Mapping[str, Frontier], budgets: Sequence[float]
) -> Report:
    """A report of other frontiers, in the stores of one that was read."""
    named = {name: like(frontier, source=name) for name, frontier in frontiers.items()}
    rankings = rankings_of([Measured("x", "mlp", named)], "S", budgets) if len(named) > 1 else None
    return replace(
        report,
        frontiers=named,
        budgets=budgets,
        results=[frontier.at(budget) for frontier in named.values() for budget in budgets],
        rankings=rankings,
        unranked="",
        curves=dict.fromkeys(named, ()),
        floors=(),
        rates=(),
        laws={},
        unfitted={},
    )
