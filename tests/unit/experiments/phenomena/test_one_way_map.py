"""The one-way map's checks: on values of a bounded reader, and on ones that break each of them."""

from epiplexity_jax.experiments.phenomena.one_way_map import NO_LOOK_AHEAD, read
from tests.unit.experiments.fake import FakeMeasured, around, outcome, outcomes

CELLS = (8, 12, 16)


def measured(forward=lambda n: n * 1.005, gap=lambda n: 0.1 * n):
    data = {f"forward{n}": around(forward(n)) for n in CELLS}
    data |= {f"reverse{n}": around(forward(n) + gap(n)) for n in CELLS}
    return FakeMeasured(data, {name: around(500.0, 5.0) for name in data})


def test_all_hold_for_a_bounded_reader():
    found = read(measured())
    assert set(outcomes(found).values()) == {True}
    assert len(found.checks) == 3 + 2 + 3 + 3 + 1
    gaps = {v.x: v for v in found.values if v.name.startswith("gap")}
    assert [gaps[n].oracle for n in CELLS] == [NO_LOOK_AHEAD[n] for n in CELLS]


def test_without_a_gap_the_sign_fails_or_is_open():
    found = read(measured(gap=lambda n: 0.0))
    assert outcome(found, "n = 16: Y then X costs more") is None
    found = read(measured(gap=lambda n: -0.1 * n))
    assert outcome(found, "n = 16: Y then X costs more") is False
    assert outcome(found, "n = 16: the gap is between") is False


def test_a_gap_above_that_without_look_ahead_fails_its_oracle():
    assert outcome(read(measured(gap=lambda n: n)), "n = 12: the gap is between") is False


def test_an_order_that_was_not_learnt_is_not_compared():
    found = read(measured(forward=lambda n: 1.2 * n))
    assert set(outcomes(found).values()) == {False}
    assert all("is learnt" in check.expected for check in found.checks)
    assert "no comparison" in found.checks[0].found
