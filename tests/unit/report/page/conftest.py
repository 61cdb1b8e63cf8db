"""Lengths of made-up sources at a page's budgets, and a compiler of charts."""

import numpy as np
import pytest
import vl_convert

from epiplexity_jax.report.page.budget_charts import BudgetData
from tests.unit.analysis.ranking.made import flat, like, middle, source


@pytest.fixture(scope="session")
def three():
    """Two sources of one law, one of more structure; a budget inside their sweeps."""
    frontiers = {"one": source(1), "same": source(2), "more": source(3, share=2.0)}
    named = {name: like(frontier, source=name) for name, frontier in frontiers.items()}
    return named, middle(*frontiers.values())


@pytest.fixture(scope="session")
def data(three):
    """Lengths at five budgets of a source that is learnt and of noise."""
    frontiers, budget = three
    both = {"more": frontiers["more"], "noise": like(flat(0), source="noise")}
    budgets = [float(one) for one in np.geomspace(0.2, 2.0, 5) * budget]
    return BudgetData.of(both, budgets, 3)


@pytest.fixture(scope="session")
def compiled():
    """Compile a specification to Vega; its signals by name, and its data sets."""

    def compile_chart(spec):
        vega = vl_convert.vegalite_to_vega(spec)
        signals = {one["name"]: one.get("value") for one in vega.get("signals", [])}
        return signals, {one["name"]: one for one in vega["data"]}

    return compile_chart
