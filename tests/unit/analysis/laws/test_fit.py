import math

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from epiplexity_jax.analysis.laws.fit import _Problem, closest_law, fit
from epiplexity_jax.analysis.laws.points import DELTA, LossPoints, NotIdentified
from epiplexity_jax.analysis.scaling_law import ScalingLaw
from tests.unit.analysis.laws.made import LAW, points_of

NAMES = ("alpha", "beta", "n0", "d0", "irreducible_nats")


def test_losses_of_a_law_give_its_parameters():
    found = fit(points_of())
    for name in NAMES:
        assert getattr(found.law, name) == pytest.approx(getattr(LAW, name), rel=1e-4)
    assert found.objective < 1e-12
    assert np.abs(found.residuals).max() < 1e-6


def test_the_gradient_is_that_of_the_objective():
    problem = _Problem(points_of(noise=0.003))
    theta = problem.inwards(np.array([1.2, 2.0, 0.3, 0.35, 0.25]))
    _, gradient = problem(theta)
    numeric = approx_fprime(theta, lambda x: problem(x)[0], 1e-7)
    assert gradient == pytest.approx(numeric, rel=1e-4, abs=1e-2)
    assert problem.outwards(theta) == pytest.approx([1.2, 2.0, 0.3, 0.35, 0.25])


def test_the_objective_is_a_sum_of_hubers_losses():
    points = points_of(noise=0.003)
    found = fit(points)
    residual = np.abs(found.residuals)
    huber = np.where(residual < DELTA, residual**2 / 2, DELTA * (residual - DELTA / 2))
    assert found.objective == pytest.approx(huber.sum(), rel=1e-9)
    twice = LossPoints.of(
        *(np.tile(getattr(points, n), 2) for n in ("params", "train_tokens", "loss_nats"))
    )
    assert fit(twice).objective == pytest.approx(2 * found.objective, rel=1e-6)


def test_an_outlier_hardly_moves_a_law():
    points = points_of()
    losses = points.loss_nats.copy()
    losses[5] *= 1.2
    found = fit(LossPoints.of(points.params, points.train_tokens, losses))
    assert found.law.beta == pytest.approx(LAW.beta, rel=0.02)


def test_a_point_counts_by_its_error():
    points = points_of()
    losses, errors = points.loss_nats * np.r_[1.02, np.ones(15)], np.zeros(16)
    plain = fit(LossPoints.of(points.params, points.train_tokens, losses)).objective
    errors[0] = 0.1
    weighted = fit(LossPoints.of(points.params, points.train_tokens, losses, errors)).objective
    assert weighted < plain / 50


def test_a_refit_ends_where_a_fit_does():
    points = points_of(noise=0.003)
    moved = LossPoints.of(points.params, points.train_tokens, points.loss_nats * 1.01)
    again, fresh = fit(points).refit(moved), fit(moved)
    assert again.objective == pytest.approx(fresh.objective, rel=1e-5)
    assert again.law.beta == pytest.approx(fresh.law.beta, rel=1e-3)


def test_losses_that_parameters_do_not_move_are_refused():
    points = points_of()
    losses = 1.5 + (2000.0 / points.train_tokens) ** 0.3 + 1e-9 * np.log(points.params)
    with pytest.raises(NotIdentified, match="mine: the losses do not identify a law: its exponent"):
        fit(LossPoints.of(points.params, points.train_tokens, losses), what="mine")


def test_losses_without_a_floor_leave_e_open():
    bare = ScalingLaw(0.2, 0.2, 1e6, 1e8, 0.0)
    assert fit(points_of(law=bare, noise=1e-4)).note.startswith("E ran to 0")
    assert fit(points_of()).note is None


def test_parameters_that_ran_away_have_a_closest_law():
    law = closest_law(np.array([3.0, 800.0, 0.1, -0.2, 9.0]))
    assert law.alpha == 1e-3
    assert law.beta == 3.0
    assert math.isfinite(law.n0)
    assert math.isfinite(law.d0)
