"""Sizes of budgets: by the price of their test set, and no further than a budget reaches."""

import math

import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.networks.transformer import Transformer
from epiplexity_jax.families.ngram import Ngram
from epiplexity_jax.planning.sizes import (
    candidates,
    check_reach,
    costs_of,
    first_sizes,
    grown_axis,
    inside,
    most_tokens,
    plain_depth,
    sized_for,
)
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.plan import make_plan
from tests.unit.planning.made import COSTS, TEST
from tests.unit.sweep.plans import SWEEP


def test_a_budget_pays_for_the_test_set_first():
    one = COSTS[3]
    assert one.tokens_within(one.test_flops) == 0.0
    assert one.tokens_within(0.5 * one.test_flops) == 0.0
    assert math.isclose(one.tokens_within(one.test_flops + one.train_flops * 7.0), 7.0)
    assert most_tokens(COSTS[0], [1e30], TEST) == TEST


def test_first_sizes_surround_those_that_a_budget_could_use():
    budget = 3.5 * COSTS[3].test_flops
    names = [one.name for one in first_sizes(COSTS, [budget], TEST)]
    assert names == ["N4000", "N8000", "N16000", "N32000"]
    # The next size cannot pay for the test set.
    names = [one.name for one in first_sizes(COSTS, [1.5 * COSTS[3].test_flops], TEST)]
    assert names == ["N2000", "N4000", "N8000"]
    assert [one.name for one in first_sizes(COSTS, [1.0], TEST)] == ["N1000"]


def test_budgets_belong_to_inner_sizes():
    for count in (3, 4, 5, 8):
        budgets = inside(COSTS[:count])
        assert 2 <= len(budgets) <= 3
        assert COSTS[1].test_flops < budgets[0] < budgets[-1] < 2.0 * COSTS[count - 1].test_flops
    assert inside(COSTS[:4])[0] == inside(COSTS[:8])[0]


@pytest.mark.parametrize(
    ("family", "axis", "first"),
    [
        (Transformer(), "widths", [4, 8, 16]),
        (Transformer(widths=(8, 12)), None, []),
        (Ngram(), "orders", [0, 1, 2]),
    ],
)
def test_only_an_axis_that_the_config_leaves_out_is_grown(family, axis, first):
    assert grown_axis(family) == axis
    if axis:
        assert candidates(family, axis)[:3] == first


def test_networks_have_one_block_where_no_depths_are_given():
    assert plain_depth(Transformer()).depths == (1,)
    assert plain_depth(Transformer(depths=(2,))).depths == (2,)
    assert plain_depth(Ngram()) == Ngram()


def test_costs_are_those_of_the_plan_and_sizes_end_above_the_budget():
    sweep = parse_sweep(SWEEP | {"family": {"kind": "transformer", "seeds": 2}})
    plan = make_plan(parse_sweep(SWEEP), "cpu")
    sized, costs = sized_for(sweep, plan.datasets, "cpu", 1e5, 1e9)
    assert sized.family.depths == (1,)
    assert costs["chain"][-1].test_flops > 1e9 > costs["chain"][-2].test_flops
    (one,) = costs_of(parse_sweep(SWEEP), plan.datasets[:1], "cpu", 1e5)["chain"]
    cost = plan.runs[0].cost
    assert (one.name, one.params) == (str(plan.runs[0].size), cost.params)
    # Averaged weights code what they are trained on: a forward pass more for each token.
    assert one.train_flops == cost.train_flops_per_token + cost.eval_flops_per_token
    ratio = plan.runs[0].dataset.task.total_tokens / plan.runs[0].dataset.task.label_tokens
    assert math.isclose(one.test_flops, 1e5 * ratio * cost.eval_flops_per_token)


def test_budgets_out_of_reach_are_refused_with_the_least_and_the_most():
    least = COSTS[0].test_flops
    most = COSTS[-1].test_flops + COSTS[-1].train_flops * TEST
    check_reach(COSTS, least, TEST)
    check_reach(COSTS, most, TEST)
    with pytest.raises(ConfigError, match="budgets: 1 FLOPs are too few.*N1000; take more"):
        check_reach(COSTS, 1.0, TEST)
    with pytest.raises(ConfigError, match="budgets: 1e[+]30 FLOPs are more.*N128000.*at most 1e"):
        check_reach(COSTS, 1e30, TEST)
    sweep = parse_sweep(SWEEP | {"family": {"kind": "transformer", "seeds": 2}})
    plan = make_plan(parse_sweep(SWEEP), "cpu")
    for budget in (1.0, 1e30):
        with pytest.raises(ConfigError, match=f"budgets: {budget:g}".replace("+", "[+]")):
            sized_for(sweep, plan.datasets, "cpu", 1e5, budget)
