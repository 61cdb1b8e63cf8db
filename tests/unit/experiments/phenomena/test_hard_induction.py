"""The checks on hidden bits."""

from epiplexity_jax.experiments.phenomena.hard_induction import read
from tests.unit.experiments.fake import FakeMeasured, around, outcome, outcomes


def measured(extra=0.02, step=1000.0, wait=100.0, half=0.02):
    data = {f"hidden{h}": around(h + extra, half) for h in range(4)}
    made = FakeMeasured(data, {f"hidden{h}": around(5e3 + step * h, 50.0) for h in range(4)})
    made.steps = {f"hidden{h}": 200.0 + wait * h for h in range(4)}
    return made


def test_all_hold_where_the_bits_are_found_and_structure_rises():
    found = read(measured())
    assert set(outcomes(found).values()) == {True}
    assert [v.oracle for v in found.values if v.name.startswith("H")] == [0.0, 1.0, 2.0, 3.0]


def test_a_loss_off_the_bits_fails():
    assert outcome(read(measured(extra=2.0)), "h = 3: the loss comes") is False
    assert outcome(read(measured(extra=2.0)), "h = 3: the loss is not below") is True
    assert outcome(read(measured(extra=-0.2)), "h = 3: the loss is not below") is False


def test_a_loss_at_the_bits_holds_within_its_error():
    found = outcomes(read(measured(extra=0.0, half=0.05)))
    assert {found[one] for one in found if "h = 2: the loss" in one} == {True}


def test_near_is_a_tenth_of_h_and_open_where_the_interval_straddles_it():
    found = read(measured(extra=0.15))
    assert outcome(found, "h = 1: the loss comes within 10 % of h bits") is False
    assert outcome(found, "h = 2: the loss comes within 10 % of h bits") is True
    found = read(measured(extra=0.1))
    assert outcome(found, "h = 1: the loss comes") is None
    assert outcome(found, "h = 1: the loss is not below") is True
    assert outcome(found, "h = 0: the loss comes within 0.05 bits of h bits") is False
    assert outcome(read(measured(extra=0.04)), "h = 0: the loss comes") is None


def test_of_the_requential_code_the_steps_are_the_students():
    made = measured()
    assert not read(made).notes
    made.config = {"estimator": {"kind": "requential"}}
    assert "student" in read(made).notes[0]


def test_structure_that_falls_fails_and_one_that_stays_is_open():
    assert outcome(read(measured(step=-1000.0)), "h = 0 to h = 1") is False
    assert outcome(read(measured(step=0.0)), "h = 0 to h = 1") is None


def test_noise_does_not_pass_for_the_floor():
    assert outcome(read(measured(extra=15.0, half=36.0)), "h = 0: the loss comes") is None


def test_steps_that_do_not_grow_fail():
    assert outcome(read(measured(wait=-50.0)), "more steps for h = 1") is False


def test_bits_that_are_never_reached_are_a_note():
    made = measured()
    del made.steps["hidden3"]
    found = read(made)
    assert "h = 3: the loss of a seed does not come so near" in found.notes[0]
    assert not any(value.name == "steps, h = 3" for value in found.values)
    assert not any("more steps for h = 3" in check.expected for check in found.checks)
