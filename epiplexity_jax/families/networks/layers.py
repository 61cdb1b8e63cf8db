"""Layers that the families of networks share, in the parametrisation of `mup`.

Shapes: B batch, L input positions, Q wanted positions, D width, F features of a vector, K positions
that have a vector of R real numbers.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from epiplexity_jax.families.networks.mup import embedding_init, hidden_init, norm_init, output_init
from epiplexity_jax.families.spec import Inputs, Logits, Task
from epiplexity_jax.sources.spec import WithReals

MLP_RATIO = 4

Activations = Float[Array, "batch positions width"]
Wanted = Float[Array, "batch wanted width"]
AnyRows = Float[Array, "*rows width"]


def at(x_BLD: Activations, positions: tuple[int, ...]) -> Wanted:
    """Take Q static positions of x [B, L, D], as a slice where they are contiguous: [B, Q, D]."""
    first, last = positions[0], positions[-1]
    if last - first + 1 == len(positions):
        return x_BLD[:, first : last + 1]
    return x_BLD[:, np.asarray(positions)]


class Dense(nn.Module):
    """A matrix without bias; its kernel is [fan_in, features].

    Attributes:
        to: type in which products are accumulated and returned; None: that of the input.
    """

    features: int
    init: Any = hidden_init
    to: Any = None

    @nn.compact
    def __call__(self, x: AnyRows) -> Float[Array, "*rows features"]:
        """Map x [..., D] to [..., features], on one token axis: gradients contract one axis."""
        kernel = self.param("kernel", self.init, (x.shape[-1], self.features)).astype(x.dtype)
        flat = x.reshape(-1, x.shape[-1])  # [N, D]
        flat = jnp.matmul(flat, kernel, preferred_element_type=self.to)  # [N, features]
        return flat.reshape(*x.shape[:-1], self.features)


def gelu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """x times the normal distribution's function at x, in float32.

    By erf, as PyTorch does; `jax.nn.gelu` takes erfc, which is dearer.
    """
    wide = x.astype(jnp.float32)
    return (0.5 * wide * (1.0 + jax.lax.erf(wide * math.sqrt(0.5)))).astype(x.dtype)


class Norm(nn.Module):
    """LayerNorm with a weight and no bias, computed in float32."""

    @nn.compact
    def __call__(self, x: AnyRows) -> AnyRows:
        """Normalise the last axis."""
        width = x.shape[-1]
        weight = self.param("weight", norm_init, (width,))
        centred = x.astype(jnp.float32).reshape(-1, width)
        centred -= centred.mean(-1, keepdims=True)
        inverse = jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5)
        return (centred * inverse * weight[None]).reshape(x.shape).astype(x.dtype)


def embed(
    module: nn.Module, task: Task, width: int, inputs: Inputs, extra_ids: int = 0
) -> Activations:
    """Map inputs [B, L] int32 to [B, L, D], or [B, F] float32 to [B, 1, D]: float32.

    Where inputs have real numbers, these stand in the first R dimensions of the embedding.

    Args:
        module: whose parameters hold the table of the tokens, or the matrix of the features.
        task: the task of the inputs.
        width: D.
        inputs: inputs of the task.
        extra_ids: rows of the table behind those of the task's input tokens.
    """
    if task.features is not None:
        return Dense(width, name="vector_embedding")(jnp.asarray(inputs))[:, None]  # [B, 1, D]
    table = module.param("token_embedding", embedding_init, (task.num_input_ids + extra_ids, width))
    if not isinstance(inputs, WithReals):
        return table[inputs]  # [B, L, D]
    reals = jnp.asarray(inputs.reals, jnp.float32)  # [B, K, R]
    places = np.asarray(task.real_inputs)
    return table[inputs.tokens].at[:, places, : reals.shape[-1]].set(reals)


def add_mlp(x: Activations, scale: float) -> Activations:
    """Add to x [..., D] a pre-norm MLP of width 4 D with erf GELU, times the branch's scale.

    Its parameters (mlp_norm, up, down) belong to the module that calls it.
    """
    width = x.shape[-1]
    y = Dense(MLP_RATIO * width, name="up")(Norm(name="mlp_norm")(x))  # [..., 4 D]
    y = Dense(width, init=output_init, name="down")(gelu(y))  # [..., D]
    return x + scale * y


def read_out(x: Activations, vocab_size: int) -> Logits:
    """Map x [B, Q, D] to logits [B, Q, V] float32, zero before training.

    Its parameters (final_norm, readout) belong to the module that calls it.
    """
    x = Norm(name="final_norm")(x)
    return Dense(vocab_size, init=output_init, to=jnp.float32, name="readout")(x)
