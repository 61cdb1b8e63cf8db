"""The checks on connect four: S is compared where both orders are learnt."""

import math

from epiplexity_jax.experiments.phenomena.connect_four import GAME_BITS, read
from epiplexity_jax.sources import ConnectFour, open_source
from tests.unit.experiments.fake import (
    SEQUENCES,
    FakeMeasured,
    around,
    decomposed,
    outcome,
    outcomes,
)

COUNTS = {"moves_first": 34.0, "board_first": 34.0}


def measured(ends=(33.4, 33.5), structure=(1e3, 2e3)):
    def answer(source, compute):
        whole = around(34.0 * SEQUENCES, 10.0)
        return decomposed(source, compute, around(1e3), whole, COUNTS[source] * SEQUENCES)

    made = FakeMeasured(
        dict(zip(COUNTS, map(around, ends), strict=True)),
        dict(zip(COUNTS, map(around, structure), strict=True)),
        COUNTS,
        answer,
    )
    made.later["board_first", "moves_first"] = around(3.0)
    return made


def test_all_hold_where_both_orders_are_learnt():
    assert set(outcomes(read(measured())).values()) == {True}


def test_orders_that_are_not_learnt_are_not_compared():
    found = read(measured(ends=(33.4, 36.0), structure=(2e3, 1e3)))
    assert outcome(found, "S is greater where the board comes first") is None
    (check,) = [c for c in found.checks if "S is greater" in c.expected]
    assert "no comparison" in check.found
    assert "2.68 board, then moves" in check.found


def test_signs_and_codes_that_theory_forbids_fail():
    assert outcome(read(measured(structure=(2e3, 1e3))), "S is greater") is False
    assert outcome(read(measured(ends=(33.0, 33.4))), "bits, within the error: moves") is False


def test_the_entropy_is_that_of_the_source():
    info = open_source(ConnectFour()).info
    bits = info.entropy_rate_nats * info.mean_labels / math.log(2)
    assert math.isclose(bits, GAME_BITS, abs_tol=5e-5)
