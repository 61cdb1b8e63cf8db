"""Layers that the families of networks share, in the parametrisation of `parametrisation`.

Shapes: B batch, L input positions, D width, F features of a vector.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from epiplexity_jax.families.networks.mup import (
    embedding_init,
    hidden_init,
    norm_init,
    output_init,
)
from epiplexity_jax.families.spec import Task

MLP_RATIO = 4


def matmul(x: jax.Array, kernel: jax.Array, to: Any = None) -> jax.Array:
    """Multiply x [..., D] by kernel [D, E], on one flat token axis: gradients contract one axis.

    The result is accumulated and given in the type `to`; None: in that of x.
    """
    flat = x.reshape(-1, x.shape[-1])
    flat = jnp.matmul(flat, kernel.astype(x.dtype), preferred_element_type=to)
    return flat.reshape(*x.shape[:-1], kernel.shape[-1])


def at(x: jax.Array, positions: tuple[int, ...]) -> jax.Array:
    """Take static positions of x [B, L, D], as a slice where they are contiguous."""
    first, last = positions[0], positions[-1]
    if last - first + 1 == len(positions):
        return x[:, first : last + 1]
    return x[:, np.asarray(positions)]


class Dense(nn.Module):
    """A matrix without bias; its kernel is [fan_in, features].

    Attributes:
        features: of the result.
        init: of the kernel.
        to: type of the result, None: that of what it is applied to.
    """

    features: int
    init: Any = hidden_init
    to: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x [..., D] to [..., features]."""
        kernel = self.param("kernel", self.init, (x.shape[-1], self.features))
        return matmul(x, kernel, self.to)


def gelu(x: jax.Array) -> jax.Array:
    """x times the normal distribution's function at x, in float32.

    By erf, as PyTorch does; `jax.nn.gelu` takes erfc, which is dearer.
    """
    wide = x.astype(jnp.float32)
    return (0.5 * wide * (1.0 + jax.lax.erf(wide * math.sqrt(0.5)))).astype(x.dtype)


class Norm(nn.Module):
    """LayerNorm with a weight and no bias, computed in float32."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalise the last axis."""
        width = x.shape[-1]
        weight = self.param("weight", norm_init, (width,))
        centred = x.astype(jnp.float32).reshape(-1, width)
        centred -= centred.mean(-1, keepdims=True)
        inverse = jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5)
        return (centred * inverse * weight[None]).reshape(x.shape).astype(x.dtype)


class Embed(nn.Module):
    """Inputs to activations: rows of a table for tokens, a matrix for a vector of features.

    Attributes:
        task: says what the inputs are.
        width: D.
        extra_ids: rows of the table behind those of the task's input tokens.
    """

    task: Task
    width: int
    extra_ids: int = 0

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Inputs [B, L] int32 to [B, L, D], or [B, F] float32 to [B, 1, D]: float32."""
        if self.task.features is not None:
            return Dense(self.width, name="vector_embedding")(inputs)[:, None]
        ids = self.task.num_input_ids + self.extra_ids
        return self.param("token_embedding", embedding_init, (ids, self.width))[inputs]


def block_of(kind: type[nn.Module], rematerialised: bool, static: tuple[int, ...] = ()) -> Any:
    """A kind of block, or the same that keeps its input alone for the backward pass.

    Args:
        kind: the block's class.
        rematerialised: whether a backward pass computes what is inside of it again.
        static: numbers of those arguments of its call that are no arrays, `self` being 0.
    """
    return nn.remat(kind, static_argnums=static) if rematerialised else kind


def embed(network: nn.Module, layer: Embed, inputs: jax.Array) -> jax.Array:
    """Apply an input layer whose parameters stand at the top level of the network's tree."""
    nn.share_scope(network, layer)
    return layer(inputs)


def add_mlp(x: jax.Array, scale: float) -> jax.Array:
    """Add to x [..., D] a pre-norm MLP of width 4 D with erf GELU, times the branch's scale.

    Its parameters (mlp_norm, up, down) belong to the module that calls it.
    """
    width = x.shape[-1]
    y = Dense(MLP_RATIO * width, name="up")(Norm(name="mlp_norm")(x))
    y = Dense(width, init=output_init, name="down")(gelu(y))
    return x + scale * y


def read_out(x: jax.Array, vocab_size: int) -> jax.Array:
    """Map x [B, P, D] to logits [B, P, V] float32, zero before training.

    Its parameters (final_norm, readout) belong to the module that calls it.
    """
    x = Norm(name="final_norm")(x)
    return Dense(vocab_size, init=output_init, to=jnp.float32, name="readout")(x)
