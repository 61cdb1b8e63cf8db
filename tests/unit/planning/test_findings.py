"""Differences, flips with the rate and advice, from results whose errors are known."""

import dataclasses
import math

import pytest

from epiplexity_jax.planning.findings import (
    Difference,
    RateChange,
    advice,
    differences_of,
    flips,
    has_members,
    pairs_of,
)
from epiplexity_jax.planning.growth import Growth
from epiplexity_jax.planning.planner import Planned
from tests.unit.planning.made import BUDGETS, NOISE, frontier_of

SIZES = ("N4000", "N8000", "N16000", "N32000")


def test_pairs_are_of_sources_and_of_each_with_its_controls(measured):
    assert pairs_of(measured.request) == [
        ("words.txt", "words.txt, shuffled"),
        ("words.txt", "noise"),
    ]


def test_equal_sources_are_not_separated_and_far_ones_are():
    one = frontier_of(dict.fromkeys(SIZES, 5e8), NOISE, seeds=3)
    less = frontier_of(dict.fromkeys(SIZES, 5e8), dataclasses.replace(NOISE, seed=0.02), seeds=3)
    pairs = [("a", "b"), ("a", "missing")]
    (same,) = differences_of({"a": one, "b": less}, BUDGETS[:1], pairs, 3)
    assert not same.is_real
    assert same.bits <= same.bits_error
    short = frontier_of(dict.fromkeys(SIZES, 2e7), NOISE, seeds=3)
    (far,) = differences_of({"a": short, "b": one}, BUDGETS[:1], pairs, 3)
    assert (far.larger, far.is_real) == ("b", True)


def test_single_seeds_separate_nothing():
    one, other = frontier_of({"N4000": 1e8}), frontier_of({"N4000": 4e8})
    (found,) = differences_of({"a": one, "b": other}, BUDGETS[:1], [("a", "b")], 1)
    assert (found.bits_error, found.is_real, found.seeds) == (None, False, None)


def result(source, bits, **changes):
    """A decomposition at one budget."""
    found = frontier_of({"N4000": 1e8}).at(BUDGETS[0])
    return dataclasses.replace(found, source=source, epiplexity_bits=bits, **changes)


@pytest.mark.parametrize(("twice", "said"), [(0.5, 1), (0.95, 0), (None, 0)])
def test_an_order_that_flips_with_the_rate_is_flagged(twice, said):
    results = [result("a", 100.0), result("b", 90.0)]
    rates = [
        RateChange("a", 0.1, "w8", {0.5: 1.0, 2.0: twice}),
        RateChange("b", 0.1, "w8", {0.5: 1.0, 2.0: 1.0}),
    ]
    assert len(flips(results, rates)) == said


def test_advice_has_the_number(measured):
    request = measured.request
    pair = Difference("words.txt", "words.txt", 1e9, 5.0, 10.0, False, 12)
    waiting = [Growth("words.txt", "w8", 1e5, 1.0, "it ends")]
    planned = Planned(request.sweep(), False, waiting)
    held = request.asked[0].tokens
    ended = result("words.txt", 5.0, train_tokens=0.8 * held, flags=("edge_steps",))
    said = advice([ended], [pair], request, planned)
    assert f"{12 - request.seeds} more seeds" in said[0]
    assert f"--minutes {math.ceil(14 * 12 / request.seeds)}" in said[0]
    assert "tokens would be needed" in said[1]
    assert "--minutes 28" in said[2]
    assert advice([], [], request, None) == ["stopped: the same command goes on from here"]


def test_a_folder_without_runs_has_no_members(tmp_path, measured):
    assert not has_members(tmp_path / "missing")
    assert has_members(measured.runs.path)
