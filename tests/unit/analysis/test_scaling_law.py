"""The capped law against sums over single tokens."""

import math

import numpy as np
import pytest

from epiplexity_jax.analysis.scaling_law import CappedLaw

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
