"""The checks on hidden rows."""

from epiplexity_jax.experiments.phenomena.easy_induction import FLOOR, WITHOUT_PAIRS, read
from tests.unit.experiments.fake import FakeMeasured, around, outcome, outcomes

STRUCTURE = {0: 1e3, 1: 2e3, 2: 3e3, 4: 2e3}


def measured(losses=FLOOR[64], structure=None, length=64.0):
    data = {f"hidden{h}": around(losses[h] + 0.5, 0.1) for h in STRUCTURE}
    bits = {f"hidden{h}": around(s, 10.0) for h, s in (structure or STRUCTURE).items()}
    return FakeMeasured(data, bits, dict.fromkeys(data, length))


def test_all_hold_near_the_floor():
    assert set(outcomes(read(measured())).values()) == {True}


def test_a_model_without_counts_of_pairs_fails():
    found = read(measured(WITHOUT_PAIRS[64]))
    assert outcome(found, "h = 4: the loss is within") is False
    assert outcome(found, "h = 4: the loss is below") is False


def test_structure_that_does_not_peak_fails():
    found = read(measured(structure={0: 4e3, 1: 5e3, 2: 1e3, 4: 4e3}))
    assert outcome(found, "than with none") is False
    assert outcome(found, "than with all") is False


def test_of_another_length_no_floor_is_known():
    found = read(measured(length=100.0))
    assert all(value.oracle is None for value in found.values)
    assert not any("floor" in check.expected for check in found.checks)
