"""Tables of a ranking fit a terminal of 80 columns, and sentences say what turns."""

import dataclasses

import pytest

from epiplexity_jax.analysis import Ranking, Rankings
from epiplexity_jax.analysis.ranking.changes import Change
from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.report.rank_tables import MOST, cure, open_pairs_table, rank_table, sentences
from tests.unit.analysis.ranking.made import like, middle, source, tuned
from tests.unit.report.test_tables import text

PAIR = Difference(
    first="a",
    second="b",
    compute_flops=1e12,
    difference=-3.0,
    difference_interval=(-7.0, 1.0),
    separated=False,
    why="within_error",
)


@pytest.fixture(scope="module")
def three():
    frontiers = {"one": source(1), "same": source(2), "more": source(3, share=2.0)}
    budget = middle(*frontiers.values())
    return Ranking(frontiers, "S", [0.9 * budget, budget], "law")


def test_the_order_has_a_line_a_source_in_80_columns(three):
    lines = text(rank_table(three), 80)
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[-2:] == ["group", "status"]
    assert lines[0].startswith("T, FLOPs")
    assert [line.split("ok")[0].split()[-1] for line in lines[2:8]] == ["a", "b", "b"] * 2
    assert "2-3" in lines[3].split()
    caption = " ".join(lines[8:])
    assert "law, prequential, paired, floor ema, refined frontier, 1e9 test tokens" in caption
    assert "d log S/d log T at " in caption


def test_pairs_that_are_not_separated_are_listed_with_their_cure(three):
    table = open_pairs_table(three)
    assert len(table.rows) == sum(
        not d.separated for order in three.orders for d in order.differences
    )
    assert all(" - " in row[1] and row[3] for row in table.rows)
    lines = text(table, 80)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "no number of seeds and no T within reach"),
        ({"more_seeds": 1}, "1 more seed"),
        ({"more_seeds": 4, "more_compute": 1.52, "is_measured": True}, "4 more seeds or T x 1.5"),
        ({"more_compute": 3.0, "is_measured": False}, "T x ~3"),
        ({"more_compute": 3.0, "is_measured": True, "is_turned": True}, "T x 3 (turned)"),
        ({"why": "open"}, "a wider sweep"),
        ({"why": "open", "more_compute": 2.0, "is_measured": True}, "T x 2"),
        ({"why": "no_structure"}, "no structure in either"),
        ({"why": "negative"}, "floor above the curve"),
        ({"why": "single_seed", "difference_interval": None}, "several seeds"),
    ],
)
def test_a_cure_in_words(changes, said):
    assert cure(dataclasses.replace(PAIR, **changes)) == said


def test_differences_are_larger_less_smaller_and_of_many_pairs_some(three):
    ranking = object.__new__(Ranking)
    order = dataclasses.replace(three.orders[0], differences=(PAIR,) * (MOST + 3))
    ranking.orders = (order,)
    table = open_pairs_table(ranking)
    assert table.rows[0][1:3] == ("b - a", "3 ±4")
    ranking.orders = (dataclasses.replace(order, differences=()),)
    assert open_pairs_table(ranking) is None


def change(**changes):
    fields = {
        "what": "compute",
        "larger": "a",
        "smaller": "b",
        "compute_flops": 1e12,
        "observer": "mlp",
        "elsewhere": "T = 2e+12",
        "elsewhere_compute_flops": 2e12,
        "is_sure": True,
    }
    return Change(**(fields | changes))


def test_changes_are_sentences(three):
    found = sentences(
        Rankings(
            (three,),
            (
                change(),
                change(what="rate", elsewhere="rate x 2"),
                change(what="observer", elsewhere="rnn", is_sure=False),
            ),
        )
    )
    assert found == [
        "order changes with T: a above b at T = 1e12, below it at 2e12 (both separated)",
        "order changes with the rate: a above b at T = 1e12, below it with rate x 2",
        "order changes with the observer: a above b at T = 1e12 for mlp, below it for rnn "
        "(one of them within the error)",
    ]


def test_what_was_looked_at_is_said_where_nothing_turns(three):
    assert sentences(Rankings((three,), ())) == ["no separated pair changes its order with T"]
    frontiers = {name: like(f, recipe=tuned(0.0, 0.0)) for name, f in three.frontiers.items()}
    same = {"variant online": three.frontiers}
    other = Ranking(frontiers, "S", three.budgets[:1], "other", same)
    assert sentences(Rankings((three, other), ())) == [
        "no separated pair changes its order with T, the variant (online), the rate (x 0.5, x 2), "
        "the observer"
    ]
