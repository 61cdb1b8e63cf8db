"""The decoder-only transformer family, in the muP/CompleteP parametrisation (`mup`).

Shapes: B batch, L input positions, Q wanted positions, D width, H heads, K head size.
"""

from dataclasses import dataclass
from itertools import count
from typing import ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from pydantic import model_validator

from epiplexity_jax.families.networks import base
from epiplexity_jax.families.networks.attention import KeyValues, cached_attention, causal_attention
from epiplexity_jax.families.networks.layers import Activations, Dense, Norm, Wanted, at
from epiplexity_jax.families.networks.mup import embedding_init, output_init
from epiplexity_jax.families.spec import Inputs, Start

MIN_HEAD_SIZE, MAX_HEAD_SIZE = 16, 32  # of widths above the largest


class Transformer(base.NetworkConfig):
    """Decoder-only transformer: pre-norm blocks, QK-norm, erf GELU, learned positions, muP.

    LayerNorm with a weight only, heads of the largest size up to 32 that divides the width (of
    widths above 32, those without one of 16 or more are refused), with LayerNorm on queries and
    keys and logits 8 q.k / head size, an MLP of four widths, a final LayerNorm, an untied readout,
    no biases. N counts every parameter, embeddings and the BOS token
    included: (V + BOS + L) D + depth (12 D^2 + 2 D + 2 head size) + D + D V. The last block
    computes queries, MLP and logits only at target positions.
    """

    kind: Literal["transformer"] = "transformer"

    @model_validator(mode="after")
    def _heads_fit(self) -> "Transformer":
        for width in self.widths:
            if not _has_heads(width):
                lower = next(one for one in range(width, 0, -1) if _has_heads(one))
                upper = next(one for one in count(width) if _has_heads(one))
                raise ValueError(
                    f"widths: {width} is divisible by no head size from {MIN_HEAD_SIZE} to "
                    f"{MAX_HEAD_SIZE}; take {lower} or {upper}"
                )
        return self


def head_size(width: int) -> int:
    """Size of an attention head: the largest divisor of the width up to 32."""
    return next(size for size in range(min(MAX_HEAD_SIZE, width), 0, -1) if width % size == 0)


def _has_heads(width: int) -> bool:
    return head_size(width) >= min(MIN_HEAD_SIZE, width)


class Attention(nn.Module):
    """Causal attention: queries at chosen positions, keys and values everywhere."""

    model: "TransformerModel"

    @nn.compact
    def __call__(
        self, x_BLD: Activations, positions: tuple[int, ...], cache: KeyValues | None, start: Start
    ) -> tuple[Wanted, KeyValues | None]:
        """Map x [B, L, D] to [B, Q, D], Q = number of positions.

        With a cache x holds the positions from `start` on, and attention reaches back into it.
        """
        platform = self.model.platform
        batch, length, width = x_BLD.shape
        size = head_size(width)
        heads = (width // size, size)
        q_BQHK = Dense(width, name="query")(at(x_BLD, positions)).reshape(batch, -1, *heads)
        kv_BL2HK = Dense(2 * width, name="key_value")(x_BLD).reshape(batch, length, 2, *heads)
        k_BLHK, v_BLHK = kv_BL2HK[:, :, 0], kv_BL2HK[:, :, 1]
        q_BQHK, k_BLHK = Norm(name="query_norm")(q_BQHK), Norm(name="key_norm")(k_BLHK)
        if cache is None:
            mixed_BQHK = causal_attention(q_BQHK, k_BLHK, v_BLHK, positions, platform)
        else:
            cache = cache.extended(k_BLHK, v_BLHK, start)
            reached = start + np.asarray(positions)
            mixed_BQHK = cached_attention(q_BQHK, cache, reached, platform)
        mixed_BQD = mixed_BQHK.reshape(batch, -1, width)
        return Dense(width, init=output_init, name="output")(mixed_BQD), cache

    @staticmethod
    def empty(model: base.NetworkModel, batch: int, room: int) -> KeyValues:
        """See `base.NetworkModel`."""
        size = head_size(model.width)
        shape = (batch * (model.width // size), room, size)
        nothing = jnp.zeros(shape, model.compute_dtype)
        return KeyValues(nothing, nothing)


class TransformerNetwork(base.Network):
    """Tokens, or a vector, to logits at target positions, with learned positions."""

    def embedded(self, inputs: Inputs, start: Start | None) -> Activations:
        """Embed inputs and their positions (see `base.Network`)."""
        x_BLD = super().embedded(inputs, start)
        shape = (self.model.task.input_length, self.model.width)
        table_LD = self.param("position_embedding", embedding_init, shape)
        if start is not None:
            table_LD = jax.lax.dynamic_slice_in_dim(table_LD, start, x_BLD.shape[1])
        return x_BLD + table_LD[None]


@dataclass(frozen=True)
class TransformerModel(base.NetworkModel):
    """One size of the transformer.

    6 N FLOPs per token to train and 2 N to evaluate.
    """

    module: ClassVar = TransformerNetwork
    mixer: ClassVar = Attention
