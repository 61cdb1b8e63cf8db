"""Changes of an order: with T, rate, variant and observer."""

import pytest

from epiplexity_jax.analysis import Ranking
from epiplexity_jax.analysis.ranking.changes import changes_of
from tests.unit.analysis.ranking.made import like, middle, source, tuned


@pytest.fixture(scope="module")
def budget():
    return middle(source(1), source(3, share=2.0))


def changes(*rankings):
    return [(c.what, c.larger, c.smaller, c.elsewhere, c.is_sure) for c in changes_of(rankings)]


def ranked(budget, alternatives=None, observer="law", turned=False, recipes=(None, None)):
    names = ("more", "less") if turned else ("less", "more")
    pair = (like(source(1), recipe=recipes[0]), like(source(3, share=2.0), recipe=recipes[1]))
    frontiers = dict(zip(names, pair, strict=True))
    return Ranking(frontiers, "S", [budget], observer, alternatives)


def test_an_order_that_stands_everywhere_has_no_changes(budget):
    same = {"variant online": {"less": source(1), "more": source(3, share=2.0)}}
    assert changes(ranked(budget, same)) == []


def test_a_variant_that_turns_a_separated_pair_is_named(budget):
    other = {"variant online": {"more": source(1), "less": source(3, share=2.0)}}
    assert changes(ranked(budget, other)) == [("variant", "more", "less", "variant online", False)]
    floor = {"floor raw": other["variant online"]}
    assert changes(ranked(budget, floor))[0][0] == "floor"


def test_a_rate_that_turns_a_separated_pair_is_named(budget):
    recipes = (tuned(0.0, 2.5), tuned(0.1, -0.3))
    found = changes(ranked(budget, recipes=recipes))
    assert found == [("rate", "more", "less", "rate x 2", False)]
    assert changes(ranked(budget, recipes=(None, recipes[1]))) == []
    assert changes(ranked(budget, recipes=(tuned(None, None), recipes[1]))) == []


def test_observers_that_disagree_are_named(budget):
    one, other = ranked(budget), ranked(budget, observer="other", turned=True)
    assert changes(one, other) == [("observer", "more", "less", "other", True)]
    assert changes(one, ranked(budget, observer="third")) == []


def test_an_order_that_changes_with_compute_is_named(budget):
    """The values are exchanged at the second budget, as no two laws of one family cross."""
    one, other = ranked(budget), ranked(budget * 1.01, turned=True)
    one.orders = (*one.orders, *other.orders)
    (found,) = changes_of([one])
    assert (found.what, found.larger, found.smaller, found.is_sure) == (
        *("compute", "more", "less", True),
    )
    assert found.elsewhere_compute_flops == pytest.approx(1.01 * budget)
    assert found.to_json()["what"] == "compute"
