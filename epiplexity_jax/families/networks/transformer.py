"""The decoder-only transformer family, in the muP/CompleteP parametrisation of DESIGN.md section 2.

Shapes: B batch, L input positions, P paid positions, D width, H heads, K head size, V vocabulary.
"""

import itertools
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field, model_validator

from epiplexity_jax.families.networks.base import NetworkConfig, NetworkFamily, NetworkModel
from epiplexity_jax.families.networks.layers import (
    Dense,
    Embed,
    Norm,
    add_mlp,
    at,
    block_of,
    embed,
    read_out,
)
from epiplexity_jax.families.networks.mup import branch_scale, embedding_init, output_init
from epiplexity_jax.families.reductions import row_max
from epiplexity_jax.families.spec import Start, Task

MAX_HEAD_SIZE = 32
ATTENTION_SCALE = 8.0  # logits are 8 q.k / K: muP's 1/K, equal to 1/sqrt(K) at K = 64
# Queries that look at once on a CPU: their weights stay in a core's cache, and keys behind the last
# of them are not looked at. In at most MOST_PIECES, as each is compiled.
QUERIES, MOST_PIECES = 64, 8


class Transformer(NetworkConfig):
    """Decoder-only transformer: pre-norm blocks, QK-norm, erf GELU, learned positions, muP.

    Pre-norm blocks, LayerNorm with a weight only, heads of size min(32, width) with LayerNorm on
    queries and keys and logits 8 q.k / head size, an MLP of four widths, a final LayerNorm, an
    untied readout, no biases. N counts every parameter, embeddings and the start token included:
    (V + start + L) D + depth (12 D^2 + 2 D + 2 head size) + D + D V. The last block computes
    queries, MLP and logits only at positions that are paid for.
    """

    kind: Literal["transformer"] = "transformer"
    widths: tuple[int, ...] = Field(default=(16, 32, 64), min_length=1)
    """Widths D of the residual stream; each a multiple of its head size, min(32, D)."""

    @model_validator(mode="after")
    def _heads_fit(self) -> "Transformer":
        for width in self.widths:
            if width % head_size(width):
                raise ValueError(
                    f"widths: {width} is not divisible by the head size {head_size(width)}; "
                    f"take {width - width % MAX_HEAD_SIZE} or {width + -width % MAX_HEAD_SIZE}"
                )
        return self


def head_size(width: int) -> int:
    """Size of an attention head: min(32, width)."""
    return min(MAX_HEAD_SIZE, width)


class KeyValues(NamedTuple):
    """What attention keeps of the positions read, with places for R of them.

    Heads stand with the batch on one axis: products with a single query then read the rows as they
    lie, where XLA would turn an array of more axes around for every token (4 times the time).

    Attributes:
        keys: [B H, R, K] in the compute dtype, normalised.
        values: [B H, R, K] in the compute dtype.
    """

    keys: jax.Array
    values: jax.Array

    def extended(self, keys: jax.Array, values: jax.Array, start: Start) -> "KeyValues":
        """With keys and values [B, n, H, K] of positions start..start+n-1."""
        place = (0, start, 0)
        return KeyValues(
            jax.lax.dynamic_update_slice(self.keys, by_head(keys), place),
            jax.lax.dynamic_update_slice(self.values, by_head(values), place),
        )


def by_head(x: jax.Array) -> jax.Array:
    """[B, n, H, K] to [B H, n, K]."""
    return x.swapaxes(1, 2).reshape(-1, x.shape[1], x.shape[3])


def causal_attention(
    q: jax.Array, k: jax.Array, v: jax.Array, positions: tuple[int, ...]
) -> jax.Array:
    """Attention of queries [B, Q, H, K] at increasing positions over keys and values [B, L, H, K].

    Piece by piece on a CPU; see `QUERIES`.
    """
    wanted = round(len(positions) / QUERIES) if jax.default_backend() == "cpu" else 1
    pieces = min(max(wanted, 1), MOST_PIECES)
    edges = np.linspace(0, len(positions), pieces + 1).astype(int).tolist()
    mixed = []
    for first, last in itertools.pairwise(edges):
        seen = positions[last - 1] + 1
        logits = _scores("bqhk,blhk->bhql", q[:, first:last], k[:, :seen])
        weights, total = _weights(logits, np.asarray(positions[first:last]), v.dtype)
        mixed.append(_mean("bhql,blhk->bqhk", weights, v[:, :seen], total.swapaxes(1, 2)))
    return mixed[0] if pieces == 1 else jnp.concatenate(mixed, axis=1)


def cached_attention(q: jax.Array, cache: KeyValues, positions: Any) -> jax.Array:
    """Attention of queries [B, Q, H, K] at positions [Q] over a cache: [B, Q, H, K]."""
    batch, _, heads, size = q.shape
    logits = _scores("nqk,nlk->nql", by_head(q), cache.keys)
    weights, total = _weights(logits, positions, cache.values.dtype)
    mixed = _mean("nql,nlk->nqk", weights, cache.values, total)
    return mixed.reshape(batch, heads, -1, size).swapaxes(1, 2)


def _scores(products: str, q: jax.Array, k: jax.Array) -> jax.Array:
    logits = jnp.einsum(products, q, k, preferred_element_type=jnp.float32)
    return logits * (ATTENTION_SCALE / q.shape[-1])


def _weights(logits: jax.Array, positions: Any, dtype: Any) -> tuple[jax.Array, jax.Array]:
    """Weights of the keys up to each query's position, from logits [..., Q, L], and their sums.

    Softmax but for the division, which is cheaper once the values are summed: there are fewer of
    them than keys, and the backward pass reads the weights once.
    """
    causal = np.arange(logits.shape[-1])[None] <= positions[:, None]
    logits = jnp.where(causal[(None,) * (logits.ndim - 2)], logits, -1e30)
    weights = jnp.exp(logits - row_max(jax.lax.stop_gradient(logits))[..., None])
    return weights.astype(dtype), weights.sum(-1)


def _mean(products: str, weights: jax.Array, values: jax.Array, total: jax.Array) -> jax.Array:
    sums = jnp.einsum(products, weights, values, preferred_element_type=jnp.float32)
    return (sums / total[..., None]).astype(values.dtype)


class Attention(nn.Module):
    """Causal attention: queries at chosen positions, keys and values everywhere."""

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        positions: tuple[int, ...],
        cache: KeyValues | None = None,
        start: Start = 0,
    ) -> tuple[jax.Array, KeyValues | None]:
        """Map x [B, L, D] to [B, Q, D], Q = number of positions.

        With a cache x holds the positions from `start` on, and attention reaches back into it.
        """
        batch, length, width = x.shape
        size = head_size(width)
        heads = (width // size, size)
        q = Dense(width, name="query")(at(x, positions)).reshape(batch, -1, *heads)
        kv = Dense(2 * width, name="key_value")(x).reshape(batch, length, 2, *heads)
        k, v = kv[:, :, 0], kv[:, :, 1]
        q, k = Norm(name="query_norm")(q), Norm(name="key_norm")(k)
        if cache is None:
            mixed = causal_attention(q, k, v, positions)
        else:
            cache = cache.extended(k, v, start)
            mixed = cached_attention(q, cache, start + np.asarray(positions))
        mixed = mixed.reshape(batch, -1, width)
        return Dense(width, init=output_init, name="output")(mixed), cache


class Block(nn.Module):
    """A pre-norm block whose output exists at the chosen positions only."""

    scale: float

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        positions: tuple[int, ...],
        cache: KeyValues | None = None,
        start: Start = 0,
    ) -> tuple[jax.Array, KeyValues | None]:
        """Map x [B, L, D] to [B, Q, D]; see `Attention`."""
        y = Norm(name="attention_norm")(x)
        attended, cache = Attention(name="attention")(y, positions, cache, start)
        return add_mlp(at(x, positions) + self.scale * attended, self.scale), cache


class Network(nn.Module):
    """Tokens, or a vector, to logits at the paid positions."""

    width: int
    depth: int
    task: Task
    compute_dtype: str
    rematerialises: bool = False

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Inputs [B, L] int32 or [B, F] float32 to logits [B, P, V] float32."""
        return self.advance(inputs, self.task.target_positions)[0]

    @nn.compact
    def advance(
        self,
        inputs: jax.Array,
        wanted: tuple[int, ...],
        caches: tuple[KeyValues, ...] | None = None,
        start: Start = 0,
    ) -> tuple[jax.Array, tuple[KeyValues | None, ...]]:
        """Read inputs from position `start` on: logits where wanted, and every block's cache.

        Without caches the inputs are those of the whole sequence.
        """
        task, dtype = self.task, jnp.dtype(self.compute_dtype)
        x = embed(self, Embed(task, self.width), inputs)
        table = self.param("position_embedding", embedding_init, (task.input_length, self.width))
        if caches is not None:
            table = jax.lax.dynamic_slice_in_dim(table, start, x.shape[1])
        x = (x + table[None]).astype(dtype)
        everywhere = tuple(range(x.shape[1]))
        kind = block_of(Block, self.rematerialises and caches is None, static=(2,))
        left = []
        for i in range(self.depth):
            # Nothing reads the last block's output at positions that are not wanted.
            positions = wanted if i == self.depth - 1 else everywhere
            block = kind(branch_scale(self.depth), name=f"block_{i}")
            x, cache = block(x, positions, caches[i] if caches else None, start)
            left.append(cache)
        return read_out(x, task.vocab_size), tuple(left)

    def empty(self, batch: int, room: int) -> tuple[KeyValues, ...]:
        """The caches of every block before anything is read."""
        size = head_size(self.width)
        shape = (batch * (self.width // size), room, size)
        nothing = jnp.zeros(shape, self.compute_dtype)
        return (KeyValues(nothing, nothing),) * self.depth


@dataclass(frozen=True)
class TransformerModel(NetworkModel):
    """One size of the transformer.

    6 N FLOPs per token to train and 2 N to evaluate.
    """

    @property
    def network(self) -> Network:
        """The Flax module."""
        return Network(self.width, self.depth, self.task, self.compute_dtype, self.rematerialises)


def open_transformer(config: Transformer) -> NetworkFamily:
    """The family that a config describes."""
    return NetworkFamily(config, TransformerModel)
