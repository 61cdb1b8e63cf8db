"""What the families of networks share: the config of widths x depths, the model, the family."""

import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from pydantic import Field, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.coding import dense_flops
from epiplexity_jax.families.networks.mup import rate_scales
from epiplexity_jax.families.spec import Cost, Size, Start, Task


class NetworkConfig(Config):
    """The sizes, seeds and learning rates of a family of networks."""

    kind: str
    widths: tuple[int, ...] = Field(default=(16, 32, 64), min_length=1)
    """Widths D of the residual stream."""
    depths: tuple[int, ...] = Field(default=(1, 2), min_length=1)
    """Numbers of blocks; the family is widths x depths."""
    seeds: int = Field(default=3, ge=1)
    """Seeds per size; intervals need at least 2."""
    learning_rates: tuple[float, ...] | None = Field(default=None, min_length=1)
    """Base learning rates, each a member of its own; default: training.learning_rate."""

    @model_validator(mode="after")
    def _values_make_sense(self) -> "NetworkConfig":
        for name, values in (("widths", self.widths), ("depths", self.depths)):
            if min(values) < 1:
                raise ValueError(f"{name}: must be positive, got {min(values)}")
        for rate in self.learning_rates or ():
            if not 0 < rate < math.inf:
                raise ValueError(f"learning_rates: must be positive and finite, got {rate}")
        for name in ("widths", "depths", "learning_rates"):
            values = getattr(self, name) or ()
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: each value once, got {list(values)}")
        return self


@dataclass(frozen=True)
class NetworkModel:
    """One size of a family for one task; equal arguments compare equal (see `spec.Model`).

    Attributes:
        width: D, of the residual stream.
        depth: number of blocks.
        task: what it must fit.
        compute_dtype: of the activations; parameters and logits are float32.
        rematerialises: whether a backward pass computes the inside of every block again, so that
            of the forward pass the blocks' inputs alone are held.
    """

    width: int
    depth: int
    task: Task
    compute_dtype: str = "float32"
    rematerialises: bool = False

    @property
    def network(self) -> nn.Module:
        """The Flax module: inputs to logits."""
        raise NotImplementedError

    def flops_per_token(self, params: int) -> tuple[float, float]:
        """FLOPs of training and of evaluation per (input or label) token: 6 N and 2 N."""
        return dense_flops(params)

    @property
    def cost(self) -> Cost:
        """Exact parameter count, and FLOPs per token."""
        return _cost(self)

    def init(self, key: jax.Array) -> Any:
        """Initial parameters, float32."""
        inputs = jnp.zeros((1, self.task.input_length), jnp.int32)
        if self.task.features is not None:
            inputs = jnp.zeros((1, self.task.features), jnp.float32)
        return self.network.init(key, inputs)["params"]

    def logits(self, params: Any, inputs: jax.Array) -> jax.Array:
        """Inputs [B, L] int32 or [B, F] float32 to logits [B, P, V] float32."""
        logits: Any = self.network.apply({"params": params}, inputs)
        return logits

    def rematerialised(self) -> "NetworkModel":
        """The same model with less memory and more time (see `spec.Rematerialisable`)."""
        return dataclasses.replace(self, rematerialises=True)

    def empty_cache(self, batch: int, room: int) -> Any:
        """What is kept of B sequences of which nothing was read (see `spec.Decoder`)."""
        network: Any = self.network
        return network.empty(batch, room)

    def decode(
        self, params: Any, cache: Any, inputs: jax.Array, start: Start
    ) -> tuple[jax.Array, Any]:
        """Read the next inputs [B, n]: logits [B, V] float32 after the last, and the cache."""
        last = (inputs.shape[1] - 1,)
        read: Any = self.network.apply(
            {"params": params}, inputs, last, cache, start, method="advance"
        )
        return read[0][:, 0], read[1]

    def rate_scales(self, params: Any) -> Any:
        """Each leaf's learning rate over the base: `parametrisation.rate_scales`."""
        return rate_scales(params)


@functools.lru_cache(maxsize=1024)
def _cost(model: NetworkModel) -> Cost:
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    params = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    return Cost(params, *model.flops_per_token(params))


@dataclass(frozen=True)
class NetworkFamily:
    """Widths x depths of one architecture (see `spec.DeviceFamily`).

    Attributes:
        config: what there is of it.
        build: (width, depth, task, compute_dtype) to a model.
    """

    config: NetworkConfig
    build: Callable[[int, int, Task, str], NetworkModel]

    @property
    def kind(self) -> str:
        """Name of the family."""
        return self.config.kind

    @property
    def seeds(self) -> int:
        """Seeds per size and learning rate."""
        return self.config.seeds

    @property
    def learning_rates(self) -> tuple[float, ...] | None:
        """Base learning rates, each a member of its own; None: that of the training."""
        return self.config.learning_rates

    def sizes(self) -> tuple[Size, ...]:
        """Every width at every depth."""
        return tuple(Size(width=w, depth=d) for d in self.config.depths for w in self.config.widths)

    def model(self, size: Size, task: Task, compute_dtype: str) -> NetworkModel:
        """The model of one size."""
        assert size.width is not None
        assert size.depth is not None
        return self.build(size.width, size.depth, task, compute_dtype)
