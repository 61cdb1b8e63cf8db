"""The checks on pairs of answers."""

from epiplexity_jax.experiments.phenomena.pairs import read
from tests.unit.experiments.fake import FakeMeasured, around, outcome, outcomes


def measured(second=(1.0, 0.0, 0.7), first=(1.0, 1.0, 0.7)):
    """Bits of the first answer, and of the second one given it."""
    data = {}
    for name, one, two in zip(("coin", "prg", "teacher"), first, second, strict=True):
        data |= {f"{name}1": around(one), f"{name}2": around(one + two)}
    return FakeMeasured(data, dict.fromkeys(data, around(100.0)), rates={"teacher1": 0.69})


def test_all_hold_for_a_bounded_observer_that_learns_the_bias():
    found = read(measured())
    assert set(outcomes(found).values()) == {True}
    assert [v.oracle for v in found.values if v.name.startswith("gap")] == [0.0, 1.0, 0.0]


def test_a_second_answer_that_is_not_copied_fails():
    assert outcome(read(measured(second=(1.0, 0.5, 0.7))), "keyed function: the gap") is False


def test_a_bias_that_is_not_learnt_fails():
    found = read(measured(second=(1.0, 0.0, 0.85), first=(1.0, 1.0, 1.0)))
    assert outcome(found, "noisy teacher: the gap") is False
    assert outcome(found, "its mean entropy") is False


def test_a_coin_that_is_predicted_fails():
    assert outcome(read(measured(first=(0.8, 1.0, 0.7))), "fair coin: one answer") is False
