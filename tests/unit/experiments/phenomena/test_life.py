"""The checks on the Game of Life."""

from epiplexity_jax.experiments.phenomena.life import read
from tests.unit.experiments.fake import FakeMeasured, around, outcome, outcomes

COUNTS = {"one": 64.0, "four": 64.0, "four_states": 256.0}


def measured(one=0.001, four=0.6, states=0.002):
    rates = {"one": one, "four": four, "four_states": states}
    data = {name: around(rate * COUNTS[name], 1e-3) for name, rate in rates.items()}
    return FakeMeasured(data, dict.fromkeys(data, around(1e3)), COUNTS)


def test_all_hold_where_steps_are_learnt_and_jumps_are_not():
    assert set(outcomes(read(measured())).values()) == {True}


def test_where_one_step_is_not_learnt_both_values_stand_there():
    (shown,) = (
        c.found for c in read(measured(one=0.8)).checks if "steps at once are" in c.expected
    )
    assert shown.startswith("1 step is not learnt: no comparison; 4 steps at once 0.6 ±")
    assert " against 0.8 ±" in shown
    assert shown.endswith(" bits per cell after 1 step (the first is less)")


def test_each_fails_where_it_should():
    assert outcome(read(measured(one=0.1)), "1 step is learnt") is False
    assert outcome(read(measured(four=0.1)), "4 steps at once are not") is False
    assert outcome(read(measured(one=0.8)), "4 steps at once are not") is None
    assert outcome(read(measured(states=0.1)), "with the states between") is False
    assert outcome(read(measured(four=0.9)), "4 steps at once: no more") is False
