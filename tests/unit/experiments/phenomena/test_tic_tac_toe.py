"""The checks on tic-tac-toe: both orders learnt, and codes that theory forbids."""

from epiplexity_jax.experiments.phenomena.tic_tac_toe import GAME_BITS, read
from tests.unit.experiments.fake import (
    SEQUENCES,
    FakeMeasured,
    around,
    decomposed,
    outcome,
    outcomes,
)

COUNTS = {"moves_first": 17.5, "board_first": 17.5}


def measured(ends=(17.6, 17.65), structure=(1e3, 2e3), later=3.0):
    def answer(source, compute):
        tokens = COUNTS[source] * SEQUENCES
        return decomposed(source, compute, around(1e3), around(18.0 * SEQUENCES, 10.0), tokens)

    names = tuple(COUNTS)
    made = FakeMeasured(
        dict(zip(names, map(around, ends), strict=True)),
        dict(zip(names, map(around, structure), strict=True)),
        COUNTS,
        answer,
    )
    made.later["board_first", "moves_first"] = around(later)
    return made


def test_all_hold_where_both_orders_are_learnt():
    assert set(outcomes(read(measured())).values()) == {True}


def test_a_code_shorter_than_the_entropy_fails():
    assert (
        outcome(
            read(measured(ends=(17.2, 17.6))),
            "no code is shorter than 17.5405 bits, within the error: moves",
        )
        is False
    )
    assert GAME_BITS > 17.2


def test_an_order_that_is_not_learnt_fails():
    assert outcome(read(measured(ends=(17.6, 19.0))), "within 1 %: board") is False


def test_signs_that_do_not_show():
    found = read(measured(structure=(2e3, 1e3), later=-1.0))
    assert outcome(found, "S is greater where the board comes first") is False
    assert outcome(found, "half-way through training H") is False
    assert outcome(read(measured(later=0.0)), "half-way through training H") is None
