"""Networks: the config of widths x depths, the model of one size, its Flax module, the family.

Shapes: B batch, L input positions, Q wanted positions, P target positions, D width, V vocabulary.
"""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import flax.linen as nn
import jax
from jaxtyping import Array, Float, Key
from pydantic import Field

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import dense_flops
from epiplexity_jax.families.config import ConfiguredFamily, FamilyConfig
from epiplexity_jax.families.networks.layers import (
    Activations,
    Norm,
    Wanted,
    add_mlp,
    at,
    embed,
    read_out,
)
from epiplexity_jax.families.networks.mup import branch_scale, rate_scales
from epiplexity_jax.families.spec import Axis, Cost, Inputs, Logits, Size, Start, Task, Tokens
from epiplexity_jax.sources.spec import WithReals


class NetworkConfig(FamilyConfig):
    """The sizes, seeds and learning rates of a family of networks."""

    widths: Annotated[tuple[int, ...], Axis("width", least=1)] = Field((16, 32, 64), min_length=1)
    """Widths D of the residual stream."""
    depths: Annotated[tuple[int, ...], Axis("depth", least=1)] = Field((1, 2), min_length=1)
    """Numbers of blocks; the family is widths x depths."""
    seeds: int = Field(default=3, ge=1, le=10_000)
    """Seeds per size; intervals need at least 2."""
    learning_rates: tuple[float, ...] | None = Field(default=None, min_length=1)
    """Base learning rates, each a member of its own; default: training.learning_rate."""
    batch_sizes: tuple[int, ...] | None = Field(default=None, min_length=1)
    """Sequences a step, each a member of its own that reads the tokens of `training.steps`."""


class Block(nn.Module):
    """A pre-norm block of a `NetworkModel`; its output exists at the wanted positions only."""

    model: Any

    @nn.compact
    def __call__(
        self, x_BLD: Activations, positions: tuple[int, ...], cache: Any, start: Start
    ) -> tuple[Wanted, Any]:
        """Map x [B, L, D] to [B, Q, D], Q = number of positions; with the cache."""
        scale, name = branch_scale(self.model.depth), self.model.mixer.__name__.lower()
        normed_BLD = Norm(name=f"{name}_norm")(x_BLD)
        y_BQD, cache = self.model.mixer(self.model, name=name)(normed_BLD, positions, cache, start)
        return add_mlp(at(x_BLD, positions) + scale * y_BQD, scale), cache


class Network(nn.Module):
    """Blocks between an embedding and a readout; its output exists at target positions only."""

    model: Any  # a `NetworkModel`

    def __call__(self, inputs: Inputs) -> Logits:
        """Map inputs of the task to logits [B, P, V] float32."""
        return self.advance(inputs, self.model.task.target_positions)[0]

    @nn.compact
    def advance(
        self, inputs: Inputs, wanted: tuple[int, ...], cache: Any = None, start: Start = 0
    ) -> tuple[Logits, Any]:
        """Read the next inputs of a sequence.

        Args:
            inputs: inputs at positions start..start+L-1; without a cache, the whole sequence's.
            wanted: Q of these positions, counted from `start`.
            cache: cache of the positions before, a tree for every block.
            start: position of the first input.

        Returns:
            Logits [B, Q, V] float32 where wanted; and the cache after the last input.
        """
        model, left = self.model, []
        x_BLD = self.embedded(inputs, None if cache is None else start).astype(model.compute_dtype)
        everywhere = tuple(range(x_BLD.shape[1]))
        # The positions are argument 2, as `self` is 0.
        kind = nn.remat(Block, static_argnums=(2,)) if model.remat and cache is None else Block
        for i in range(model.depth):
            # Nothing reads the last block's output at positions that are not wanted.
            positions = wanted if i == model.depth - 1 else everywhere
            block = kind(model, name=f"block_{i}")
            x_BLD, after = block(x_BLD, positions, cache[i] if cache else None, start)
            left.append(after)
        return read_out(x_BLD, model.task.vocab_size), tuple(left)

    def embedded(self, inputs: Inputs, start: Start | None) -> Activations:
        """Embed inputs from position `start` on, or (None) a whole sequence: [B, L, D] float32."""
        del start
        return embed(self, self.model.task, self.model.width, inputs)

    def empty(self, batch: int, room: int) -> Any:
        """Make the cache of B sequences of which nothing was read, with room for R positions."""
        return (self.model.mixer.empty(self.model, batch, room),) * self.model.depth


@dataclass(frozen=True)
class NetworkModel:
    """One size of a family for one task; equal arguments compare equal (see `spec.Model`).

    Attributes:
        width: D, width of the residual stream.
        compute_dtype: type of the activations; parameters and logits are float32.
        remat: True if the backward pass computes the inside of every block again, and the forward
            pass holds the blocks' inputs alone.
        mixer: class of what mixes positions in a block, an attention or a recurrence, whose
            parameters have its name. `mixer(model)` maps x [B, L, D], the positions wanted, a cache
            or None and the first position to [B, Q, D] and the cache; `mixer.empty(model, B, R)` is
            the cache of a block before anything is read.
    """

    width: int
    depth: int
    task: Task
    compute_dtype: str = "float32"
    platform: str = "cpu"
    remat: bool = False
    module: ClassVar[type[Network]] = Network
    mixer: ClassVar[Any] = None

    @property
    def network(self) -> Network:
        """The Flax module: inputs to logits."""
        return self.module(self)

    @property
    def embedding_size(self) -> int:
        """Dimensions of a token's embedding."""
        return self.width

    def flops_per_token(self, params: int) -> tuple[float, float]:
        """FLOPs of training and of evaluation per (input or label) token: 6 N and 2 N."""
        return dense_flops(params)

    @property
    def cost(self) -> Cost:
        """Exact parameter count, and FLOPs per token."""
        return _cost(self)

    def init(self, key: Key[Array, ""]) -> Any:
        """Draw initial parameters, float32."""
        return self.network.init(key, self.task.blank_inputs())["params"]

    def logits(self, params: Any, inputs: Inputs) -> Logits:
        """See `spec.Model`."""
        logits: Any = self.network.apply({"params": params}, inputs)
        return logits

    def rematerialised(self) -> "NetworkModel":
        """See `spec.Rematerialisable`."""
        return dataclasses.replace(self, remat=True)

    def in_float32(self) -> "NetworkModel":
        """See `spec.MixedPrecision`."""
        if self.compute_dtype == "float32":
            return self
        return dataclasses.replace(self, compute_dtype="float32")

    def empty_cache(self, batch: int, room: int) -> Any:
        """See `spec.Decoder`."""
        return self.network.empty(batch, room)

    def decode(
        self, params: Any, cache: Any, inputs: Tokens | WithReals, start: Start
    ) -> tuple[Float[Array, "batch vocab"], Any]:
        """See `spec.Decoder`."""
        tokens = inputs.tokens if isinstance(inputs, WithReals) else inputs
        last = (tokens.shape[1] - 1,)
        read: Any = self.network.apply(
            {"params": params}, inputs, last, cache, start, method="advance"
        )
        return read[0][:, 0], read[1]

    def rate_scales(self, params: Any) -> Any:
        """See `mup.rate_scales`."""
        return rate_scales(params)


@functools.lru_cache(maxsize=1024)
def _cost(model: NetworkModel) -> Cost:
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    params = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    return Cost(params, *model.flops_per_token(params))


@dataclass(frozen=True)
class NetworkFamily(ConfiguredFamily):
    """Widths x depths of one architecture (see `spec.DeviceFamily`)."""

    reads_reals: ClassVar[bool] = True
    build: Callable[[int, int, Task, str, str], NetworkModel]  # of the arguments of `NetworkModel`

    def model(self, size: Size, task: Task, compute_dtype: str, platform: str) -> NetworkModel:
        """The model of one size.

        Raises:
            ConfigError: when vectors of real numbers are wider than its embeddings.
        """
        model = self.build(size["width"], size["depth"], task, compute_dtype, platform)
        if (task.real_width or 0) > model.embedding_size:
            raise ConfigError(
                f"family.widths: expected embeddings of {task.real_width} dimensions or more, as "
                f"the source's vectors have so many numbers, got {model.embedding_size} of "
                f"{self.kind} at width {model.width}; use wider models or another family"
            )
        return model
