import numpy as np
import pytest

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.simulate import SimulatedNoise
from epiplexity_jax.base.errors import ConfigError
from tests.unit.analysis.frontier.made import LEARNT, TEST, law_sweep, toy


def test_the_two_part_code_never_rises_with_the_budget():
    for procedure in ("refined", "hull-median", "raw"):
        frontier = trace(law_sweep(3, SimulatedNoise()), test_tokens=TEST, procedure=procedure)
        for strict in (False, True):
            budgets = np.geomspace(frontier.compute[0] / 3, frontier.largest_compute * 3, 60)
            lengths = [frontier.at(float(c), strict).mdl_bits for c in budgets]
            assert np.all(np.diff(lengths) <= 1e-6 * lengths[0])


def test_seeds_that_end_far_apart_are_named():
    short = toy(LEARNT[:16], seed=1, steps=np.arange(16))
    frontier = trace([toy(LEARNT), short], test_tokens=1e6)
    assert "the seeds of N1000 end at steps 15 to 30, and count to the first of these" in (
        frontier.warnings
    )


def test_runs_of_one_seed_are_not_taken_for_two():
    alike = "1 of 2 runs have the model and the seed of another"
    twice = trace([toy(LEARNT), toy(LEARNT)], test_tokens=1e6)
    assert [said for said in twice.warnings if said.startswith(alike)]
    assert twice.at(1e9).epiplexity_bits_interval is None
    own = trace([toy(LEARNT), toy(LEARNT, seed=1)], test_tokens=1e6)
    assert not [said for said in own.warnings if alike[4:] in said]


def test_diverged_runs_are_left_out_and_named():
    bad = toy(np.where(np.arange(31) > 5, np.nan, LEARNT), params=4000, status="diverged")
    frontier = trace([toy(LEARNT), bad], test_tokens=1e6)
    assert [member.name for member in frontier.all_members] == ["N1000"]
    assert frontier.warnings[0] == "1 of 2 runs diverged and are left out: toy N4000 seed 0"


def test_diverged_runs_of_several_learning_rates_are_told_apart():
    nan = np.where(np.arange(31) > 5, np.nan, LEARNT)
    bad = toy(nan, learning_rate=10.0, status="diverged")
    frontier = trace([toy(LEARNT, learning_rate=0.03), bad], test_tokens=1e6)
    assert frontier.warnings[0] == "1 of 2 runs diverged and are left out: toy N1000 seed 0 lr 10"


def test_when_every_run_diverged_the_uniform_code_answers():
    frontier = trace([toy(LEARNT, status="diverged")], test_tokens=1e6)
    result = frontier.at(1e9)
    assert (result.status, result.entropy_bits, result.flags) == ("untrained", 1e6, ())
    assert result.resolution_bits is None
    assert frontier.budgets() == []
    assert any("lower the learning rate" in said for said in result.warnings)


def test_budgets_are_log_spaced_and_within_the_sweep():
    frontier = trace(law_sweep(), test_tokens=TEST)
    budgets = frontier.budgets(4)
    assert len(budgets) == 4
    assert frontier.compute[0] < budgets[0]
    assert budgets[-1] <= frontier.largest_compute
    assert all(float(f"{budget:.1e}") == budget for budget in budgets)


@pytest.mark.parametrize(
    ("curves", "options", "said"),
    [
        ([], {}, "curves: expected at least one run, got an empty list"),
        ([toy(LEARNT), toy(LEARNT, source="other")], {}, "one source, got other, toy"),
        ([toy(LEARNT), toy(LEARNT, vocab_size=4)], {}, "one vocab_size"),
        ([toy(LEARNT)], {"test_tokens": 0.0}, "test_tokens: must be a positive"),
        ([toy(LEARNT)], {"test_tokens": 1e300}, "test_tokens: must be .* at most 1e.30, got"),
        ([toy(LEARNT)], {"procedure": "refine"}, "did you mean 'refined'"),
        ([toy(LEARNT)], {"variant": "online"}, "not recorded for toy N1000 seed 0"),
        ([toy(LEARNT)], {"floor": "raw"}, "floor: 'raw' is not known"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(curves, options, said):
    with pytest.raises(ConfigError, match=said):
        trace(curves, **({"test_tokens": 1e6} | options))


def test_budgets_of_a_sweep_in_which_evaluation_takes_most_of_the_time_reach_its_end():
    frontier = trace([toy(LEARNT, seed=seed) for seed in range(2)], test_tokens=1e9)
    start, end = float(frontier.points.time_flops[0]), frontier.largest_compute
    assert end / start < 1.01
    (budget,) = frontier.budgets()
    assert end - 0.1 * (end - start) <= budget <= end
    assert frontier.at(budget).train_tokens > 0
