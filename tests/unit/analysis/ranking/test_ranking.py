"""Orders at budgets: places, groups, ranks that are possible, and what would separate."""

import json

import pytest

from epiplexity_jax.analysis import Ranking
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.ranking.made import flat, middle, source


@pytest.fixture(scope="module")
def three():
    """Two sources of one law and one with twice its D0."""
    frontiers = {"one": source(1), "same": source(2), "more": source(3, share=2.0)}
    return Ranking(frontiers, "S", [middle(*frontiers.values())], "law")


def test_equal_sources_share_a_letter_and_a_larger_one_has_its_own(three):
    (order,) = three.orders
    assert [place.rank for place in order.places] == [1, 2, 3]
    assert order.places[0].found.source == "more"
    assert [place.group for place in order.places] == ["a", "b", "b"]
    assert [place.rank_interval for place in order.places] == [(1, 1), (2, 3), (2, 3)]
    assert order.groups[0] == ("more",)
    assert set(order.groups[1]) == {"one", "same"}
    assert order.of("same", "one") is order.of("one", "same")


def test_values_and_intervals_are_those_of_the_frontiers(three):
    for place in three.orders[0].places:
        found = three.frontiers[place.found.source].at(three.budgets[0])
        assert place.value == found.epiplexity_bits
        assert place.value_interval == found.epiplexity_bits_interval
        assert place.found.entropy_bits == found.entropy_bits


def test_the_order_of_the_sources_does_not_matter(three):
    turned = dict(reversed(three.frontiers.items()))
    other = Ranking(turned, "S", three.budgets)
    mine, theirs = three.orders[0], other.orders[0]
    assert [p.group for p in mine.places] == [p.group for p in theirs.places]
    for one in mine.differences:
        two = theirs.of(*one.pair)
        sign = 1 if one.pair == two.pair else -1
        assert one.difference == pytest.approx(sign * two.difference)
        widths = [high - low for low, high in (one.difference_interval, two.difference_interval)]
        assert widths[0] == pytest.approx(widths[1])


def test_rows_and_pairs_are_plain(three):
    rows, pairs = three.rows(), three.pairs()
    assert json.loads(json.dumps([rows, pairs])) == [rows, pairs]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert {"group", "rank_interval", "value", "unit", "saturation", "flags"} <= rows[0].keys()
    assert {row["observer"] for row in rows + pairs} == {"law"}
    assert len(pairs) == 3


def test_noise_is_not_told_apart_from_other_noise():
    frontiers = {"noise": flat(0), "cipher": flat(1)}
    budget = flat(0).largest_compute * 0.9
    for by in ("S", "H", "MDL"):
        (order,) = Ranking(frontiers, by, [budget]).orders
        (pair,) = order.differences
        assert not pair.separated
        assert [place.group for place in order.places] == ["a", "a"]
    assert Ranking(frontiers, "S", [budget]).orders[0].differences[0].why == "no_structure"


def test_a_larger_budget_of_the_sweep_is_named():
    frontiers = {"one": source(1), "more": source(3, share=1.5)}
    low = max(f.reach_inside[0] for f in frontiers.values())
    ranking = Ranking(frontiers, "H", [low])
    (pair,) = ranking.orders[0].differences
    if not pair.separated and pair.more_compute:
        again = ranking.order_at(low * pair.more_compute).differences[0]
        assert again.separated == pair.is_measured
    assert pair.separated or pair.why


def test_an_unknown_value_is_refused():
    with pytest.raises(ConfigError, match="by: unknown measure 'T'"):
        Ranking({"a": flat(0), "b": flat(1)}, "T", [1e12])
