"""Networks over a fixed window of tokens (Bengio et al. 2003), in muP: context without attention.

Shapes: B batch, L input positions, P paid positions, W window, E embedding size, D width,
V vocabulary.
"""

import functools
from dataclasses import dataclass
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from pydantic import Field

from epiplexity_jax.families.networks.base import NetworkConfig, NetworkFamily, NetworkModel
from epiplexity_jax.families.networks.layers import (
    Dense,
    Embed,
    add_mlp,
    at,
    block_of,
    embed,
    read_out,
)
from epiplexity_jax.families.networks.mup import branch_scale
from epiplexity_jax.families.spec import Start, Task

MAX_EMBEDDING = 32


class Mlp(NetworkConfig):
    """Multilayer perceptron over the last `window` tokens: pre-norm blocks, erf GELU, muP.

    The embeddings of the window's tokens, side by side, are mapped to width D. What lies before the
    window is not seen; vectors are seen whole.
    """

    kind: Literal["mlp"] = "mlp"
    window: int | None = Field(default=16, ge=1)
    """Tokens that the network sees before each predicted one; null: all of the sequence."""


class Block(nn.Module):
    """A pre-norm residual block."""

    scale: float

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x [B, P, D] to [B, P, D]."""
        return add_mlp(x, self.scale)


class Network(nn.Module):
    """Tokens, or a vector, to logits at the paid positions; computes nothing elsewhere."""

    width: int
    depth: int
    task: Task
    compute_dtype: str
    window: int | None
    rematerialises: bool = False

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Inputs [B, L] int32 or [B, F] float32 to logits [B, P, V] float32."""
        return self.advance(inputs, self.task.target_positions)[0]

    @nn.compact
    def advance(
        self,
        inputs: jax.Array,
        wanted: tuple[int, ...],
        before: jax.Array | None = None,
        start: Start = 0,
    ) -> tuple[jax.Array, jax.Array | None]:
        """Read the next inputs: logits where wanted, and the last W - 1 tokens read.

        Without the tokens `before` [B, W - 1] the inputs are those of the whole sequence.
        """
        del start  # the same mathematics at every position
        task = self.task
        if task.features is not None:  # the vector is the window
            x = embed(self, Embed(task, self.width), inputs).astype(self.compute_dtype)
        else:
            window, missing = self._places
            if before is None:
                padded = jnp.pad(inputs, ((0, 0), (missing, 0)), constant_values=task.num_input_ids)
            else:
                missing = window - 1
                padded = jnp.concatenate([before, inputs], axis=1)
                before = padded[:, inputs.shape[1] :]
            x = self._windows(padded, tuple(p + missing for p in wanted))
            x = Dense(self.width, name="projection")(x)
        kind = block_of(Block, self.rematerialises)
        for i in range(self.depth):
            x = kind(branch_scale(self.depth), name=f"block_{i}")(x)
        return read_out(x, task.vocab_size), before

    def empty(self, batch: int, room: int) -> jax.Array:
        """The tokens before the beginning, [B, W - 1] int32."""
        del room  # a window is of one size
        return jnp.full((batch, self._places[0] - 1), self.task.num_input_ids, jnp.int32)

    @property
    def _places(self) -> tuple[int, int]:
        """Places of a window, W, and how many of them some window has before the beginning."""
        paid = self.task.target_positions
        # Places that lie before the beginning at every paid position carry nothing.
        window = paid[-1] + 1 if self.window is None else min(self.window, paid[-1] + 1)
        return window, max(0, window - paid[0] - 1)

    def _windows(self, tokens: jax.Array, ends: tuple[int, ...]) -> jax.Array:
        """Embeddings of the W tokens up to each of the ends, oldest first: [B, P, W E]."""
        window, missing = self._places
        size = min(self.width, MAX_EMBEDDING)
        layer = Embed(self.task, size, extra_ids=1 if missing else 0)
        x = embed(self, layer, tokens).astype(self.compute_dtype)
        oldest = tuple(end - window + 1 for end in ends)
        return jnp.concatenate(
            [at(x, tuple(place + back for place in oldest)) for back in range(window)], axis=-1
        )


@dataclass(frozen=True)
class MlpModel(NetworkModel):
    """One size of the MLP family.

    A predicted label costs 6 N FLOPs to train and 2 N to evaluate, an input that is not predicted
    nothing; per (input or label) token that is 6 N and 2 N times label tokens / total tokens.

    Attributes:
        window: W, tokens seen before each predicted one; None: all of the sequence.
    """

    window: int | None = 16

    @property
    def network(self) -> Network:
        """The Flax module."""
        return Network(
            self.width,
            self.depth,
            self.task,
            self.compute_dtype,
            self.window,
            self.rematerialises,
        )

    def flops_per_token(self, params: int) -> tuple[float, float]:
        """FLOPs of training and of evaluation per (input or label) token."""
        train, evaluate = super().flops_per_token(params)
        share = self.task.label_tokens / self.task.total_tokens
        return train * share, evaluate * share


def open_mlp(config: Mlp) -> NetworkFamily:
    """The family that a config describes."""
    return NetworkFamily(config, functools.partial(MlpModel, window=config.window))
