"""Recipes: the values by which a member trains that its size does not fix, and which are free."""

from typing import Any

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.estimators.config import EMA_GROWTH
from epiplexity_jax.estimators.registry import open_estimator
from epiplexity_jax.estimators.spec import Estimator
from epiplexity_jax.families.spec import DeviceFamily, Family
from epiplexity_jax.store.schema import MEMBER, TUNING
from epiplexity_jax.sweep.config import PUBLISHED_BATCH, Recipe, Sweep

PUBLISHED_RATE, PUBLISHED_WARMUP = 0.03, 100
IN_ESTIMATOR = ("ema_growth", "max_kl")
_IN_TRAINING = ("learning_rate", "warmup_steps", "batch_size")
TUNABLE = (*_IN_TRAINING, *IN_ESTIMATOR)


def given_recipe(sweep: Sweep) -> Recipe:
    """The values that a config gives, and the published ones in place of the others.

    Of a family with several rates, trials take the middle one.
    """
    training, estimator = sweep.training, sweep.estimator
    warmup, rates = training.warmup_steps, getattr(sweep.family, "learning_rates", None)
    usual = sorted(rates)[len(rates) // 2] if rates else PUBLISHED_RATE
    return Recipe(
        learning_rate=training.learning_rate or usual,
        warmup_steps=PUBLISHED_WARMUP if warmup is None else warmup,
        batch_size=training.batch_size or PUBLISHED_BATCH,
        steps=training.steps,
        ema_growth=getattr(estimator, "ema_growth", None) or EMA_GROWTH,
        max_kl=getattr(estimator, "max_kl", None),
    )


def recipe_of(sweep: Sweep, source: str) -> Recipe:
    """The recipe of a source's members: the one chosen for it, or the config's."""
    return sweep.recipes.get(source) or given_recipe(sweep)


def free_values(sweep: Sweep, family: Family) -> tuple[str, ...]:
    """Names of the values that are left to tune; of counts nothing is.

    Args:
        sweep: the config.
        family: opened.
    """
    if sweep.recipe == "fixed" or not isinstance(family, DeviceFamily):
        return ()
    free = [name for name in _IN_TRAINING if getattr(sweep.training, name) is None]
    if family.learning_rates and "learning_rate" in free:
        free.remove("learning_rate")
    known = type(sweep.estimator).model_fields
    free += [n for n in IN_ESTIMATOR if n in known and getattr(sweep.estimator, n) is None]
    return tuple(free)


def with_batch(recipe: Recipe, batch_size: int) -> Recipe:
    """A recipe with another batch that reads the same tokens, or less than a batch fewer."""
    steps = max(recipe.steps * recipe.batch_size // batch_size, 1)
    return recipe.model_copy(update={"batch_size": batch_size, "steps": steps})


def open_recipe_estimator(config: Any, recipe: Recipe, role: str = MEMBER) -> Estimator:
    """Open an estimator with a recipe's window and cap.

    Args:
        config: its section.
        recipe: the recipe of the members that it codes.
        role: role of these members; a trial takes no more iterations where its teacher waits, so
            that all recipes are compared at one compute.
    """
    own = {name: getattr(recipe, name) for name in IN_ESTIMATOR if hasattr(config, name)}
    if role == TUNING and own.get("max_kl") is not None:
        own["max_iterations"] = recipe.steps
    return open_estimator(config.model_copy(update=own))


def check_recipe(sweep: Sweep, source: str, recipe: Recipe) -> None:
    """Refuse a recipe that the config cuts in a way that its batch does not allow.

    Args:
        sweep: the config.
        source: name of the recipe's source.
        recipe: the recipe to check.

    Raises:
        ConfigError: naming the key.
    """
    microbatch = sweep.training.microbatch
    if microbatch is not None and recipe.batch_size % microbatch:
        raise ConfigError(
            f"training.microbatch: {microbatch} does not divide {recipe.batch_size}, the batch "
            f"of source {source!r}; leave one of them out"
        )
