"""The decoder-only transformer family, in the muP/CompleteP parametrisation of DESIGN.md section 2.

Shapes: B batch, L input positions, P paid positions, D width, H heads, K head size, V vocabulary.
"""

import functools
from dataclasses import dataclass
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.coding import dense_flops
from epiplexity_jax.families.parametrisation import (
    branch_scale,
    embedding_init,
    hidden_init,
    norm_init,
    output_init,
    rate_scales,
)
from epiplexity_jax.families.spec import Cost, Size, Task

MAX_HEAD_SIZE = 32
MLP_RATIO = 4
ATTENTION_SCALE = 8.0  # logits are 8 q.k / K: muP's 1/K, equal to 1/sqrt(K) at K = 64


class Transformer(Config):
    """Decoder-only transformer: pre-norm blocks, QK-norm, erf GELU, learned positions, muP."""

    kind: Literal["transformer"] = "transformer"
    widths: tuple[int, ...] = Field(default=(16, 32, 64), min_length=1)
    """Widths D of the residual stream; each a multiple of its head size, min(32, D)."""
    depths: tuple[int, ...] = Field(default=(1, 2), min_length=1)
    """Numbers of blocks; the family is widths x depths."""
    seeds: int = Field(default=3, ge=1)
    """Seeds per size; intervals need at least 2."""

    @model_validator(mode="after")
    def _sizes_make_sense(self) -> "Transformer":
        for name, values in (("widths", self.widths), ("depths", self.depths)):
            if min(values) < 1:
                raise ValueError(f"{name}: must be positive, got {min(values)}")
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: each value once, got {list(values)}")
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


def _matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Multiply x [..., D] by kernel [D, E], on one flat token axis: gradients contract one axis."""
    flat = x.reshape(-1, x.shape[-1]) @ kernel.astype(x.dtype)
    return flat.reshape(*x.shape[:-1], kernel.shape[-1])


def _at(x: jax.Array, positions: tuple[int, ...]) -> jax.Array:
    """Take static positions of x [B, L, D], as a slice where they are contiguous."""
    first, last = positions[0], positions[-1]
    if last - first + 1 == len(positions):
        return x[:, first : last + 1]
    return x[:, np.asarray(positions)]


class Dense(nn.Module):
    """A matrix without bias; its kernel is [fan_in, features]."""

    features: int
    init: Any = hidden_init

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x [..., D] to [..., features]."""
        return _matmul(x, self.param("kernel", self.init, (x.shape[-1], self.features)))


class Norm(nn.Module):
    """LayerNorm with a weight and no bias, computed in float32."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalise the last axis."""
        weight = self.param("weight", norm_init, (x.shape[-1],))
        centred = x.astype(jnp.float32)
        centred -= centred.mean(-1, keepdims=True)
        inverse = jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5)
        weight = weight.reshape((1,) * (x.ndim - 1) + (-1,))
        return (centred * inverse * weight).astype(x.dtype)


class Attention(nn.Module):
    """Causal attention: queries at chosen positions, keys and values everywhere."""

    @nn.compact
    def __call__(self, x: jax.Array, positions: tuple[int, ...]) -> jax.Array:
        """Map x [B, L, D] to [B, Q, D], Q = number of positions."""
        batch, length, width = x.shape
        size = head_size(width)
        heads = (width // size, size)
        q = Dense(width, name="query")(_at(x, positions)).reshape(batch, -1, *heads)
        kv = Dense(2 * width, name="key_value")(x).reshape(batch, length, 2, *heads)
        k, v = kv[:, :, 0], kv[:, :, 1]
        q, k = Norm(name="query_norm")(q), Norm(name="key_norm")(k)
        logits = jnp.einsum("bqhk,blhk->bhql", q, k, preferred_element_type=jnp.float32)
        causal = np.arange(length) <= np.asarray(positions)[:, None]
        logits = jnp.where(causal[None, None], logits * (ATTENTION_SCALE / size), -1e30)
        weights = jax.nn.softmax(logits, axis=-1).astype(x.dtype)
        mixed = jnp.einsum("bhql,blhk->bqhk", weights, v).reshape(batch, -1, width)
        return Dense(width, init=output_init, name="output")(mixed)


class Block(nn.Module):
    """A pre-norm block whose output exists at the chosen positions only."""

    scale: float

    @nn.compact
    def __call__(self, x: jax.Array, positions: tuple[int, ...]) -> jax.Array:
        """Map x [B, L, D] to [B, Q, D]."""
        width = x.shape[-1]
        attended = Attention(name="attention")(Norm(name="attention_norm")(x), positions)
        x = _at(x, positions) + self.scale * attended
        y = Dense(MLP_RATIO * width, name="up")(Norm(name="mlp_norm")(x))
        y = Dense(width, init=output_init, name="down")(jax.nn.gelu(y, approximate=False))
        return x + self.scale * y


class Network(nn.Module):
    """Token ids to logits at the paid positions."""

    width: int
    depth: int
    task: Task
    compute_dtype: str

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Inputs [B, L] int32 to logits [B, P, V] float32."""
        task, dtype = self.task, jnp.dtype(self.compute_dtype)
        ids = task.vocab_size + task.starts  # the start token's id is V
        tokens = self.param("token_embedding", embedding_init, (ids, self.width))
        positions = self.param(
            "position_embedding", embedding_init, (task.input_length, self.width)
        )
        x = (tokens[inputs] + positions[None]).astype(dtype)
        everywhere = tuple(range(task.input_length))
        for i in range(self.depth):
            # Nothing reads the last block's output at positions that are not paid for.
            wanted = task.paid_positions if i == self.depth - 1 else everywhere
            x = Block(branch_scale(self.depth), name=f"block_{i}")(x, wanted)
        x = Norm(name="final_norm")(x)
        return Dense(task.vocab_size, init=output_init, name="readout")(x).astype(jnp.float32)


@dataclass(frozen=True)
class TransformerModel:
    """One size of the family for one task; equal arguments compare equal (see `spec.Model`)."""

    width: int
    depth: int
    task: Task
    compute_dtype: str = "float32"

    @property
    def network(self) -> Network:
        """The Flax module."""
        return Network(self.width, self.depth, self.task, self.compute_dtype)

    @property
    def cost(self) -> Cost:
        """Exact parameter count; 6 N and 2 N FLOPs per token."""
        return _cost(self)

    def init(self, key: jax.Array) -> Any:
        """Initial parameters, float32."""
        inputs = jnp.zeros((1, self.task.input_length), jnp.int32)
        return self.network.init(key, inputs)["params"]

    def logits(self, params: Any, inputs: jax.Array) -> jax.Array:
        """Inputs [B, L] int32 to logits [B, P, V] float32."""
        logits: Any = self.network.apply({"params": params}, inputs)
        return logits

    def rate_scales(self, params: Any) -> Any:
        """Each leaf's learning rate over the base: `parametrisation.rate_scales`."""
        return rate_scales(params)


@functools.lru_cache(maxsize=1024)
def _cost(model: TransformerModel) -> Cost:
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    params = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    return Cost(params, *dense_flops(params))


@dataclass(frozen=True)
class TransformerFamily:
    """Widths x depths of the transformer (see `spec.DeviceFamily`)."""

    config: Transformer
    kind: str = "transformer"

    @property
    def seeds(self) -> int:
        """Seeds per size."""
        return self.config.seeds

    def sizes(self) -> tuple[Size, ...]:
        """Every width at every depth."""
        return tuple(Size(width=w, depth=d) for d in self.config.depths for w in self.config.widths)

    def model(self, size: Size, task: Task, compute_dtype: str) -> TransformerModel:
        """The model of one size."""
        assert size.width is not None
        assert size.depth is not None
        return TransformerModel(size.width, size.depth, task, compute_dtype)


def open_transformer(config: Transformer) -> TransformerFamily:
    """The family that a config describes."""
    return TransformerFamily(config)
