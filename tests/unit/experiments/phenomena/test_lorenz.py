"""The checks on the Lorenz system: a saving that vanishes, and one that does not."""

from epiplexity_jax.experiments.findings import Estimate
from epiplexity_jax.experiments.phenomena.lorenz import MEASURE_BITS, read
from tests.unit.experiments.fake import FakeMeasured, around, outcome, outcomes

SAVED = {0.1: 6.0, 1.0: 3.0, 4.0: 0.05, 30.0: 0.0}


def measured(saved=None, alone=MEASURE_BITS, mapped=900.0, **source):
    data = {f"with_{time:g}": around(alone - bits) for time, bits in (saved or SAVED).items()}
    data["without"] = around(alone)
    model = {name: around(mapped if name == "with_1" else 200.0) for name in data}
    return FakeMeasured(data, model, config={"sources": dict.fromkeys(data, source)})


def test_all_hold_for_chaos():
    assert set(outcomes(read(measured())).values()) == {True}


def test_a_start_that_still_helps_late_fails():
    found = read(measured(SAVED | {30.0: 0.6}))
    assert outcome(found, "it saves nothing") is False
    assert outcome(found, "the saving falls") is False


def test_a_saving_that_has_not_vanished_in_time_fails():
    assert outcome(read(measured(SAVED | {4.0: 0.5})), "the saving has vanished") is False
    assert outcome(read(measured(SAVED | {4.0: 0.095})), "the saving has vanished") is None


def test_a_code_below_the_measure_fails():
    found = read(measured(alone=7.4))
    assert outcome(found, "no less than") is False
    assert outcome(found, "no less either") is False
    assert outcome(read(measured(alone=9.0)), "within 2 %") is False


def test_little_saved_early_and_no_map_fail():
    found = read(measured(SAVED | {0.1: 2.0, 1.0: 1.5}, mapped=100.0))
    assert outcome(found, "saves more than 3") is False
    assert outcome(found, "a map is learnt") is not True


def test_every_middle_time_is_asked_for_a_map():
    saved = {0.1: 6.0, 0.5: 5.0, 1.0: 3.0, 2.0: 2.0, 4.0: 0.5, 30.0: 0.0}
    found = read(measured(saved))
    times = [c.expected.split()[1] for c in found.checks if "a map is learnt" in c.expected]
    assert times == ["0.5", "1", "2"]
    assert outcome(found, "at 1 Lyapunov times S") is True
    assert outcome(found, "at 2 Lyapunov times S") is None


def test_structure_that_is_left_at_the_last_time_fails():
    late = measured()
    late.model["with_30"] = around(400.0)
    assert outcome(read(late), "S is the same") is False
    late.model["with_30"] = around(215.0)
    assert outcome(read(late), "S is the same") is None


def test_of_other_cells_the_entropy_is_not_known():
    found = read(measured(alone=23.0, bits=[10, 10, 10]))
    assert not any("entropy of the measure" in check.expected for check in found.checks)
    assert all(value.oracle is None for value in found.values)


def test_a_wide_interval_does_not_say_that_nothing_is_saved():
    late = measured()
    late.combined = lambda weights, part: Estimate(0.0, -8.0, 8.0)
    assert outcome(read(late), "it saves nothing") is None
    assert outcome(read(late), "the saving falls") is None
    assert outcome(read(late), "S is the same") is None
