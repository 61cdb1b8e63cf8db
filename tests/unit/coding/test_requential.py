"""Requential lengths against numbers worked out by hand."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import certified_length, requential_length
from epiplexity_jax.coding.requential import KAPPA


def test_the_length_is_the_sum_in_bits():
    sums = np.log(2) * np.array([0.0, 5.0, 5.5])
    np.testing.assert_allclose(requential_length(sums), [0.0, 5.0, 5.5])
    assert requential_length(-1e-6) == pytest.approx(-1e-6 / np.log(2))


def test_certified_messages_pay_for_their_number():
    """A message of no information costs kappa; one of 2^k - 1 bits costs 2 k more than its KL."""
    np.testing.assert_allclose(certified_length(np.zeros(4)), KAPPA * np.arange(1, 5))
    bits = 2.0 ** np.arange(1, 6) - 1
    each = np.diff(certified_length(np.log(2) * bits, kappa=0.0), prepend=0.0)
    np.testing.assert_allclose(each, bits + 2 * np.arange(1, 6))


def test_splitting_a_message_costs_more():
    whole = certified_length(np.log(2) * np.array([100.0]))[-1]
    halves = certified_length(np.log(2) * np.array([50.0, 50.0]))[-1]
    assert halves > whole > 100


def test_rounding_below_zero_is_kept_and_pays_no_logarithm():
    small = np.array([-1e-5, 1.0])
    expected = requential_length(small.sum()) + 2 * np.log2(1 + 1 / np.log(2)) + 2 * KAPPA
    assert certified_length(small)[-1] == pytest.approx(expected)


def test_axes_before_the_last_are_independent():
    kl = np.random.default_rng(0).exponential(size=(3, 5))
    rows = [certified_length(row) for row in kl]
    np.testing.assert_array_equal(certified_length(kl), rows)


@pytest.mark.parametrize("wrong", [[np.nan], [np.inf], 1.0])
def test_what_is_no_kl_is_refused(wrong):
    with pytest.raises(ConfigError, match="kl_nats"):
        certified_length(wrong)
    if not np.ndim(wrong):
        return
    with pytest.raises(ConfigError, match="kl_sum_nats"):
        requential_length(wrong)


def test_kappa_must_not_be_negative():
    with pytest.raises(ConfigError, match="kappa"):
        certified_length([1.0], kappa=-1.0)
