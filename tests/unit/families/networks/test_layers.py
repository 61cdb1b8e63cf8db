"""Layers against plain NumPy and JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.families.networks.layers import Dense, at, gelu


@pytest.mark.parametrize("positions", [(0, 1, 2), (2,), (0, 3), (1, 2, 4)])
def test_positions_are_taken_as_a_slice_or_one_by_one(positions):
    x = jnp.arange(30.0).reshape(2, 5, 3)
    np.testing.assert_array_equal(at(x, positions), np.asarray(x)[:, list(positions)])


def test_products_are_accumulated_in_the_type_asked_for():
    x, params = jnp.ones((2, 3, 4), jnp.bfloat16), {"params": {"kernel": jnp.full((4, 5), 0.5)}}
    assert Dense(5).apply(params, x).dtype == jnp.bfloat16
    wide = Dense(5, to=jnp.float32).apply(params, x)
    assert wide.dtype == jnp.float32
    np.testing.assert_array_equal(wide, np.full((2, 3, 5), 2.0))


@pytest.mark.parametrize(("kind", "rounding"), [(jnp.float32, 1e-6), (jnp.bfloat16, 2**-8)])
def test_gelu_is_that_of_jax(kind, rounding):
    x = jnp.linspace(-6.0, 6.0, 401).astype(kind)
    exact = jax.nn.gelu(x.astype(jnp.float32), approximate=False)
    assert gelu(x).dtype == kind
    np.testing.assert_allclose(gelu(x).astype(jnp.float32), exact, rtol=rounding, atol=1e-6)
    own, given = (jax.vmap(jax.grad(f))(x.astype(jnp.float32)) for f in (gelu, jax_gelu))
    np.testing.assert_allclose(own, given, atol=1e-6)


def jax_gelu(x):
    return jax.nn.gelu(x, approximate=False)
