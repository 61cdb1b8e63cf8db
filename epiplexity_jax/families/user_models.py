"""Models of a user: anything with `init` and `apply`."""

import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from pydantic import Field, PrivateAttr

from epiplexity_jax.base.errors import ConfigError, EpiplexityError
from epiplexity_jax.coding import dense_flops
from epiplexity_jax.families.config import ConfiguredFamily, FamilyConfig
from epiplexity_jax.families.spec import Axis, Cost, Inputs, Logits, Size, Task
from epiplexity_jax.families.user_model_checks import (
    Functions,
    RateScales,
    check,
    notes_on,
    raised,
    sliced_to,
)


class UserModels(FamilyConfig):
    """Models given in Python as `init` and `apply`; made by `user_model`, of its arguments."""

    kind: Literal["own"] = "own"
    names: Annotated[tuple[str, ...], Axis("name")] = Field(min_length=1)
    seeds: int = Field(default=3, ge=1, le=10_000)
    learning_rates: tuple[float, ...] | None = Field(default=None, min_length=1)
    batch_sizes: tuple[int, ...] | None = Field(default=None, min_length=1)
    start_token: bool = False
    flops_per_token: tuple[float, float] | None = None
    _models: Mapping[str, Functions] | None = PrivateAttr(None)
    _rate_scales: RateScales | None = PrivateAttr(None)


def user_model(
    models: Any,
    *,
    seeds: int = 3,
    learning_rates: tuple[float, ...] | None = (1e-3,),
    batch_sizes: tuple[int, ...] | None = None,
    start_token: bool = False,
    flops_per_token: tuple[float, float] | None = None,
    rate_scales: RateScales | None = None,
) -> UserModels:
    """Make a family of your own models.

    Args:
        models: one model, or several by name (each a size of the family). A model is anything with
            `init(key) -> params` and `apply(params, tokens) -> logits` (see `Functions.apply`), or
            what `from_linen` or `from_nnx` return.
        seeds: number of seeds per size.
        learning_rates: Adam learning rates, each a member of its own; None takes
            `training.learning_rate`, which suits muP and is too high for most other models.
        batch_sizes: sequences a step, each a member of its own that reads the tokens of
            `training.steps`; None takes `training.batch_size`.
        start_token: True if the models accept the input id V of a start token (BOS). Without it a
            sequence's first token is not scored, and its label tokens are one fewer.
        flops_per_token: FLOPs of training and of evaluation, per input or label token; default: 6 N
            and 2 N, those of a dense network.
        rate_scales: parameters to a tree of learning rates as multiples of the base; default: 1.

    Returns:
        The config of the family, with the models inside.

    Raises:
        ConfigError: when something is no model.
    """
    named = models if isinstance(models, Mapping) else {"model": models}
    for name in named:
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(f"models: expected a word as a model's name, got {name!r}")
    config = UserModels(
        names=tuple(named),
        seeds=seeds,
        learning_rates=learning_rates,
        batch_sizes=batch_sizes,
        start_token=start_token,
        flops_per_token=flops_per_token,
    )
    config._models = {name: _functions(name, model) for name, model in named.items()}
    config._rate_scales = rate_scales
    return config


def _functions(name: str, model: Any) -> Functions:
    """Take `init` and `apply` of a model, as two functions."""
    if isinstance(model, Functions):
        return model
    if isinstance(model, type) and any(
        inspect.isfunction(inspect.getattr_static(model, part, None)) for part in _PARTS
    ):
        raise ConfigError(f"models: {name!r} is the class {model.__name__}; give an instance of it")
    lacking = [part for part in _PARTS if not callable(getattr(model, part, None))]
    for place, said in _LIBRARIES.items():
        if _is_of(model, place) and (lacking or place in _OTHER_SIGNATURES):
            raise ConfigError(f"models: {name!r} is {said}")
    if lacking:
        raise ConfigError(
            f"models: {name!r} has no function `{lacking[0]}`; needed: init(key) -> params and "
            "apply(params, tokens) -> logits, or from_linen / from_nnx around a Flax module"
        )
    return Functions(lambda key, inputs: model.init(key), model.apply)


_PARTS = ("init", "apply")
_OTHER_SIGNATURES = ("flax.linen.module", "haiku._src.transform")  # of functions of these names
_LIBRARIES = {
    "flax.linen.module": "a Flax Linen module; give from_linen(module)",
    "flax.nnx.module": "a Flax NNX module; give from_nnx(make) with its class or a function of "
    "nnx.Rngs",
    "haiku._src.transform": "a pair of Haiku's functions; give Functions(f.init, f.apply) of f = "
    "hk.without_apply_rng(hk.transform(...))",
    "equinox._module": "an Equinox module, which holds its parameters; partition it into init and "
    "apply (docs/own-models.md)",
    "torch.nn": "a PyTorch module; models are functions of JAX",
    "keras": "a Keras model; give init and apply as functions of JAX",
}


def _is_of(model: Any, place: str) -> bool:
    """Return whether a class of a model is defined in a module of another library."""
    return any(base.__module__.startswith(place) for base in type(model).__mro__)


@dataclass(frozen=True)
class UserModel:
    """One of the user's models for one task (see `spec.Model`).

    Models of equal name, task, platform and program compare equal, so they share what was compiled.
    """

    name: str
    task: Task
    platform: str
    fingerprint: str
    cost: Cost
    functions: Functions = dataclasses.field(compare=False)
    scales: RateScales | None = dataclasses.field(compare=False, default=None)
    notes: tuple[str, ...] = dataclasses.field(compare=False, default=())
    states_cost: bool = False

    def init(self, key: Key[Array, ""]) -> Any:
        """See `spec.Model`."""
        return self.functions.init(key, self.task.blank_inputs())

    def logits(self, params: Any, inputs: Inputs) -> Logits:
        """See `spec.Model`."""
        logits = self.functions.apply(params, inputs).astype(jnp.float32)  # [B, l, V] or [B, V]
        if self.task.features is not None and logits.ndim == 2:
            return logits[:, None]
        return logits[:, np.asarray(self.task.target_positions)]

    def rate_scales(self, params: Any) -> Any:
        """See `spec.Model`."""
        if self.scales is not None:
            return self.scales(params)
        return jax.tree.map(lambda _: 1.0, params)


@dataclass(frozen=True, eq=False)
class UserFamily(ConfiguredFamily):
    """The user's models (see `spec.DeviceFamily`)."""

    _checked: dict[tuple[str, Task], UserModel] = dataclasses.field(default_factory=dict)

    @property
    def start_token(self) -> bool:
        """True if the models read a BOS token."""
        return self.config.start_token

    def model(self, size: Size, task: Task, compute_dtype: str, platform: str) -> UserModel:
        """One of the models, checked once for a task. It chooses its own types."""
        key = size["name"], task
        if key not in self._checked:
            self._checked[key] = self._check(*key)
        return dataclasses.replace(self._checked[key], platform=platform)

    def _check(self, name: str, task: Task) -> UserModel:
        config: UserModels = self.config
        functions, scales = (config._models or {})[name], config._rate_scales
        try:
            functions = sliced_to(functions, task)
            params, fingerprint = check(functions, task, scales)
            notes = tuple(f"model {name!r} {note}" for note in notes_on(functions, task))
        except EpiplexityError as error:
            raise ConfigError(f"family: model {name!r} {error}") from None
        except Exception as error:  # whatever the user's own code raises
            raise ConfigError(f"family: model {name!r} failed: {raised(error)}") from error
        stated = config.flops_per_token
        cost = Cost(params, *(stated or dense_flops(params)))
        return UserModel(
            *(name, task, "cpu", fingerprint, cost, functions, scales, notes),
            states_cost=stated is not None,
        )


def open_user_models(config: UserModels) -> UserFamily:
    """Open the family.

    Raises:
        ConfigError: when the config was read from a file.
    """
    if config._models is None:
        raise ConfigError("family: its models were given in Python; run it again from there")
    return UserFamily(config)
