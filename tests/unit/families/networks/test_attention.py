"""Attention against its formula: in chunks, on each platform, and over a KV cache."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.families.networks import attention
from epiplexity_jax.families.networks.attention import KeyValues, cached_attention, causal_attention

BATCH, LENGTH, HEADS, SIZE = 2, 9, 3, 4


def queries_keys_values():
    return jax.random.normal(jax.random.key(0), (3, BATCH, LENGTH, HEADS, SIZE))


def plain(q, k, v, positions):
    """Softmax attention in float64, query by query."""
    q, k, v = (np.asarray(x, float) for x in (q, k, v))
    mixed = []
    for i, position in enumerate(positions):
        logits = 8.0 / SIZE * np.einsum("bhk,blhk->bhl", q[:, i], k[:, : position + 1])
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed.append(np.einsum("bhl,blhk->bhk", weights, v[:, : position + 1]))
    return np.stack(mixed, axis=1)


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
@pytest.mark.parametrize("positions", [tuple(range(LENGTH)), (1, 4, 8)], ids=["all", "some"])
def test_attention_is_its_formula_in_any_number_of_chunks(positions, platform, monkeypatch):
    q, k, v = queries_keys_values()
    expected = plain(q[:, positions], k, v, positions)
    for queries in (2, 64):
        monkeypatch.setattr(attention, "QUERIES", queries)
        found = causal_attention(q[:, np.array(positions)], k, v, positions, platform)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_platform_decides_the_chunks_and_not_the_devices_here(monkeypatch):
    """A program for an accelerator can be traced on a machine that has none."""
    monkeypatch.setattr(attention, "QUERIES", 3)
    q, k, v = queries_keys_values()

    def products(platform):
        positions = tuple(range(LENGTH))
        traced = jax.make_jaxpr(lambda: causal_attention(q, k, v, positions, platform))()
        return str(traced).count("dot_general")

    assert products("cpu") == 3 * products("gpu") == 6


def test_a_registered_kernel_is_that_of_its_platform_alone(monkeypatch):
    monkeypatch.setattr(attention.KERNELS, "_values", dict(attention.KERNELS._values))
    q, k, v = queries_keys_values()
    positions = tuple(range(LENGTH))
    attention.KERNELS.register("tpu", lambda q, k, v, positions: 0 * q)
    assert not np.any(causal_attention(q, k, v, positions, "tpu"))
    for platform in ("cpu", "gpu"):
        expected = plain(q, k, v, positions)
        found = causal_attention(q, k, v, positions, platform)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_cache_gives_the_same_as_the_whole_sequence():
    q, k, v = queries_keys_values()
    nothing = jnp.zeros((BATCH * HEADS, LENGTH + 2, SIZE))
    cache = KeyValues(nothing, nothing).extended(k[:, :5], v[:, :5], 0)
    cache = cache.extended(k[:, 5:], v[:, 5:], 5)
    positions = np.array([5, 8])
    found = cached_attention(q[:, positions], cache, positions, "cpu")
    np.testing.assert_allclose(found, plain(q[:, positions], k, v, positions), atol=1e-5)
