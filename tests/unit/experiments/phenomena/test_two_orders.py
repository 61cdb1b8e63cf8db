"""What games in two orders share: curves of both, and checks that need no optimum."""

import pytest

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.phenomena.two_orders import (
    SERIES,
    add_orders,
    ask_no_shorter,
    ask_which_costs_more,
)
from tests.unit.experiments.fake import FakeMeasured, around, decomposed


def measured():
    def answer(source, compute):
        return decomposed(source, compute, around(1e3), around(2e4), 2e4)

    return FakeMeasured(counts=dict.fromkeys(SERIES, 20.0), answer=answer)


def test_both_orders_have_all_parts_at_every_budget():
    found = Findings("T")
    budgets = add_orders(found, measured(), "game", (2e10,))
    assert 2e10 in budgets
    assert len(found.values) == 3 * len(SERIES) * len(budgets)
    assert {value.unit for value in found.values} == {"bits", "bits per game"}
    assert {value.series for value in found.values} == set(SERIES.values())


@pytest.mark.parametrize(
    ("end", "holds"), [(9.0, False), (9.995, True), (10.0, True), (11.0, True)]
)
def test_no_code_is_shorter_than_the_entropy(end, holds):
    found = Findings("T")
    ask_no_shorter(found, dict.fromkeys(SERIES, around(end)), 10.0)
    assert [check.holds for check in found.checks] == [holds, holds]


@pytest.mark.parametrize(("more", "holds"), [(1.0, True), (0.005, None), (-1.0, False)])
def test_the_dearer_order_is_asked_half_way(more, holds):
    runs, found = measured(), Findings("T")
    runs.later["board_first", "moves_first"] = around(more)
    ask_which_costs_more(found, runs)
    (check,) = found.checks
    assert check.holds is holds
    assert check.found.startswith("after 1,500 steps")
    assert ("not resolved" in check.found) is (holds is None)
