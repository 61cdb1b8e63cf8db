"""The checks on chess: learnt in both orders, and signs only where budgets reach them."""

import pytest

from epiplexity_jax.experiments.phenomena.chess import read
from tests.unit.experiments.fake import (
    SEQUENCES,
    FakeMeasured,
    around,
    decomposed,
    outcome,
    outcomes,
)

COUNTS = {"moves_first": 128.0, "board_first": 128.0}


class Reaching(FakeMeasured):
    """Runs whose largest budget a test chooses."""

    top = 1e12

    def largest(self, *sources):
        return self.top


def measured(top, board=1.1, structure=(1e3, 2e3)):
    def answer(source, compute):
        first = source == "moves_first"
        entropy = 300.0 * SEQUENCES * (1.0 if first else board)
        own = structure[0] if first else structure[1]
        return decomposed(source, compute, around(own), around(entropy), 128.0 * SEQUENCES)

    data = dict.fromkeys(COUNTS, around(300.0))
    model = dict(zip(COUNTS, map(around, structure), strict=True))
    fake = Reaching(data, model, COUNTS, answer)
    fake.top = top
    return fake


def test_a_small_budget_asks_for_no_sign_and_says_how_far_it_is():
    found = read(measured(1e14))
    assert len(found.checks) == 2
    assert set(outcomes(found).values()) == {True}
    assert "70 times the largest budget" in found.notes[0]
    assert "2e3 times the largest budget" in found.notes[1]
    assert "330 ±" in found.notes[0]
    assert "with the board first against 300 ±" in found.notes[0]
    assert found.notes[1].endswith("it is 2e3 ±0.01 with the board first against 1e3 ±0.01")


def test_an_order_that_teaches_nothing_fails():
    assert outcome(read(measured(1e14, structure=(-5.0, 1e3))), "moves, then board") is False


@pytest.mark.parametrize(("top", "checks"), [(1e16, 3), (1e18, 4)])
def test_large_budgets_ask_for_the_signs_of_the_paper(top, checks):
    found = read(measured(top))
    assert set(outcomes(found).values()) == {True}
    assert (len(found.checks), len(found.notes)) == (checks, 4 - checks)


def test_signs_that_do_not_show_fail():
    found = read(measured(1e18, board=0.9, structure=(2e3, 1e3)))
    assert outcome(found, "H is greater where the board comes first") is False
    assert outcome(found, "S is greater where the board comes first") is False
