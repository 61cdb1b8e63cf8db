import math
from dataclasses import replace

import numpy as np
import pytest

from epiplexity_jax.analysis import trace
from epiplexity_jax.analysis.laws.points import NotIdentified
from epiplexity_jax.analysis.simulate import SimulatedNoise
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.status import ResultStatus
from tests.unit.analysis.frontier.made import LAW, SIZES, TEST, law_sweep, toy


def fitted(curves=None, **options):
    return trace(curves or law_sweep(), test_tokens=TEST, procedure="fitted", **options)


@pytest.fixture(scope="module")
def exact():
    return fitted()


@pytest.fixture(scope="module")
def noisy():
    return fitted(law_sweep(3, SimulatedNoise(seed=0.01)))


@pytest.mark.parametrize("compute", [4e13, 1e14, 4e14])
def test_curves_of_a_law_give_its_optimum(exact, compute):
    found, best = exact.at(compute), LAW.optimum(compute, TEST)
    assert found.epiplexity_bits == pytest.approx(best.epiplexity_bits, rel=1e-4)
    assert found.mdl_bits == pytest.approx(best.mdl_bits, rel=1e-8)
    assert found.params == pytest.approx(best.params, rel=1e-3)
    assert found.train_tokens == pytest.approx(best.train_tokens, rel=1e-3)
    assert (found.member, found.neighbours, found.switch_step) == ("law", ("law",), None)
    assert exact.at(compute, strict=True).mdl_bits == found.mdl_bits
    model, data = exact.traced.lengths(math.log(compute))
    assert (model, data) == pytest.approx((found.epiplexity_bits, found.entropy_bits), rel=1e-3)


def test_what_lies_beyond_the_runs_is_marked_and_no_default_budget(exact):
    largest = exact.at(100 * exact.largest_compute)
    assert {"beyond_sizes", "beyond_compute"} <= set(largest.flags)
    assert not {"carried", "edge_size", "edge_steps"} & set(largest.flags)
    assert any("extrapolation" in warning for warning in largest.warnings)
    for budget in exact.budgets():
        assert exact.at(budget).flags == ()
    assert exact.at(1e-3 * exact.points.time_flops[0]).flags == ("below_cheapest",)


def test_where_the_law_is_above_the_uniform_code_nothing_is_learnt(monkeypatch):
    found = fitted()
    monkeypatch.setattr(found.traced, "law", replace(found.traced.law, vocab_size=25))
    early = found.at(1e13)
    assert early.status == ResultStatus.UNTRAINED
    assert early.epiplexity_bits == 0.0
    assert found.traced.at(1e13).untrained
    assert not found.traced.at(1e16).untrained


def test_lengths_of_replicates_are_fitted_again(exact):
    points = exact.points
    same = exact.traced.with_lengths(points.model_bits, points.data_bits)
    assert same.law.beta == pytest.approx(exact.traced.law.beta, rel=1e-5)
    excess = points.data_bits - LAW.irreducible_bits(TEST)
    other = exact.traced.with_lengths(
        points.model_bits, points.data_bits + np.where(points.step > 0, 0.1 * excess, 0.0)
    )
    assert other.law.a == pytest.approx(1.1 * exact.traced.law.a, rel=1e-2)
    assert other.fit.points.loss_nats.min() > exact.traced.fit.points.loss_nats.min()


def test_intervals_come_from_the_seeds(noisy):
    compute = noisy.budgets()[1]
    found, best = noisy.at(compute), LAW.optimum(compute, TEST)
    low, high = found.epiplexity_bits_interval
    assert low < best.epiplexity_bits < high
    assert noisy.traced.several_seeds
    drawn = noisy.traced.resampled(np.random.default_rng(0)).loss_nats
    assert drawn.shape == noisy.traced.fit.points.loss_nats.shape
    assert 0 < np.abs(drawn / noisy.traced.fit.points.loss_nats - 1).max() < 0.1


def test_areas_are_compared_with_the_closed_form(exact):
    areas = exact.traced.areas()
    assert [one.params for one in areas] == list(SIZES)
    for one, member in zip(areas, exact.all_members, strict=True):
        assert one.measured_bits == member.model_bits[-1]
        law = LAW.beta / (1 - LAW.beta) * LAW.d0**LAW.beta * one.train_tokens ** (1 - LAW.beta)
        assert one.closed_form_bits == pytest.approx(law / math.log(2), rel=1e-3)
        assert one.transient_bits == one.measured_bits - one.closed_form_bits
        assert one.loss_residual == pytest.approx(0.0, abs=1e-5)


def test_notes_say_residuals_the_held_out_budgets_and_the_transient(noisy):
    law, held, areas = noisy.traced.notes
    assert law.startswith("a law was fitted to")
    assert "predicts these within" in held
    assert "closed form" in areas
    assert set(noisy.traced.notes) <= set(noisy.warnings)
    document = noisy.traced.to_json()
    assert document["points"] == len(noisy.traced.fit.points)
    assert len(document["areas"]) == len(SIZES)
    assert document["held_out"]["points"] == noisy.traced.held_out.points


def test_too_few_sizes_are_refused_and_do_not_end_the_intervals_of_more():
    with pytest.raises(NotIdentified, match="frontier: fitted: .* 2 sizes of model, expected 3"):
        fitted(law_sweep(sizes=SIZES[:2]))
    halved = fitted(law_sweep(2, SimulatedNoise(), sizes=(4_000, 8_000, 16_000, 64_000)))
    assert halved.intervals._halves == []


def test_lengths_that_are_no_areas_are_refused():
    curves = [
        toy(np.log(2) * np.exp(-np.arange(31) / 8), params=params, entropy_rate_nats=0.0)
        for params in (1000, 4000, 16000)
    ]
    with pytest.raises(ConfigError, match="frontier: a fitted law gives the area above the final"):
        trace(curves, test_tokens=1e6, procedure="fitted", floor="entropy_rate")


def test_where_every_run_diverged_the_uniform_code_answers():
    curves = [toy([0.6, 0.5], params=params, status="diverged") for params in (10, 100, 1000)]
    found = trace(curves, test_tokens=1e6, procedure="fitted").at(1e12)
    assert found.member == "uniform"


def test_a_law_that_its_refits_do_not_know_is_not_resolved(noisy):
    for budget in (noisy.budgets()[0], 100 * noisy.largest_compute):
        found = noisy.at(budget)
        low, high = found.epiplexity_bits_interval
        assert found.resolution_bits >= (high - low) / 2 * (1 - 1e-9)
        assert (found.status == ResultStatus.OK) == (low > 0.0)
