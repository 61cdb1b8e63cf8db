"""Estimates, values and checks: order, overlap, and plain data and back."""

import math

import pytest

from epiplexity_jax.experiments.findings import (
    Estimate,
    Findings,
    to_plain,
)

LOW, HIGH = Estimate(1.0, 0.5, 1.5), Estimate(3.0, 2.0, 4.0)
WIDE, LONE = Estimate(2.0, 0.0, 4.0), Estimate(9.0)


def test_intervals_lie_above_each_other_or_overlap():
    assert HIGH.above(LOW)
    assert not LOW.above(HIGH)
    assert not WIDE.above(LOW)
    assert HIGH.above(1.9)
    assert not HIGH.above(2.0)
    assert not LONE.above(0.0), "a single seed has no interval"
    assert HIGH.apart(LOW)
    assert LOW.apart(HIGH)
    assert not WIDE.apart(LOW)


def test_a_side_that_is_open_is_above_nothing_there():
    least = Estimate(3.0, 2.0, None)
    assert least.above(LOW)
    assert not HIGH.above(least)
    assert least.interval is None
    assert "≥ 2" in str(least)


def test_scaling_takes_the_interval_along():
    assert HIGH.scaled(0.5) == Estimate(1.5, 1.0, 2.0)
    assert LONE.scaled(2.0) == Estimate(18.0)


@pytest.mark.parametrize(("more", "less", "holds"), [(HIGH, LOW, True), (LOW, HIGH, False)])
def test_greater_is_decided_by_intervals(more, less, holds):
    found = Findings("x")
    found.greater("more", more, less)
    assert found.checks[0].holds is holds
    assert (found.failed == []) is holds


def test_greater_is_open_where_intervals_overlap_or_are_unknown():
    found = Findings("x")
    found.greater("more", WIDE, LOW)
    found.greater("more", LONE, LOW)
    assert [check.holds for check in found.checks] == [None, None]
    assert {check.word for check in found.checks} == {"open"}
    assert all("not resolved" in check.found for check in found.checks)


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        (HIGH, LOW, "3 ±1 against 1 ±0.5 of b (the first is greater)"),
        (LOW, 2, "1 ±0.5 against 2 of b (the first is less)"),
        (WIDE, LOW, "2 ±2 against 1 ±0.5 of b (not resolved)"),
    ],
)
def test_a_withheld_sign_is_open_and_gives_both_values(first, second, shown):
    found = Findings("x")
    found.withhold("more", "a is not learnt", ("a", first), ("of b", second))
    (check,) = found.checks
    assert (check.kind, check.expected, check.holds) == ("sign", "more", None)
    assert check.found == f"a is not learnt: no comparison; a {shown}"


def test_near_is_a_share_of_what_theory_gives_with_the_whole_interval():
    found = Findings("x")
    for estimate in (
        Estimate(1.01, 1.005, 1.015),
        Estimate(0.97, 0.96, 0.975),
        Estimate(1.01, 0.9, 1.1),
        LONE,
    ):
        found.near("near", estimate, 1.0, 0.02)
    assert [check.word for check in found.checks] == ["holds", "FAILS", "open", "open"]


def test_below_is_open_where_the_interval_crosses_the_limit():
    found = Findings("x")
    limits = {3.0: True, 0.4: False, 1.2: None}
    assert {limit: found.below("less", LOW, limit) for limit in limits} == limits


def test_an_open_side_is_inside_nothing_and_may_be_outside():
    least = Estimate(3.0, 2.0, None)
    assert least.inside(0.0, 1.0) is False
    assert least.inside(0.0, 10.0) is None


def test_findings_become_plain_data():
    found = Findings("x", notes=["said"], log_x=True)
    found.add("a", HIGH, "bits", "panel", x=1.0, series="s", oracle=2.5)
    found.add("b", Estimate(math.nan), "bits", "panel", x="name")
    found.greater("more", HIGH, LOW)
    plain = to_plain(found)
    assert (plain["values"][0]["low"], plain["values"][1]["value"]) == (2.0, None)
    assert plain["checks"][0]["holds"] is True
