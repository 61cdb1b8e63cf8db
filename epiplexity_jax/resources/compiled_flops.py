"""FLOPs per token counted by the compiler, beside those that a family declares."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.step import loss_gradient, sequence_losses
from epiplexity_jax.families.spec import Cost, Model
from epiplexity_jax.runtime.compat import compiler_options
from epiplexity_jax.sources.spec import MaskedTokens, Vectors, WithReals

_COUNTED = 8  # sequences of the batch whose operations are counted


@functools.lru_cache(maxsize=256)
def compiled_cost(model: Model, batch_size: int) -> Cost:
    """Return a model's cost by XLA's own count: a gradient and a loss of one batch, per token.

    The optimiser's update, once a step whatever the batch, is left out, as it is from 6 N. XLA
    counts the body of a rolled loop once, so a model that loops over layers or positions is
    under-counted; the built-in families have no such loop. Nothing is run.

    Raises:
        ConfigError: when the compiler of this platform counts no FLOPs.
    """
    params, batch = _arguments(model, batch_size)

    def count(function: Any) -> float:
        jitted = jax.jit(function, compiler_options=compiler_options(model.platform))
        analysis: Any = jitted.lower(params, batch).compile().cost_analysis()
        flops = (analysis or {}).get("flops", 0.0)
        if not flops > 0:
            raise ConfigError(
                "training.flops: the compiler of this platform counts no FLOPs; use declared"
            )
        return float(flops) / (batch_size * model.task.total_tokens)

    return Cost(
        model.cost.params,
        count(lambda params, batch: loss_gradient(model, params, batch, None)),
        count(lambda params, batch: sequence_losses(model, params, batch)),
    )


@functools.lru_cache(maxsize=256)
def lowered_ratio(model: Model) -> float | None:
    """Return XLA's count of a model's training FLOPs per token over the declared one.

    It counts the operations as they are written, before the compiler fuses or drops any: within
    some percent of `compiled_cost`, and nothing is compiled. None where the platform counts none.
    """
    gradient = jax.jit(lambda params, batch: loss_gradient(model, params, batch, None))
    analysis: Any = gradient.lower(*_arguments(model, _COUNTED)).cost_analysis()
    flops = float((analysis or {}).get("flops", 0.0)) / (_COUNTED * model.task.total_tokens)
    declared = model.cost.train_flops_per_token
    return flops / declared if flops > 0 and declared > 0 else None


def _arguments(model: Model, batch_size: int) -> tuple[Any, Any]:
    """Shapes of a model's parameters and of a batch."""
    task = model.task

    def integers(count: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((batch_size, count), jnp.int32)

    batch: Any = integers(task.length)
    if task.features is not None:
        batch = Vectors(task.inputs_like(batch_size), integers(1))
    if task.real_width is not None:
        batch = WithReals(batch, task.inputs_like(batch_size).reals)
    if task.labels_vary:
        batch = MaskedTokens(batch, jax.ShapeDtypeStruct(batch.shape, bool))
    return jax.eval_shape(model.init, jax.random.key(0)), batch
