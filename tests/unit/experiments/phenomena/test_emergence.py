"""The checks on intermediate states: codes that cross, and ones that do not."""

from epiplexity_jax.experiments.phenomena.emergence import read
from tests.unit.experiments.fake import (
    SEQUENCES,
    FakeMeasured,
    around,
    decomposed,
    outcome,
    outcomes,
)

COUNTS = {"states1": 32.0, "states8": 256.0}


def measured(entropy=0.1, structure=1e3, from_=1e10):
    def answer(source, compute):
        tokens = COUNTS[source] * SEQUENCES
        if source == "states1":
            return decomposed(source, compute, around(2e3), around(20.0 * SEQUENCES), tokens)
        if compute < from_:
            return decomposed(source, compute, around(0.0), around(tokens), tokens)
        return decomposed(source, compute, around(structure), around(entropy * SEQUENCES), tokens)

    data = {"states1": around(20.0), "states8": around(entropy)}
    return FakeMeasured(
        data, {"states1": around(2e3), "states8": around(structure)}, COUNTS, answer
    )


def said(found, words):
    (shown,) = [check.found for check in found.checks if words in check.expected]
    return shown


def test_all_hold_where_small_steps_pay_off_above_a_budget():
    found = read(measured())
    assert set(outcomes(found).values()) == {True}
    assert any("upper bound" in note for note in found.notes)


def test_a_code_that_is_not_much_shorter_fails_and_its_structure_is_open():
    found = read(measured(entropy=5.0))
    assert outcome(found, "times shorter") is False
    assert outcome(found, "nearly 0") is False
    assert outcome(found, "their S is below") is None
    shown = said(found, "their S is below")
    assert shown.startswith("8 states are not learnt (H 0.156")
    assert "no comparison" in shown


def test_where_learning_is_not_resolved_it_says_so_and_that_the_order_is_contrary():
    found = read(measured(entropy=0.64, structure=3e3))
    assert outcome(found, "nearly 0") is None
    assert outcome(found, "their S is below") is None
    shown = said(found, "their S is below")
    assert "are not known to be learnt" in shown
    compared = "S of 8 states 3e3 ±0.01 against 2e3 bits of one jump (the first is greater)"
    assert shown.endswith(f"no comparison; {compared}")


def test_the_codes_stand_beside_each_other_with_their_ratio():
    shown = said(read(measured(entropy=5.0)), "times shorter")
    assert shown == "22 ±0.01 in one jump against 6 ±0.01 bits per sequence, a factor of 3.67"


def test_more_structure_than_one_jump_fails():
    assert outcome(read(measured(structure=3e3)), "their S is below") is False


def test_without_a_crossing_budget_it_fails():
    assert outcome(read(measured(from_=0.0)), "there is a budget") is False
    assert outcome(read(measured(from_=1e13)), "there is a budget") is False
