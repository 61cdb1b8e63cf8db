"""Networks over a fixed window of tokens (Bengio et al. 2003), in muP: context without attention.

Shapes: B batch, L input positions, P target positions, W window, E embedding size, D width,
R real numbers of a vector.
"""

import functools
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int
from pydantic import Field

from epiplexity_jax.families.networks import base
from epiplexity_jax.families.networks.layers import Activations, Dense, add_mlp, at, embed, read_out
from epiplexity_jax.families.networks.mup import branch_scale
from epiplexity_jax.families.spec import Inputs, Logits, Start, Task
from epiplexity_jax.sources.spec import WithReals

Kept = Int[Array, "batch kept"] | WithReals

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
        """Read the next inputs (see `base.Network`); the cache holds the last W - 1 read."""
        model, task = self.model, self.model.task
        if task.features is not None:  # the vector is the window
            x_BPD = embed(self, task, model.width, inputs).astype(model.compute_dtype)
        else:
            window, missing = self._places
            read = _aligned(inputs, task)
            if cache is None:
                padded = _padded(read, missing, task.num_input_ids)
            else:
                missing = window - 1
                # [B, W - 1 + L], and reals behind
                padded = jax.tree.map(lambda *x: jnp.concatenate(x, axis=1), cache, read)
                cache = jax.tree.map(lambda whole, new: whole[:, new.shape[1] :], padded, read)
            ends = tuple(p + missing for p in wanted)
            x_BPWE = self._windows(padded, ends, start - missing)  # [B, P, W E]
            x_BPD = Dense(model.width, name="projection")(x_BPWE)
        kind = nn.remat(MLPBlock) if model.remat else MLPBlock
        for i in range(model.depth):
            x_BPD = kind(branch_scale(model.depth), name=f"block_{i}")(x_BPD)
        return read_out(x_BPD, task.vocab_size), cache

    def empty(self, batch: int, room: int) -> Kept:
        """The tokens before the beginning, [B, W - 1] int32, with reals [B, W - 1, R] of 0."""
        del room  # a window is of one size
        task, places = self.model.task, self._places[0] - 1
        tokens = jnp.full((batch, places), task.num_input_ids, jnp.int32)
        return _aligned(tokens, task)

    @property
    def _places(self) -> tuple[int, int]:
        """Places of a window, W, and how many of them some window has before the beginning."""
        targets, window = self.model.task.target_positions, self.model.window
        # Places that lie before the beginning at every target position carry nothing.
        window = targets[-1] + 1 if window is None else min(window, targets[-1] + 1)
        return window, max(0, window - targets[0] - 1)

    def _windows(self, read: Kept, ends: tuple[int, ...], first: Start) -> Activations:
        """Embeddings of the W tokens up to each of the ends, oldest first: [B, P, W E].

        Args:
            read: tokens, with a vector at every place where the task has reals.
            ends: places in `read`.
            first: input position of its first place, negative before the beginning.
        """
        window, missing = self._places
        task, size = self.model.task, self.model.embedding_size
        tokens = read.tokens if isinstance(read, WithReals) else read
        x_BLE = embed(self, task, size, tokens, extra_ids=1 if missing else 0)
        if isinstance(read, WithReals):
            positions = first + jnp.arange(tokens.shape[1])
            is_real = jnp.isin(positions, np.asarray(task.real_inputs))[None, :, None]
            replaced = jnp.where(is_real, read.reals, x_BLE[..., : task.real_width])
            x_BLE = jnp.concatenate([replaced, x_BLE[..., task.real_width :]], axis=-1)
        x_BLE = x_BLE.astype(self.model.compute_dtype)
        oldest = tuple(end - window + 1 for end in ends)
        return jnp.concatenate(
            [at(x_BLE, tuple(place + back for place in oldest)) for back in range(window)], axis=-1
        )


def _aligned(inputs: Any, task: Task) -> Any:
    """Give every position a vector where the task has reals, of 0 where it has none: [B, L, R]."""
    if task.real_width is None:
        return inputs
    if not isinstance(inputs, WithReals):  # behind the last vector
        return WithReals(inputs, jnp.zeros((*inputs.shape, task.real_width), jnp.float32))
    shape = (*inputs.tokens.shape, task.real_width)
    places = np.asarray(task.real_inputs)
    return WithReals(inputs.tokens, jnp.zeros(shape, jnp.float32).at[:, places].set(inputs.reals))


def _padded(read: Any, count: int, blank: int) -> Any:
    """Put so many places before the first, of the token `blank` and a vector of 0."""
    if not isinstance(read, WithReals):
        return jnp.pad(read, ((0, 0), (count, 0)), constant_values=blank)
    tokens = jnp.pad(read.tokens, ((0, 0), (count, 0)), constant_values=blank)
    return WithReals(tokens, jnp.pad(read.reals, ((0, 0), (count, 0), (0, 0))))


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

    @property
    def embedding_size(self) -> int:
        """Dimensions of a token's embedding."""
        return min(self.width, MAX_EMBEDDING)

    def flops_per_token(self, params: int) -> tuple[float, float]:
        """FLOPs of training and of evaluation per (input or label) token."""
        train, evaluate = super().flops_per_token(params)
        share = self.task.label_tokens / self.task.total_tokens
        return train * share, evaluate * share


def open_mlp(config: Mlp) -> base.NetworkFamily:
    """Open the family that a config describes."""
    return base.NetworkFamily(config, functools.partial(MlpModel, window=config.window))
