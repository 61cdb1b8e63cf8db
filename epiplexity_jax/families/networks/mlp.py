"""Networks over a fixed window of tokens (Bengio et al. 2003), in muP: context without attention.

Shapes: B batch, L input positions, P target positions, W window, E embedding size, D width.
"""

import functools
from dataclasses import dataclass
from typing import ClassVar, Literal

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Int
from pydantic import Field

from epiplexity_jax.families.networks import base
from epiplexity_jax.families.networks.layers import Activations, Dense, add_mlp, at, embed, read_out
from epiplexity_jax.families.networks.mup import branch_scale
from epiplexity_jax.families.spec import Inputs, Logits, Start, Tokens

Kept = Int[Array, "batch kept"]

MAX_EMBEDDING = 32


class Mlp(base.NetworkConfig):
    """Multilayer perceptron over the last `window` tokens: pre-norm blocks, erf GELU, muP.

    The embeddings of the window's tokens, side by side, are mapped to width D. What lies before the
    window is not seen; vectors are seen whole.
    """

    kind: Literal["mlp"] = "mlp"
    window: int | None = Field(default=16, ge=1)
    """Tokens that the network sees before each predicted one; null: all of the sequence."""


class MLPBlock(nn.Module):
    """A pre-norm residual block."""

    scale: float

    @nn.compact
    def __call__(self, x_BPD: Activations) -> Activations:
        """Map x [B, P, D] to [B, P, D]."""
        return add_mlp(x_BPD, self.scale)


class MLPNetwork(base.Network):
    """Tokens, or a vector, to logits at target positions; computes nothing elsewhere."""

    @nn.compact
    def advance(
        self, inputs: Inputs, wanted: tuple[int, ...], cache: Kept | None = None, start: Start = 0
    ) -> tuple[Logits, Kept | None]:
        """Read the next inputs (see `base.Network`); the cache holds the last W - 1 tokens read."""
        del start  # the same mathematics at every position
        model, task = self.model, self.model.task
        if task.features is not None:  # the vector is the window
            x_BPD = embed(self, task, model.width, inputs).astype(model.compute_dtype)
        else:
            window, missing = self._places
            if cache is None:
                padded = jnp.pad(inputs, ((0, 0), (missing, 0)), constant_values=task.num_input_ids)
            else:
                missing = window - 1
                padded = jnp.concatenate([cache, inputs], axis=1)  # [B, W - 1 + L]
                cache = padded[:, inputs.shape[1] :]
            x_BPWE = self._windows(padded, tuple(p + missing for p in wanted))  # [B, P, W E]
            x_BPD = Dense(model.width, name="projection")(x_BPWE)
        kind = nn.remat(MLPBlock) if model.remat else MLPBlock
        for i in range(model.depth):
            x_BPD = kind(branch_scale(model.depth), name=f"block_{i}")(x_BPD)
        return read_out(x_BPD, task.vocab_size), cache

    def empty(self, batch: int, room: int) -> Kept:
        """The tokens before the beginning, [B, W - 1] int32."""
        del room  # a window is of one size
        return jnp.full((batch, self._places[0] - 1), self.model.task.num_input_ids, jnp.int32)

    @property
    def _places(self) -> tuple[int, int]:
        """Places of a window, W, and how many of them some window has before the beginning."""
        targets, window = self.model.task.target_positions, self.model.window
        # Places that lie before the beginning at every target position carry nothing.
        window = targets[-1] + 1 if window is None else min(window, targets[-1] + 1)
        return window, max(0, window - targets[0] - 1)

    def _windows(self, tokens: Tokens, ends: tuple[int, ...]) -> Activations:
        """Embeddings of the W tokens up to each of the ends, oldest first: [B, P, W E]."""
        window, missing = self._places
        size = min(self.model.width, MAX_EMBEDDING)
        x_BLE = embed(self, self.model.task, size, tokens, extra_ids=1 if missing else 0)
        x_BLE = x_BLE.astype(self.model.compute_dtype)
        oldest = tuple(end - window + 1 for end in ends)
        return jnp.concatenate(
            [at(x_BLE, tuple(place + back for place in oldest)) for back in range(window)], axis=-1
        )


@dataclass(frozen=True)
class MlpModel(base.NetworkModel):
    """One size of the MLP family.

    A predicted label costs 6 N FLOPs to train and 2 N to evaluate, an input that is not predicted
    nothing; per (input or label) token that is 6 N and 2 N times label tokens / total tokens.

    Attributes:
        window: W, tokens seen before each predicted one; None: all of the sequence.
    """

    window: int | None = 16
    module: ClassVar = MLPNetwork

    def flops_per_token(self, params: int) -> tuple[float, float]:
        """FLOPs of training and of evaluation per (input or label) token."""
        train, evaluate = super().flops_per_token(params)
        share = self.task.label_tokens / self.task.total_tokens
        return train * share, evaluate * share


def open_mlp(config: Mlp) -> base.NetworkFamily:
    """Open the family that a config describes."""
    return base.NetworkFamily(config, functools.partial(MlpModel, window=config.window))
