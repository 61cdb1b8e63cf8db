import math

import pytest

from epiplexity_jax.analysis.laws.examine import examine
from epiplexity_jax.analysis.laws.presets import PRESETS
from epiplexity_jax.analysis.laws.report import report
from epiplexity_jax.analysis.scaling_law import ScalingLaw
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import ResultStatus
from tests.unit.analysis.laws.made import LAW, points_of

LANGUAGE = PRESETS["language_chinchilla"].law


def test_default_budgets_go_from_the_first_model_to_where_most_is_read():
    found = report("language", LANGUAGE, test_tokens=1e12, vocab_size=32_000)
    assert found.first_compute_flops == pytest.approx(2.09e17, rel=0.01)
    budgets = [one.compute_flops for one in found.answers]
    assert budgets[0] == 1e18
    assert found.answers[-1].train_tokens > 0.9e12
    assert all(one.status == ResultStatus.OK for one in found.answers)
    assert found.limit.epiplexity_bits == pytest.approx(8.99646e10, rel=1e-5)
    assert found.at(1e24).epiplexity_bits == pytest.approx(6.97683e10, rel=1e-5)


def test_below_the_first_model_the_uniform_code_wins():
    found = report("x", LANGUAGE, test_tokens=1e12, vocab_size=32_000, compute=[2e17, 2.2e17])
    below, above = found.answers
    assert (below.status, below.epiplexity_bits, below.params) == (ResultStatus.UNTRAINED, 0.0, 0.0)
    assert below.entropy_bits_per_token == pytest.approx(math.log2(32_000))
    assert above.status == ResultStatus.OK
    assert above.mdl_bits < below.mdl_bits


def test_without_a_vocabulary_every_budget_has_a_model():
    found = report("x", LANGUAGE, test_tokens=1e12, compute=[1e15])
    assert found.answers[0].status == ResultStatus.OK
    assert found.first_compute_flops is None


def test_a_law_that_never_beats_the_uniform_code_says_so():
    law = ScalingLaw(0.3, 0.3, 1e3, 1e5, 2.0)
    found = report("x", law, test_tokens=1e9, vocab_size=4)
    assert {one.status for one in found.answers} == {ResultStatus.UNTRAINED}
    assert found.notes == ("no model of the law beats the uniform code at any budget",)


def test_a_fit_has_intervals_and_marks_what_lies_beyond_it():
    examined = examine(points_of((1e3, 1e4, 1e5, 1e6), noise=0.003), draws=20)
    found = report("x", examined.law, test_tokens=1e8, examined=examined)
    for one in found.answers:
        low, high = one.epiplexity_bits_interval
        assert low < one.epiplexity_bits * 1.5
        assert low < high
    assert found.limit.flags == ("beyond_sizes",)
    assert any("extrapolated" in note for note in found.notes)
    inside = found.at(1e12)
    assert 1e3 < inside.params < 1e6
    assert inside.flags == ()


def test_a_fit_alone_needs_no_test_tokens():
    examined = examine(points_of(), draws=0)
    found = report("x", examined.law, examined=examined)
    assert found.answers == ()
    assert found.limit is None
    with pytest.raises(ConfigError, match="test_tokens: not known"):
        found.at(1e12)
    assert found.to_json()["fit"]["points"] == 16


def test_a_fitted_exponent_of_one_or_more_is_a_note_and_a_given_one_an_error():
    steep = ScalingLaw(0.4, 1.2, 50.0, 2000.0, 1.5)
    examined = examine(points_of(law=steep), draws=0)
    found = report("x", examined.law, test_tokens=1e8, examined=examined)
    assert found.answers == ()
    assert found.notes[0].startswith("beta is 1.2")
    with pytest.raises(ConfigError, match="beta: must be below 1, got 1.2"):
        report("x", steep, test_tokens=1e8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"vocab_size": 1}, "vocab_size: must be at least 2"),
        ({"test_tokens": 0.0}, "test_tokens: must be a positive number"),
        ({"compute": [-1.0]}, "compute: must be a positive number"),
    ],
)
def test_wrong_arguments_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        report("x", LAW, **({"test_tokens": 1e9} | options))
