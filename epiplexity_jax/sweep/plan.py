"""A sweep resolved: its sources opened, its runs named, and what trains them chosen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.families.spec import Size
from epiplexity_jax.store.schema import MEMBER, TUNING
from epiplexity_jax.sweep.config import Recipe, Sweep
from epiplexity_jax.sweep.dataset import Dataset, open_datasets
from epiplexity_jax.sweep.recipe import Recipes
from epiplexity_jax.sweep.resolve import Resolver, resolver_of
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.trainer import Trainer

Trials = Mapping[str, Sequence[Recipe]]
"""Recipes to try, by source."""
TUNING_SEED = 1_000_000  # of trials; seeds of members are below 10,000


@dataclass(frozen=True, eq=False)
class Plan:
    """A validated sweep: its config as the store keeps it, and all that is made of it.

    Attributes:
        recipes: recipes of its sources.
        trials: recipes that its runs try; None of a plan of members.
    """

    sweep: Sweep
    recipes: Recipes
    datasets: tuple[Dataset, ...]
    runs: tuple[RunSpec, ...]
    trainer: Trainer
    compute_dtype: str
    trials: Trials | None = None


def make_plan(
    sweep: Sweep,
    platform: str,
    trials: Trials | None = None,
    datasets: Sequence[Dataset] = (),
    trial_seeds: int = 1,
) -> Plan:
    """Open the sources, check that they last for all steps, and resolve every run.

    Args:
        sweep: the config.
        platform: platform of the devices that will train: "cpu", "gpu" or "tpu".
        trials: recipes to try on the smallest size, in place of the members.
        datasets: the sources, where they are open already.
        trial_seeds: number of seeds of each trial.

    Raises:
        ConfigError: on an impossible combination.
        DataError: on a source that is missing, wrong or too short.
    """
    family = open_family(sweep.family)
    dtype = sweep.training.compute_dtype
    if dtype == "auto":
        dtype = "float32" if platform == "cpu" else "bfloat16"
    recipes = Recipes.of(sweep, family)
    datasets = tuple(datasets) or open_datasets(sweep, family, recipes)
    kind, role = resolver_of(family), MEMBER if trials is None else TUNING
    resolvers: list[tuple[Dataset, Resolver[Any]]] = []
    for dataset in datasets:
        own = recipes.of_members(dataset.name) if trials is None else trials.get(dataset.name, ())
        for recipe in own:
            recipes.check(dataset.name, recipe)
            estimator = recipes.open_estimator(recipe, role)
            estimator.check(family.kind, kind.counts, {dataset.name: dataset.info})
            one = kind(sweep, family, estimator, recipe, role, platform, dtype)
            resolvers.append((dataset, one))
    sizes, seeds = family.sizes(), range(family.seeds)
    if trials is not None and resolvers:
        sizes = (_smallest(sizes, *resolvers[0]),)
        seeds = range(TUNING_SEED, TUNING_SEED + trial_seeds)
    rates = max((len(own.rates) for _, own in resolvers), default=0)
    grid = {} if trials is not None else sweep.grid
    _check_grid(grid, sizes)
    made = [
        (own.run(dataset, size, own.rates[number], seed), own)
        for size in sizes
        for number in range(rates)
        for dataset, resolver in resolvers
        if (own := _in_grid(grid.get(dataset.name), resolver, dataset, size))
        for seed in seeds
    ]
    resolved = {run.run_id: own for run, own in made}

    def resize(run: RunSpec[Any], size: Size) -> RunSpec[Any]:
        return resolved[run.run_id].run(run.dataset, size, run.learning_rate, run.seed)

    runs = tuple(run for run, _ in made)
    trainer = kind.trainer({run.run_id: run for run in runs}, sweep, resize)
    return Plan(sweep, recipes, datasets, runs, trainer, dtype, trials)


def steps_for(tokens: float, batch_size: int, dataset: Dataset) -> int:
    """Count the steps of so many input and label tokens, at least 1; a rest makes one more.

    Args:
        tokens: number of tokens.
        batch_size: sequences of a step.
        dataset: the source.
    """
    return max(math.ceil(tokens / (batch_size * dataset.task.total_tokens) - 1e-9), 1)


def _check_grid(grid: Mapping[str, Mapping[str, float]], sizes: Sequence[Size]) -> None:
    """Refuse sizes that the family has not.

    Raises:
        ConfigError: naming the key.
    """
    known = list(map(str, sizes))
    for source, tokens in grid.items():
        for name in tokens:
            if name not in known:
                raise ConfigError(f"grid.{source}: {did_you_mean('size', name, known)}")


def _in_grid(
    tokens: Mapping[str, float] | None, resolver: Resolver[Any], dataset: Dataset, size: Size
) -> Resolver[Any] | None:
    """The resolver of a size with the steps that the grid has for it; None where it has none.

    Raises:
        DataError: when the source does not last for them.
    """
    if tokens is None:
        return resolver
    if str(size) not in tokens:
        return None
    batch = resolver.recipe.batch_size
    steps = steps_for(tokens[str(size)], batch, dataset)
    if dataset.split is not None:
        dataset.split.check(steps, batch)
    return replace(resolver, recipe=resolver.recipe.model_copy(update={"steps": steps}))


def _smallest(sizes: Sequence[Size], dataset: Dataset, resolver: Resolver[Any]) -> Size:
    return min(
        sizes, key=lambda size: resolver.run(dataset, size, resolver.rates[0], 0).cost.params
    )
