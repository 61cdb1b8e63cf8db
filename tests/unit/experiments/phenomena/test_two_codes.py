"""Rank correlations and intercepts of two codes, on lengths that a test chooses."""

import numpy as np
import pytest

from epiplexity_jax.experiments.measured import Ending
from epiplexity_jax.experiments.phenomena.two_codes import _drawn, _intercept, by_chance, read
from tests.unit.experiments.fake import FakeMeasured, outcome, outcomes

RULES = [f"rule_{number}" for number in (0, 4, 15, 54, 110)]
CODES = ("requential", "prequential")


class Coded(FakeMeasured):
    """Runs with lengths of their own under each code, the same for every seed but for a spread."""

    def __init__(self, lengths, spread=0.0, sampling=0.0):
        super().__init__(counts=dict.fromkeys(lengths, 32.0))
        self.lengths, self.spread, self.sampling, self.code = lengths, spread, sampling, 0

    def under(self, estimator):
        other = Coded(self.lengths, self.spread, self.sampling)
        other.code = CODES.index(estimator)
        return other

    def ending(self, source, size=None):
        assert size in (None, "width 32 depth 2")
        seeds = self.lengths[source][self.code] + self.spread * np.array([-1.0, 0.0, 1.0])
        return Ending("width 32 depth 2", 1, {"model": seeds}, {"model": self.sampling})


def value(found, name):
    (one,) = [each.estimate for each in found.values if each.name == name]
    return one


def straight(sources=RULES, intercept=500.0, factor=4.0):
    """Prequential lengths on a line over requential ones."""
    return {name: (100.0 * i, intercept + factor * 100.0 * i) for i, name in enumerate(sources)}


def test_a_line_is_found_again():
    found = read(Coded(straight()))
    correlation = value(found, "rank correlation, cellular automata")
    assert (correlation.value, correlation.low, correlation.high) == pytest.approx((1, 1, 1))
    assert value(found, "intercept, cellular automata").value == pytest.approx(500.0)
    assert set(outcomes(found).values()) == {True}
    assert {each.series for each in found.values if each.name.startswith("S ")} == set(CODES)


def test_the_opposite_order_fails():
    lengths = straight()
    turned = {name: (-one, other) for name, (one, other) in lengths.items()}
    assert outcome(read(Coded(turned)), "order cellular automata alike") is False


def test_seeds_that_differ_more_than_sources_leave_the_order_open():
    found = read(Coded(straight(factor=0.01, intercept=500.0), sampling=300.0))
    assert outcome(found, "order cellular automata alike") is None
    known = value(found, "rank correlation, cellular automata")
    assert known.low < 0 < known.high


def test_the_same_seeds_are_drawn_for_both_codes():
    # A seed moves both lengths of a source alike, along a line of slope 1: its intercept stays.
    interval = value(read(Coded(straight(factor=1.0), spread=30.0)), "intercept, cellular automata")
    assert (interval.low, interval.high) == pytest.approx((500.0, 500.0))
    interval = value(read(Coded(straight(factor=4.0), spread=30.0)), "intercept, cellular automata")
    assert interval.high - interval.low > 10.0


def test_an_unrelated_order_is_not_taken_for_the_same():
    """Of random orders without any scatter one in twenty holds, and not every other."""
    generator, holds = np.random.default_rng(3), 0
    for _ in range(20):
        order = generator.permutation(len(RULES))
        lengths = {name: (float(i), 5.0 + order[i]) for i, name in enumerate(RULES)}
        holds += outcome(read(Coded(lengths)), "order cellular automata alike") is True
    assert holds <= 4
    assert by_chance(5) == pytest.approx(0.8, abs=0.11)
    assert by_chance(10) == pytest.approx(0.56, abs=0.04)


@pytest.mark.parametrize("count", [2, 3])
def test_intervals_hold_the_truth_as_often_as_they_say(count):
    """The intercept of one source's scatter, at which the others lie exactly."""
    generator, held, samples = np.random.default_rng(5), 0, 100
    for _ in range(samples):
        pairs = []
        for i in range(3):
            # Along the prequential axis alone, so that the intercept is a mean of normal errors.
            seeds = [np.full(count, float(i)), i + generator.standard_normal(count)]
            pairs.append(tuple(Ending("w", 1, {"model": one}, {"model": 0.0}) for one in seeds))
        lengths = _drawn(pairs)
        draws = np.array([_intercept(*each) for each in lengths.draws[:200]])
        low, high = np.quantile(draws, [0.025, 0.975])
        held += low <= 0.0 <= high
    assert held / samples >= 0.9  # without t it would be 0.81 and 0.6


def test_a_constant_that_costs_a_student_more_fails():
    lengths = straight() | {"rule_0": (600.0, 500.0)}
    assert outcome(read(Coded(lengths)), "rule 0, a constant") is False


def test_groups_apart_and_small_ones_have_no_order():
    few = [
        *RULES,
        "natural_text",
        "natural_machine_code",
        "rows_0",
        "rows_1",
        "hidden_0",
        "hidden_1",
        "hidden_2",
    ]
    found = read(Coded(straight(few)))
    names = {each.name for each in found.values}
    assert "rank correlation, easy induction" not in names  # two sources
    assert "intercept, hard induction" in names  # three
    assert "S natural machine code, requential" in names
    assert sum("alike: their rank" in each for each in outcomes(found)) == 1  # five


def test_equal_lengths_have_no_correlation():
    lengths = {name: (100.0, 100.0 * i) for i, name in enumerate(RULES)}
    found = read(Coded(lengths))
    assert len(found.notes) == 2
    assert all("same length for all" in note for note in found.notes)
