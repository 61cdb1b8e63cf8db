"""Decompositions of several sources at the same budgets."""

from collections.abc import Mapping, Sequence

from epiplexity_jax.analysis.frontier.decomposition import Decomposition
from epiplexity_jax.analysis.frontier.frontier import Frontier


def decompose_all(
    frontiers: Mapping[str, Frontier], compute: Sequence[float] | None
) -> list[Decomposition]:
    """Decompose every frontier at every budget.

    Without budgets at those of the widest frontier, of those with an optimum inside where there
    are any.
    """
    compute = default_budgets(list(frontiers.values())) if compute is None else compute
    return [frontier.at(budget) for frontier in frontiers.values() for budget in compute]


def default_budgets(frontiers: Sequence[Frontier]) -> list[float]:
    """Budgets of the widest frontier, of those with an optimum inside where there are any."""
    trained = [f for f in frontiers if f.all_members]
    inside = [f for f in trained if f.reach_inside]
    widest = max(inside or trained, key=lambda f: f.largest_compute, default=None)
    return widest.budgets() if widest else []
