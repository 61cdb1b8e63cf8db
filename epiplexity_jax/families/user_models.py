"""Models of your own: anything with `init` and `apply`, and one adapter line for Flax modules."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.coding import dense_flops
from epiplexity_jax.families.spec import Cost, Size, Task
from epiplexity_jax.families.user_model_checks import RateScales, blank_inputs, check


class Functions(NamedTuple):
    """A model as two pure functions.

    Attributes:
        init: (key, inputs of one sequence) to parameters, a pytree of float32 arrays.
        apply: (parameters, inputs) to logits. Inputs are tokens [B, l] int32 and give [B, l, V],
            where entry i predicts token i + 1; or vectors [B, F] float32, which give [B, V].
    """

    init: Callable[[jax.Array, jax.Array], Any]
    apply: Callable[[Any, jax.Array], jax.Array]


class Own(Config):
    """Models given in Python as `init` and `apply`; made by `families.user_model`."""

    kind: Literal["own"] = "own"
    names: tuple[str, ...] = Field(min_length=1)
    """Names of the models, each a size of the family."""
    seeds: int = Field(default=3, ge=1)
    """Seeds per size; intervals need at least 2."""
    learning_rates: tuple[float, ...] | None = Field(default=None, min_length=1)
    """Base learning rates, each a member of its own; default: training.learning_rate."""
    start_token: bool = False
    """Whether the models know the id V of a start token; without, a sequence's first token is not
    scored unless it is an input."""
    flops_per_token: tuple[float, float] | None = None
    """FLOPs per token of training and of evaluation; default: 6 N and 2 N."""
    _models: Mapping[str, Functions] | None = PrivateAttr(None)
    _rate_scales: RateScales | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _numbers_make_sense(self) -> "Own":
        for name in ("learning_rates", "flops_per_token"):
            for value in getattr(self, name) or ():
                if not 0 < value < math.inf:
                    raise ValueError(f"{name}: must be positive and finite, got {value}")
        rates = self.learning_rates or ()
        if len(set(rates)) < len(rates):
            raise ValueError(f"learning_rates: each value once, got {list(rates)}")
        return self


def user_model(
    models: Any,
    *,
    seeds: int = 3,
    learning_rates: tuple[float, ...] | None = (1e-3,),
    start_token: bool = False,
    flops_per_token: tuple[float, float] | None = None,
    rate_scales: RateScales | None = None,
) -> Own:
    """A family of your own models.

    Args:
        models: one model, or several by name (each a size of the family). A model is anything with
            `init(key) -> params` and `apply(params, tokens) -> logits` (see `Functions.apply`), or
            what `from_linen` or `from_nnx` return.
        seeds: per size.
        learning_rates: Adam learning rates, each a member of its own; None takes
            `training.learning_rate`, which suits muP and is too high for most other models.
        start_token: whether the models know the input id V of a start token. Without it a
            sequence's first token is not scored, and its label tokens are one fewer.
        flops_per_token: of training and of evaluation, per input or label token; default: 6 N and
            2 N, those of a dense network.
        rate_scales: parameters to a tree of learning rates as multiples of the base; default: 1.

    Raises:
        ConfigError: when something is no model.
    """
    named = models if isinstance(models, Mapping) else {"model": models}
    for name in named:
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(f"models: a name must be a word, got {name!r}")
    config = Own(
        names=tuple(named),
        seeds=seeds,
        learning_rates=learning_rates,
        start_token=start_token,
        flops_per_token=flops_per_token,
    )
    config._models = {name: _functions(name, model) for name, model in named.items()}
    config._rate_scales = rate_scales
    return config


def from_linen(module: Any) -> Functions:
    """A Flax Linen module that maps tokens to logits."""

    def init(key: jax.Array, inputs: jax.Array) -> Any:
        variables = dict(module.init(key, inputs))
        params = variables.pop("params", {})
        _refuse_state(sorted(variables))
        return params

    return Functions(init, lambda params, inputs: module.apply({"params": params}, inputs))


def from_nnx(make: Callable[[Any], Any]) -> Functions:
    """A Flax NNX module that maps tokens to logits.

    Args:
        make: takes `nnx.Rngs` and returns the module: its class, or a function.
    """
    from flax import nnx

    def split(key: jax.Array) -> Any:
        graph, params, rest = nnx.split(make(nnx.Rngs(key)), nnx.Param, ...)
        _refuse_state(sorted(".".join(map(str, path)) for path, _ in nnx.to_flat_state(rest)))
        return graph, params

    def init(key: jax.Array, inputs: jax.Array) -> Any:
        return nnx.to_pure_dict(split(key)[1])

    def apply(params: Any, inputs: jax.Array) -> jax.Array:
        graph, state = nnx.eval_shape(lambda: split(jax.random.key(0)))
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(graph, state)(inputs)

    return Functions(init, apply)


def _functions(name: str, model: Any) -> Functions:
    """Whatever has `init` and `apply` as two functions."""
    if isinstance(model, Functions):
        return model
    for part in ("init", "apply"):
        if not callable(getattr(model, part, None)):
            raise ConfigError(
                f"models: {name!r} has no function `{part}`; needed: init(key) -> params and "
                "apply(params, tokens) -> logits, or from_linen / from_nnx around a Flax module"
            )
    return Functions(lambda key, inputs: model.init(key), model.apply)


def _refuse_state(names: list[str]) -> None:
    if names:
        raise ConfigError(
            f"has state besides its parameters ({', '.join(names[:3])}); batch statistics and "
            "dropout would not be part of the code, leave them out"
        )


@dataclass(frozen=True)
class OwnModel:
    """One of the user's models for one task (see `spec.Model`).

    Models of equal name, task and program compare equal, so they share what was compiled.
    """

    name: str
    task: Task
    fingerprint: str
    cost: Cost
    functions: Functions = dataclasses.field(compare=False)
    scales: RateScales | None = dataclasses.field(compare=False, default=None)

    def init(self, key: jax.Array) -> Any:
        """Initial parameters."""
        return self.functions.init(key, blank_inputs(self.task))

    def logits(self, params: Any, inputs: jax.Array) -> jax.Array:
        """Inputs to logits [B, P, V] float32 at the paid positions."""
        return _logits(self.functions, self.task, params, inputs)

    def rate_scales(self, params: Any) -> Any:
        """Each leaf's learning rate over the base."""
        if self.scales is not None:
            return self.scales(params)
        return jax.tree.map(lambda _: 1.0, params)


def _logits(functions: Functions, task: Task, params: Any, inputs: jax.Array) -> jax.Array:
    logits = functions.apply(params, inputs).astype(jnp.float32)
    if task.features is not None and logits.ndim == 2:
        return logits[:, None]
    return logits[:, np.asarray(task.target_positions)]


@dataclass(frozen=True, eq=False)
class OwnFamily:
    """The user's models (see `spec.DeviceFamily`)."""

    config: Own
    kind: str = "own"

    @property
    def seeds(self) -> int:
        """Seeds per size."""
        return self.config.seeds

    @property
    def learning_rates(self) -> tuple[float, ...] | None:
        """Base learning rates, or None for the sweep's."""
        return self.config.learning_rates

    @property
    def start_token(self) -> bool:
        """Whether the models read a start token."""
        return self.config.start_token

    def sizes(self) -> tuple[Size, ...]:
        """Every model."""
        return tuple(Size(name=name) for name in self.config.names)

    def model(self, size: Size, task: Task, compute_dtype: str) -> OwnModel:
        """One of the models, checked (see `own_checks`). It chooses its own types."""
        return self._checked(size.name or "", task)

    @functools.cached_property
    def _checked(self) -> Callable[[str, Task], OwnModel]:
        config = self.config
        assert config._models is not None
        models = config._models

        @functools.cache
        def checked(name: str, task: Task) -> OwnModel:
            try:
                return _check(name, models[name], task, config)
            except EpiplexityError as error:
                raise ConfigError(f"family: model {name!r} {error}") from None
            except Exception as error:  # whatever the user's own code raises
                said = " ".join(str(error).split())
                what = f"{type(error).__name__}: {said[:300]}"
                raise ConfigError(f"family: model {name!r} failed: {what}") from error

        return checked


def _check(name: str, functions: Functions, task: Task, config: Own) -> OwnModel:
    """A model that may be trained.

    Raises:
        ConfigError: see `own_checks.check`.
    """
    scales = config._rate_scales
    params, fingerprint = check(*functions, task, scales)
    cost = Cost(params, *(config.flops_per_token or dense_flops(params)))
    return OwnModel(name, task, fingerprint, cost, functions, scales)


def open_own(config: Own) -> OwnFamily:
    """The family.

    Raises:
        ConfigError: when the config was read from a file.
    """
    if config._models is None:
        raise ConfigError("family: its models were given in Python; run it again from there")
    return OwnFamily(config)
