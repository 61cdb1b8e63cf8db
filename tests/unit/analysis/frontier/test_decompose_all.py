"""Several sources at the same budgets."""

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.frontier.decompose_all import decompose_all, default_budgets
from tests.unit.analysis.frontier.made import TEST, law_sweep


def test_budgets_are_those_of_the_widest_frontier():
    small, large = (trace(law_sweep(sizes=sizes), test_tokens=TEST) for sizes in ((4000,), (9000,)))
    assert default_budgets([small, large]) == large.budgets()
    assert default_budgets([]) == []
    found = decompose_all({"a": small, "b": large}, None)
    assert [d.compute_flops for d in found] == 2 * large.budgets()
    assert [d.compute_flops for d in decompose_all({"a": small}, [1e13])] == [1e13]
