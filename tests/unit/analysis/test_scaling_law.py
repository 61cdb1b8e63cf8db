"""The capped law against sums over single tokens."""

import math

import numpy as np
import pytest

from epiplexity_jax.analysis.scaling_law import CappedLaw, ScalingLaw
from epiplexity_jax.base.errors import ConfigError

LAW = CappedLaw(0.331, 0.566, 8.0e1, 2.66e4, 3.14, 256)


def test_losses_fall_from_those_of_uniform_predictions_to_the_entropy():
    losses = LAW.loss(1e4, np.array([0.0, 1e3, 1e5, 1e7]))
    assert losses[0] == math.log(256)
    assert (np.diff(losses) <= 0).all()
    assert LAW.loss(1e30, 1e30) == pytest.approx(LAW.irreducible_nats)


@pytest.mark.parametrize("tokens", [100, 20_000, 200_000])
def test_the_area_is_the_sum_of_losses_above_the_last(tokens):
    middles = np.arange(tokens) + 0.5
    summed = np.sum(LAW.loss(1e4, middles) - LAW.loss(1e4, tokens))
    assert LAW.area(1e4, tokens) == pytest.approx(summed, rel=1e-4, abs=1e-6)


def test_no_other_model_of_the_budget_has_a_shorter_code():
    compute, test = 1e13, 1e7
    best = LAW.optimum(compute, test)
    assert 6 * best.params * best.train_tokens + 2 * best.params * test == pytest.approx(compute)
    for factor in (0.5, 0.9, 1.1, 2.0):
        tokens = factor * best.train_tokens
        params = compute / (6 * tokens + 2 * test)
        bits = (LAW.area(params, tokens) + test * LAW.loss(params, tokens)) / math.log(2)
        assert bits > best.mdl_bits
    assert LAW.irreducible_bits(test) < best.entropy_bits


PLAIN = ScalingLaw(0.331, 0.566, 8.0e1, 2.66e4, 3.14)


@pytest.mark.parametrize("compute", [1e10, 1e13, 1e18])
def test_the_root_is_where_the_two_part_code_is_least(compute):
    test = 1e7
    best = PLAIN.optimum(compute, test)
    assert best.minima == 1
    assert 6 * best.params * best.train_tokens + 2 * best.params * test == pytest.approx(compute)
    tokens = best.train_tokens * np.array([0.99, 1.01])
    params = compute / (6 * tokens + 2 * test)
    data = test * PLAIN.loss(params, tokens) / math.log(2)
    assert (PLAIN.model_bits(tokens) + data > best.mdl_bits).all()


def test_the_closed_form_is_the_area_under_the_law():
    tokens = 1e6
    grid = np.geomspace(1e-6, tokens, 400_001)
    losses = PLAIN.loss(1e4, grid) - PLAIN.loss(1e4, tokens)
    area = np.sum(np.diff(grid) * (losses[1:] + losses[:-1]) / 2) / math.log(2)
    assert PLAIN.model_bits(tokens) == pytest.approx(area, rel=1e-4)


def test_the_limit_is_where_optima_go():
    limit, far = PLAIN.limit(1e7), PLAIN.optimum(1e60, 1e7)
    assert far.epiplexity_bits == pytest.approx(limit.epiplexity_bits, rel=1e-9)
    assert far.entropy_bits == pytest.approx(limit.entropy_bits, rel=1e-9)


def test_the_first_model_is_as_long_as_the_uniform_code():
    first = PLAIN.first_compute(1e7, 256)
    assert PLAIN.optimum(first, 1e7).mdl_bits == pytest.approx(8e7, rel=1e-6)
    assert PLAIN.first_compute(1e7, 20) is None  # 3.14 nats are more than ln 20
    easy = ScalingLaw(0.05, 0.4, 2.0, 10.0, 0.1)
    assert easy.first_compute(1e7, 256) == 2e7


def test_coefficients_are_those_of_the_other_form():
    law = ScalingLaw.from_coefficients(406.4, 410.7, 1.6934, 0.3392, 0.2849)
    assert (law.a, law.b) == pytest.approx((406.4, 410.7))
    assert law.loss(1e9, 2e10) == pytest.approx(1.6934 + 406.4 / 1e9**0.3392 + 410.7 / 2e10**0.2849)


@pytest.mark.parametrize("beta", [1.0, 1.3])
def test_a_capped_law_has_an_area_for_any_exponent_and_a_plain_one_has_none(beta):
    capped = CappedLaw(0.331, beta, 8.0e1, 2.66e4, 3.14, 256)
    middles = np.arange(200_000) + 0.5
    summed = np.sum(capped.loss(1e4, middles) - capped.loss(1e4, 200_000))
    assert capped.area(1e4, 200_000) == pytest.approx(summed, rel=1e-4)
    plain = ScalingLaw(0.331, beta, 8.0e1, 2.66e4, 3.14)
    for asked in (plain.model_bits, plain.limit, lambda tokens: plain.optimum(1e12, tokens)):
        with pytest.raises(ConfigError, match=f"beta: must be below 1, got {beta:g}"):
            asked(1e7)


def test_the_limit_of_a_capped_law_is_that_of_its_area():
    limit = LAW.limit(1e7)
    assert limit.epiplexity_bits == pytest.approx(float(LAW.area(1e40, 1e7)) / math.log(2))
    assert limit.mdl_bits < LAW.optimum(1e15, 1e7).mdl_bits


@pytest.mark.parametrize(
    ("values", "name"),
    [((0.0, 0.5, 1.0, 1.0, 1.0), "alpha"), ((0.3, 0.5, 1.0, 1.0, -1.0), "irreducible_nats")],
)
def test_what_is_no_law_is_refused(values, name):
    with pytest.raises(ConfigError, match=f"{name}: must be"):
        ScalingLaw(*values)
