"""Nats and bits."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.units import bits_to_nats, nats_to_bits


def test_a_fair_coin_is_a_bit():
    assert nats_to_bits(math.log(2)) == 1.0
    assert bits_to_nats(1.0) == math.log(2)
    assert nats_to_bits(math.log(96)) == pytest.approx(math.log2(96), rel=1e-15)


def test_one_undoes_the_other():
    nats = np.random.default_rng(0).normal(size=(3, 5)) * 1e6
    np.testing.assert_allclose(bits_to_nats(nats_to_bits(nats)), nats, rtol=1e-15)


@pytest.mark.parametrize("convert", [nats_to_bits, bits_to_nats])
def test_any_precision_becomes_float64(convert):
    for dtype in (np.float16, np.float32, np.int32, jnp.bfloat16):
        values = np.array([[1, 2, 3]], dtype=dtype)
        assert convert(values).dtype == np.float64
        assert convert(values).shape == (1, 3)
    assert type(convert(1)) is float
    assert type(convert(np.float32(1.0))) is float
