"""The checks on rules 15, 30 and 54: crossing curves, and curves that do not cross."""

import math
from dataclasses import replace

from epiplexity_jax.experiments.phenomena.rule_order import read
from tests.unit.experiments.fake import FakeMeasured, around, decomposed, outcome, outcomes

TOKENS = 1e5


def measured(shift_first=True, rates=(0.0, 0.3, 1.0)):
    def answer(source, compute):
        done = (math.log10(compute) - 9) / 3  # 0 at the least budget, 1 at the largest
        shift = 1e4 if shift_first else 0.0
        structure = {"rule15": shift, "rule30": 0.0, "rule54": 3e4 * done**2}[source]
        last = dict(zip(("rule15", "rule54", "rule30"), rates, strict=True))[source]
        rate = 1.0 - done * (1.0 - last)
        return decomposed(
            source, compute, around(structure, 100.0), around(rate * TOKENS, 10.0), TOKENS
        )

    return FakeMeasured(counts=dict.fromkeys(("rule15", "rule30", "rule54"), 32.0), answer=answer)


def test_all_hold_where_the_curves_cross():
    found = read(measured())
    assert set(outcomes(found).values()) == {True}
    assert {value.series for value in found.values} == {"rule 15", "rule 30", "rule 54"}


def test_the_peak_of_a_shift_is_a_value():
    (peak,) = [v for v in read(measured()).values if v.name == "S rule 15, its peak"]
    assert peak.estimate == around(1e4, 100.0)


def test_a_shift_that_is_never_above_fails():
    assert outcome(read(measured(shift_first=False)), "at some low budget") is False


def test_a_shift_that_is_above_within_the_error_is_open():
    close = measured()
    near = replace(close.compared("rule15", "rule54", 1e10), difference=100.0, separated=False)
    close.compared = lambda *_, **__: near
    found = read(close)
    assert outcome(found, "at some low budget") is None
    assert outcome(found, "S of rule 54 is above that of rule 15") is None


def test_noise_that_is_learnt_fails():
    found = read(measured(rates=(0.0, 0.3, 0.9)))
    assert outcome(found, "rule 30 is noise") is False
    assert outcome(read(measured(rates=(0.9, 0.95, 1.0))), "rule 30 is noise") is None
    assert outcome(read(measured(rates=(0.4, 0.3, 1.0))), "H of rules 15 < 54 < 30") is False
