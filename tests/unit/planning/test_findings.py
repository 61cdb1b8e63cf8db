"""Pairs and advice, from results whose errors are known."""

import dataclasses
import math

import pytest

from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.planning.findings import (
    advice,
    has_members,
    pairs_of,
    turned_by_rate,
    unequal,
    warnings_of,
)
from epiplexity_jax.planning.growth import Growth
from epiplexity_jax.planning.planner import Planned
from tests.unit.analysis.ranking.made import like, middle, source
from tests.unit.planning.made import BUDGETS, frontier_of


def test_pairs_are_of_sources_and_of_each_with_its_controls(measured):
    assert pairs_of(measured.request) == [
        ("words.txt", "words.txt, shuffled"),
        ("words.txt", "noise"),
    ]


def result(source, bits, **changes):
    """A decomposition at one budget."""
    found = frontier_of({"N4000": 1e8}).at(BUDGETS[0])
    return dataclasses.replace(found, source=source, epiplexity_bits=bits, **changes)


def difference(pair=("words.txt", "other.txt"), **changes):
    """A pair at one budget that is within its error."""
    values = {
        "first": pair[0],
        "second": pair[1],
        "compute_flops": 1e9,
        "difference": 5.0,
        "difference_interval": (-5.0, 15.0),
        "separated": False,
        "why": "within_error",
    }
    return Difference(**values | changes)


def two_sources(request):
    """A question about two files."""
    (first,) = request.asked
    return dataclasses.replace(request, asked=[first, first._replace(name="other.txt")])


def test_the_answer_is_that_of_rank(measured):
    ranking = measured.runs.rank().rankings[0]
    own = [d for order in ranking.orders for d in order.differences]
    assert {d.pair for d in measured.differences} <= {d.pair for d in own}
    assert all(d in own for d in measured.differences)
    assert len(measured.differences) == 2 * len(ranking.orders)


@pytest.mark.slow
def test_the_answer_is_shown_in_a_notebook_and_becomes_a_frame(measured, tmp_path):
    bundle = measured._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/png"}
    html = bundle["text/html"]
    assert html.index("<img") < html.index("<table") < html.index("At T = 1.2e9 FLOPs:")
    assert html.count("<li>Again: epiplexity-jax run ") == 1
    assert bundle["text/plain"].startswith(f"<Measured words.txt: {len(measured.results)} results")
    assert measured.to_arrow().to_pylist() == measured.runs.decompositions().to_arrow().to_pylist()
    measured.plot(tmp_path / "answer.svg")
    assert "words.txt" in (tmp_path / "answer.svg").read_text(encoding="utf-8")


def test_advice_has_the_number(measured):
    request = two_sources(measured.request)
    waiting = [Growth("words.txt", "w8", 1e5, 1.0, "it ends")]
    planned = Planned(request.sweep(), False, waiting)
    held = request.asked[0].tokens
    ended = result("words.txt", 5.0, train_tokens=0.8 * held, flags=("edge_steps",))
    said = advice([ended], [difference(more_seeds=9)], request, planned)
    assert "9 more seeds" in said[0]
    assert f"--minutes {math.ceil(14 * (request.seeds + 9) / request.seeds)}" in said[0]
    assert "tokens would be needed" in said[1]
    assert "--minutes 28" in said[2]
    assert advice([], [], request, None) == ["stopped: the same command goes on from here"]


def test_advice_names_the_way_that_would_separate_a_pair(measured):
    request = two_sources(measured.request)
    planned = Planned(request.sweep(), True)
    ways = {
        "3.1 times the budget": difference(more_compute=3.14),
        "2 times the budget, the other way round": difference(more_compute=2.0, is_turned=True),
        "neither seeds nor a budget": difference(),
        "no structure in either": difference(why="no_structure"),
        "FLOPs: sizes or steps beyond an edge (--minutes 28)": difference(why="open"),
    }
    for words, one in ways.items():
        (said,) = advice([], [one], request, planned)
        assert words in said
    control = difference(("words.txt", "noise"))
    sure = difference(separated=True, why="")
    assert advice([], [control, sure], request, planned) == []


def test_tokens_of_other_sizes_are_said_and_not_refused():
    one, other = (like(source(0), bytes_per_token=width) for width in (1.0, 3.0))
    (said,) = unequal({"a": one, "b": other})
    assert "so equal test tokens are not equal data" in said
    assert "--" not in said  # no option of another command
    assert unequal({"a": one, "b": like(one, bytes_per_token=1.01)}) == []
    assert unequal({"b": other}) == []
    assert turned_by_rate({"a": one, "b": other}, [middle(one)]) == []


def test_a_warning_of_several_sources_is_said_once():
    one, other = frontier_of({"N4000": 1e8}), frontier_of({"N4000": 1e8})
    one.warnings, other.warnings = ("both", "one alone"), ("both",)
    assert warnings_of({"a": one, "b": other}) == ["a, b: both", "a: one alone"]


def test_a_folder_without_runs_has_no_members(tmp_path, measured):
    assert not has_members(tmp_path / "missing")
    assert has_members(measured.runs.path)
