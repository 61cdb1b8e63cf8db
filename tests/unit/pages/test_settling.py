"""Earlier frontiers of a sweep at the budget of today."""

import pytest

from epiplexity_jax.pages.settling import Settling
from tests.unit.analysis.ranking.made import middle, source


@pytest.fixture(scope="module")
def pair():
    """Frontiers of one source by two seeds and by three."""
    return source(1, seeds=2), source(1, seeds=3)


def test_values_and_intervals_are_those_of_the_frontiers(pair):
    settling, budget = Settling(), middle(*pair)
    settling.add(6, {"text": pair[0]})
    settling.add(9, {"text": pair[1]})
    for row, runs, frontier in zip(settling.rows(budget), (6, 9), pair, strict=True):
        one = frontier.at(budget)
        assert (row["source"], row["runs"]) == ("text", runs)
        assert row["epiplexity"] == one.epiplexity_bits
        assert (row["epiplexity_low"], row["epiplexity_high"]) == one.epiplexity_bits_interval


def test_a_side_that_is_open_or_unknown_ends_at_the_value(pair):
    settling = Settling()
    settling.add(3, {"one seed": source(1, seeds=1)})
    (row,) = settling.rows(middle(source(1, seeds=1)))
    assert row["epiplexity_low"] == row["epiplexity"] == row["epiplexity_high"]
    settling = Settling()
    settling.add(9, {"edge": pair[1]})
    top = pair[1].largest_compute
    assert None in pair[1].at(top).epiplexity_bits_interval
    (row,) = settling.rows(top)
    assert row["epiplexity"] in (row["epiplexity_low"], row["epiplexity_high"])


def test_a_frontier_that_does_not_reach_the_budget_is_left_out(pair):
    settling = Settling()
    settling.add(6, {"text": pair[0]})
    assert settling.rows(pair[0].largest_compute * 2) == []


def test_the_same_number_of_runs_replaces_what_was_kept(pair):
    settling = Settling()
    settling.add(6, {"text": pair[0]})
    settling.add(6, {"text": pair[1]})
    (row,) = settling.rows(middle(*pair))
    assert row["epiplexity"] == pair[1].at(middle(*pair)).epiplexity_bits


def test_of_many_frontiers_the_first_and_the_last_stay(pair):
    settling = Settling()
    for runs in range(1, 101):
        settling.add(runs, {"text": pair[0]})
    runs = [row["runs"] for row in settling.rows(middle(*pair))]
    assert (runs[0], runs[-1]) == (1, 100)
    assert runs == sorted(runs)
    assert 12 <= len(runs) <= 24
