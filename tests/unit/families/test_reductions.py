"""Reductions of rows against NumPy in float64, as CPUs and as accelerators compute them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.engine.step import log_likelihood
from epiplexity_jax.estimators.requential import divergence
from epiplexity_jax.families.reductions import row_max, split_logsumexp

on_each = pytest.mark.parametrize("platform", ["cpu", "gpu"])
LENGTHS = (1, 2, 3, 31, 33, 127, 50_000)


def rows(length, scale=3.0):
    generator = np.random.default_rng(length)
    return jnp.asarray(generator.normal(0.0, scale, (2, 3, length)), jnp.float32)


@on_each
@pytest.mark.parametrize("length", LENGTHS)
def test_maxima_of_rows(length, platform):
    x = rows(length)
    np.testing.assert_array_equal(row_max(x, platform), np.asarray(x).max(-1))


@on_each
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_normaliser_and_its_gradient_where_exponentials_would_overflow(length, scale, platform):
    x = rows(length, scale)
    exact = np.asarray(x, float)
    rest = np.log(np.exp(exact - exact.max(-1, keepdims=True)).sum(-1))
    most, found = split_logsumexp(x, platform)
    np.testing.assert_array_equal(most, exact.max(-1))
    np.testing.assert_allclose(found, rest, rtol=1e-6, atol=1e-6)
    probabilities = np.exp(exact - (exact.max(-1) + rest)[..., None])
    slopes = jax.grad(lambda x: sum(part.sum() for part in split_logsumexp(x, platform)))(x)
    np.testing.assert_allclose(slopes, probabilities, atol=1e-6)


@on_each
def test_what_is_not_a_number_is_seen(platform):
    x = rows(33).at[1, 2, 7].set(jnp.nan)
    for reduced in (row_max(x, platform), *split_logsumexp(x, platform)):
        assert np.argwhere(np.isnan(reduced)).tolist() == [[1, 2]]


@on_each
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_small_losses_and_divergences_beside_large_logits(offset, platform):
    logits = jnp.asarray([[[9.0, 0.0], [0.0, 10.0]]]) + offset
    labels = jnp.asarray([[0, 1]])
    exact = -np.log1p(np.exp([-9.0, -10.0])).sum()
    np.testing.assert_allclose(log_likelihood(logits, labels, platform), [exact], rtol=1e-4)
    p, q = (1 / (1 + np.exp(-x)) for x in (9.0, 9.5))
    exact = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    one, other = (jnp.asarray([[[x + offset, offset]]]) for x in (9.0, 9.5))
    np.testing.assert_allclose(divergence(one, other, platform), [exact], atol=1e-7)


@on_each
def test_a_symbol_that_is_ruled_out_diverges_by_nothing(platform):
    one, other = (jnp.asarray([[[x, 0.0, -jnp.inf]]]) for x in (9.0, 9.5))
    np.testing.assert_allclose(
        divergence(one, other, platform),
        divergence(one[..., :2], other[..., :2], platform),
        rtol=1e-6,
    )
    assert divergence(other.at[..., 2].set(0.0), one, platform) == jnp.inf  # by the student alone
    assert jnp.isnan(divergence(one.at[..., 0].set(jnp.nan), other, platform)).all()
