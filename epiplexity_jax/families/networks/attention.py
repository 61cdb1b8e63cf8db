"""Causal attention of the transformer, over whole sequences and over a KV cache.

Shapes: B batch, L keys, Q queries, H heads, K head size, R places of a cache.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from epiplexity_jax.base.registry import Choices
from epiplexity_jax.families.reductions import row_max
from epiplexity_jax.families.spec import Start

ATTENTION_SCALE = 8.0  # logits are 8 q.k / K: muP's 1/K, equal to 1/sqrt(K) at K = 64
# Queries of a chunk on a CPU: their weights stay in a core's cache, and keys behind the last of
# them are not read. At most MOST_CHUNKS, as each is compiled.
QUERIES, MOST_CHUNKS = 64, 8

Heads = Float[Array, "batch positions heads head_size"]
Queries = Float[Array, "batch queries heads head_size"]
Cached = Float[Array, "batch_heads places head_size"]


class KeyValues(NamedTuple):
    """KV cache of one block, with places for R positions.

    Heads share an axis with the batch: products with a single query then read the rows as they
    lie, where XLA would transpose an array of more axes for every token (4 times the time).

    Attributes:
        keys: [B H, R, K] in the compute dtype, normalised.
        values: [B H, R, K] in the compute dtype.
    """

    keys: Any
    values: Any

    def extended(self, keys: Heads, values: Heads, start: Start) -> "KeyValues":
        """Write the next positions.

        Args:
            keys: [B, n, H, K] of positions start..start+n-1.
            values: likewise.
            start: the first position.
        """
        place = (0, start, 0)
        return KeyValues(
            jax.lax.dynamic_update_slice(self.keys, by_head(keys), place),
            jax.lax.dynamic_update_slice(self.values, by_head(values), place),
        )


def by_head(x_BnHK: Heads) -> Cached:
    """Move heads to the batch axis: [B, n, H, K] to [B H, n, K]."""
    return x_BnHK.swapaxes(1, 2).reshape(-1, x_BnHK.shape[1], x_BnHK.shape[3])


def causal_attention(
    q_BQHK: Queries, k_BLHK: Heads, v_BLHK: Heads, positions: tuple[int, ...], platform: str
) -> Queries:
    """Attend from queries at some positions to the keys up to each of them.

    Args:
        q_BQHK: queries [B, Q, H, K].
        k_BLHK: keys [B, L, H, K].
        v_BLHK: values [B, L, H, K].
        positions: the Q positions of the queries, increasing.
        platform: platform of the devices, by which a kernel is chosen (see `KERNELS`).

    Returns:
        The mean of the values, [B, Q, H, K].
    """
    kernel = KERNELS.find(platform, "platform") if platform in KERNELS else whole_attention
    return kernel(q_BQHK, k_BLHK, v_BLHK, positions)


def whole_attention(
    q_BQHK: Queries, k_BLHK: Heads, v_BLHK: Heads, positions: tuple[int, ...]
) -> Queries:
    """Attend from all queries at once, as accelerators do best.

    Args:
        q_BQHK: queries [B, Q, H, K].
        k_BLHK: keys [B, L, H, K].
        v_BLHK: values [B, L, H, K].
        positions: the Q positions of the queries, increasing.
    """
    return _attend(q_BQHK, k_BLHK, v_BLHK, positions, 1, "")


def chunked_attention(
    q_BQHK: Queries, k_BLHK: Heads, v_BLHK: Heads, positions: tuple[int, ...]
) -> Queries:
    """Attend chunk by chunk, as a CPU does best (see `QUERIES`).

    Args:
        q_BQHK: queries [B, Q, H, K].
        k_BLHK: keys [B, L, H, K].
        v_BLHK: values [B, L, H, K].
        positions: the Q positions of the queries, increasing.
    """
    chunks = min(max(round(len(positions) / QUERIES), 1), MOST_CHUNKS)
    return _attend(q_BQHK, k_BLHK, v_BLHK, positions, chunks, "cpu")


Kernel = Callable[[Queries, Heads, Heads, tuple[int, ...]], Queries]
KERNELS: Choices[Kernel] = Choices("attention kernel of platform")
"""Kernels of `causal_attention` by platform; another platform has `whole_attention`.

A platform is known when a sweep is planned. Kernels must be differentiable and agree up to
rounding, so a kernel is layout and no part of a run's identity.
"""
KERNELS.register("cpu", chunked_attention)


def _attend(
    q_BQHK: jax.Array,
    k_BLHK: jax.Array,
    v_BLHK: jax.Array,
    positions: tuple[int, ...],
    chunks: int,
    platform: str,
) -> jax.Array:
    edges = np.linspace(0, len(positions), chunks + 1).astype(int).tolist()
    mixed = []
    for first, last in itertools.pairwise(edges):
        seen = positions[last - 1] + 1
        q_BqHK, k_BlHK, v_BlHK = q_BQHK[:, first:last], k_BLHK[:, :seen], v_BLHK[:, :seen]
        logits_BHql = _scores("bqhk,blhk->bhql", q_BqHK, k_BlHK)
        at = np.asarray(positions[first:last])
        weights_BHql, total_BHq = _weights(logits_BHql, at, v_BlHK.dtype, platform)
        mixed.append(_mean("bhql,blhk->bqhk", weights_BHql, v_BlHK, total_BHq.swapaxes(1, 2)))
    return mixed[0] if chunks == 1 else jnp.concatenate(mixed, axis=1)


def cached_attention(
    q_BQHK: Queries, cache: KeyValues, positions: Int[Array | np.ndarray, " queries"], platform: str
) -> Queries:
    """Attend from queries [B, Q, H, K] at positions [Q] to a cache: [B, Q, H, K].

    Args:
        q_BQHK: queries.
        cache: keys and values of the positions read, those of the queries included.
        positions: positions of the queries.
        platform: platform of the devices.
    """
    batch, _, heads, size = q_BQHK.shape
    logits_NQR = _scores("nqk,nlk->nql", by_head(q_BQHK), cache.keys)  # N = B H
    weights_NQR, total_NQ = _weights(logits_NQR, positions, cache.values.dtype, platform)
    mixed_NQK = _mean("nql,nlk->nqk", weights_NQR, cache.values, total_NQ)
    return mixed_NQK.reshape(batch, heads, -1, size).swapaxes(1, 2)


def _scores(products: str, q: jax.Array, k: jax.Array) -> jax.Array:
    logits = jnp.einsum(products, q, k, preferred_element_type=jnp.float32)  # [..., Q, L]
    return logits * (ATTENTION_SCALE / q.shape[-1])


def _weights(
    logits: jax.Array, positions: Any, dtype: Any, platform: str
) -> tuple[jax.Array, jax.Array]:
    """Weights of the keys up to each query's position, from logits [..., Q, L], and their sums.

    Softmax but for the division, which is cheaper once the values are summed: there are fewer of
    them than keys, and the backward pass reads the weights once.
    """
    causal = np.arange(logits.shape[-1])[None] <= positions[:, None]
    logits = jnp.where(causal[(None,) * (logits.ndim - 2)], logits, -1e30)
    most = row_max(jax.lax.stop_gradient(logits), platform)  # [..., Q]
    weights = jnp.exp(logits - most[..., None])
    return weights.astype(dtype), weights.sum(-1)


def _mean(products: str, weights: jax.Array, values: jax.Array, total: jax.Array) -> jax.Array:
    sums = jnp.einsum(products, weights, values, preferred_element_type=jnp.float32)  # [..., K]
    return (sums / total[..., None]).astype(values.dtype)
