"""A sweep resolved: its sources opened, its runs named, and what trains them chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
) -> Plan:
    """Open the sources, check that they last for all steps, and resolve every run.

    Args:
        sweep: the config.
        platform: platform of the devices that will train: "cpu", "gpu" or "tpu".
        trials: recipes to try on the smallest size, in place of the members.
        datasets: the sources, where they are open already.

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
        own = [recipes.of_source(dataset.name)] if trials is None else trials.get(dataset.name, ())
        for recipe in own:
            recipes.check(dataset.name, recipe)
            estimator = recipes.open_estimator(recipe, role)
            estimator.check(family.kind, kind.counts, {dataset.name: dataset.info})
            one = kind(sweep, family, estimator, recipe, role, platform, dtype)
            resolvers.append((dataset, one))
    sizes, seeds = family.sizes(), range(family.seeds)
    if trials is not None and resolvers:
        sizes, seeds = (_smallest(sizes, *resolvers[0]),), (TUNING_SEED,)
    rates = max((len(own.rates) for _, own in resolvers), default=0)
    made = [
        (own.run(dataset, size, own.rates[number], seed), own)
        for size in sizes
        for number in range(rates)
        for dataset, own in resolvers
        for seed in seeds
    ]
    resolved = {run.run_id: own for run, own in made}

    def resize(run: RunSpec[Any], size: Size) -> RunSpec[Any]:
        return resolved[run.run_id].run(run.dataset, size, run.learning_rate, run.seed)

    runs = tuple(run for run, _ in made)
    trainer = kind.trainer({run.run_id: run for run in runs}, sweep, resize)
    return Plan(sweep, recipes, datasets, runs, trainer, dtype, trials)


def _smallest(sizes: Sequence[Size], dataset: Dataset, resolver: Resolver[Any]) -> Size:
    return min(
        sizes, key=lambda size: resolver.run(dataset, size, resolver.rates[0], 0).cost.params
    )
