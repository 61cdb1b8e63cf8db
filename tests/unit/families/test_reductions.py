"""Reductions of rows against NumPy in float64, as CPUs and as accelerators compute them."""

import jax
import numpy as np
import pytest

from epiplexity_jax.families.layers import gelu
from epiplexity_jax.families.reductions import log_normaliser, row_max, row_sums

LENGTHS = (1, 2, 3, 31, 33, 127)


@pytest.fixture(params=["cpu", "gpu"], autouse=True)
def backend(request, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: request.param)


def rows(length, scale=3.0):
    return np.random.default_rng(length).normal(0.0, scale, (4, 5, length)).astype(np.float32)


@pytest.mark.parametrize("length", LENGTHS)
def test_sums_and_maxima_of_rows(length):
    x = rows(length)
    exact = x.astype(float).sum(-1)
    np.testing.assert_allclose(row_sums(x), exact, atol=1e-6 * np.abs(x).sum(-1).max())
    np.testing.assert_array_equal(row_max(x), x.max(-1))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_normaliser_and_its_gradient_where_exponentials_would_overflow(length, scale):
    x = rows(length, scale)
    exact = np.logaddexp.reduce(x.astype(float), axis=-1)
    np.testing.assert_allclose(log_normaliser(x), exact, rtol=1e-6, atol=1e-6)
    probabilities = np.exp(x - exact[..., None])
    found = jax.grad(lambda x: log_normaliser(x).sum())(x)
    np.testing.assert_allclose(found, probabilities, atol=1e-6)


def test_what_is_not_a_number_is_seen():
    x = rows(33)
    x[1, 2, 7] = np.nan
    for reduced in (row_sums(x), row_max(x), log_normaliser(x)):
        assert np.argwhere(np.isnan(reduced)).tolist() == [[1, 2]]


def test_gelu_is_that_of_jax():
    x = np.linspace(-12.0, 12.0, 4001, dtype=np.float32)
    np.testing.assert_allclose(gelu(x), jax.nn.gelu(x, approximate=False), atol=1e-6)
    own, given = (
        jax.vmap(jax.grad(f))(x) for f in (gelu, lambda x: jax.nn.gelu(x, approximate=False))
    )
    np.testing.assert_allclose(own, given, atol=1e-6)
