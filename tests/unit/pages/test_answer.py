"""The answer in words: every status, open sides, pairs and what would separate them."""

import re
from dataclasses import replace

import pytest

from epiplexity_jax.analysis.ranking.observers import Rankings
from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.pages.answer import answer
from epiplexity_jax.report.numbers import with_interval
from tests.unit.analysis.ranking.made import flat, middle, source
from tests.unit.pages.made import report_of

BAD = re.compile(r"None|nan|  |\.\.|\{|\}|inf\b")


def answered(report):
    """The answer, none of whose sentences has a hole."""
    found = answer(report)
    for text in found.paragraphs:
        assert not BAD.search(text), text
        assert text.endswith("."), text
    return found


@pytest.fixture(scope="module")
def three(small):
    frontiers = {"one": source(1), "same": source(2), "more": source(3, share=2.0)}
    return report_of(small, frontiers, [middle(*frontiers.values())])


def with_status(report, name, **changes):
    """A report in which one result is another."""
    results = [replace(r, **changes) if r.source == name else r for r in report.results]
    return replace(report, results=results)


def test_what_was_measured(small, law):
    assert answered(small).measured == (
        "Measured: 2 sources, text and noise. 8 runs of transformer models (2 sizes, 2 seeds) were "
        "trained with a fixed recipe and coded prequentially; the lengths are those of a dataset "
        "of 1e6 tokens."
    )
    assert answered(law).measured.startswith("Measured: text. 6 runs of transformer models (3 size")


def test_one_size_and_one_seed_are_not_several(small):
    store = small.stores[0]
    (row,) = [row for row in store.rows if row["run_id"] == "text-1000-0"]
    said = answered(replace(small, stores=[replace(store, rows=[row])])).measured
    assert "1 run of transformer models (1 size, 1 seed) was trained" in said


def test_an_estimator_of_a_plugin_is_named(small):
    other = replace(small, results=[replace(r, estimator="mine") for r in small.results])
    assert "coded by the estimator mine;" in answered(other).measured


def test_structure_is_found_the_most_first(three):
    (found,) = answered(three).found
    assert found.startswith("At T = ")
    assert found.index("more holds") < min(found.index("one holds"), found.index("same holds"))
    value = next(r for r in three.results if r.source == "more")
    assert f"leaves {value.entropy_bits_per_token:.3f} bits per token unpredicted" in found
    assert (
        f"more holds {with_interval(value.epiplexity_bits, value.epiplexity_bits_interval)} bits"
        in found
    )


def test_noise_has_nothing_to_find(small):
    assert (
        answered(small)
        .found[0]
        .endswith("in noise no model finds anything beyond the uniform code.")
    )


def test_too_little_and_negative_structure_are_said(three):
    changed = with_status(
        three, "one", status=ResultStatus.BELOW_RESOLUTION, resolution_bits=1234.0
    )
    changed = with_status(changed, "same", status=ResultStatus.NEGATIVE)
    (found,) = answered(changed).found
    assert "in one the structure is below the resolution of 1.2e3 bits" in found
    assert "in same the measured structure is negative, so this number is wrong" in found
    assert "one holds" not in found
    assert "same holds" not in found


def test_of_many_sources_the_first_are_named(three):
    more = next(r for r in three.results if r.source == "more")
    many = [replace(more, source=f"s{i}", epiplexity_bits=1e6 + i) for i in range(9)]
    (found,) = answer(replace(three, results=many)).found
    assert re.findall(r"(s\d) holds", found) == [f"s{i}" for i in range(8, 2, -1)]
    assert found.endswith("further sources with less, see the table: 3.")


def test_separated_pairs_are_named_with_their_difference(three):
    sure = answered(three).sure
    (order,) = three.rankings.rankings[0].orders
    pair = order.of("more", "one")
    assert pair.separated
    (said,) = [text for text in sure if text.startswith("more holds more than one, by ")]
    assert said.endswith("bits: beyond the error (95 %, over all pairs).")
    assert "more holds more than same" in " ".join(sure)
    assert "one and same are not separated." in sure


def test_what_would_separate_a_pair_has_the_numbers_of_the_order(three):
    (ranking,) = three.rankings.rankings
    (order,) = ranking.orders
    pair = order.of("one", "same")
    cured = replace(pair, why="within_error", more_seeds=7, more_compute=3.0, is_measured=True)
    ranking.orders = (replace(order, differences=(cured,)),)
    try:
        (text,) = answered(three).sharper
    finally:
        ranking.orders = (order,)
    assert "one and same would be separated by 7 more seeds or T x 3" in text


def test_a_pair_that_nothing_separates_gets_no_advice(three):
    (ranking,) = three.rankings.rankings
    (order,) = ranking.orders
    lost = replace(order.of("one", "same"), why="within_error", more_seeds=None, more_compute=None)
    ranking.orders = (replace(order, differences=(lost,)),)
    try:
        assert "would be separated" not in " ".join(answered(three).sharper)
    finally:
        ranking.orders = (order,)


def test_many_pairs_are_counted(small):
    names = [f"n{i}" for i in range(5)]
    report = report_of(small, {name: flat(i) for i, name in enumerate(names)}, [1e10])
    sure = answered(report).sure
    assert sum("are not separated." in text for text in sure) == 3
    assert "Further pairs that are not separated: 7." in sure


def test_an_open_side_is_said_and_its_cure(small):
    found = answered(small)
    assert found.sure[-1] == (
        "The optimum of text lies at an edge of the sweep there, so S_T may lie beyond the open "
        "side of its interval."
    )
    assert found.sharper == [
        "What would sharpen it: smaller models for text; longer runs for text."
    ]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("largest_size", "larger models for more"),
        ("edge_rate", "learning rates beyond those tried for more"),
        ("edge_batch", "batch sizes beyond those tried for more"),
    ],
)
def test_other_edges_have_their_cures(three, flag, words):
    assert words in " ".join(answered(with_status(three, "more", flags=(flag,))).sharper)


def test_an_optimum_inside_has_no_open_side(three):
    assert "edge" not in " ".join(answered(three).sure)


def test_one_seed_is_named_as_what_is_missing(small):
    report = report_of(small, {"one": source(1, seeds=1)}, [middle(source(1))])
    found = answered(report)
    assert found.sure == []
    assert "a second seed for one, without which no interval is known" in found.sharper[0]


def test_sources_that_do_not_compare_say_why(three):
    other = replace(three, rankings=None, unranked="rank: their token counts differ")
    assert answered(other).sure[0] == (
        "The sources are not compared: rank: their token counts differ."
    )


def test_observers_are_named_where_there_are_several(both):
    text = " ".join(answered(both).sure)
    assert "For transformer, small: " in text
    assert "For transformer, other: " in text


def test_without_an_order_nothing_is_compared(three):
    empty = replace(three, rankings=Rankings((), ()))
    assert answered(empty).sure == []
