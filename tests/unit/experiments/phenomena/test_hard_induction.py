"""The checks on hidden bits."""

from epiplexity_jax.experiments.phenomena.hard_induction import read
from tests.unit.experiments.fake import FakeMeasured, around, outcome, outcomes


def measured(extra=0.05, step=1000.0):
    data = {f"hidden{h}": around(h + extra, 0.02) for h in range(4)}
    return FakeMeasured(data, {f"hidden{h}": around(5e3 + step * h, 50.0) for h in range(4)})


def test_all_hold_where_the_bits_are_found_and_structure_rises():
    found = read(measured())
    assert set(outcomes(found).values()) == {True}
    assert [v.oracle for v in found.values if v.name.startswith("H")] == [0.0, 1.0, 2.0, 3.0]


def test_a_loss_off_the_bits_fails():
    assert outcome(read(measured(extra=2.0)), "h = 3: the loss") is False
    assert outcome(read(measured(extra=-0.2)), "h = 3: the loss") is False


def test_structure_that_falls_fails_and_one_that_stays_is_open():
    assert outcome(read(measured(step=-1000.0)), "h = 0 to h = 1") is False
    assert outcome(read(measured(step=0.0)), "h = 0 to h = 1") is None
