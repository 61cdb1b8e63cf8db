"""Plan and train a sweep for the budgets of its config."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from epiplexity_jax.families.registry import open_family
from epiplexity_jax.planning.pace import Pace
from epiplexity_jax.planning.planner import (
    Grid,
    Planned,
    Planner,
    Question,
    first_grid,
    limits_of,
)
from epiplexity_jax.planning.sizes import SizeCost, most_tokens, sized_for
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.sweep.dataset import Dataset, open_datasets
from epiplexity_jax.sweep.executor import Executor, SweepContext
from epiplexity_jax.sweep.plan import make_plan
from epiplexity_jax.sweep.recipe import Recipes
from epiplexity_jax.tuning.tune import tune

_TUNED_SHARE = 0.5  # of the smallest size's most tokens, that its trials read at the most


@dataclass(frozen=True)
class Prepared:
    """A sweep whose sizes are chosen, before its recipes are found.

    Attributes:
        sweep: the config; its family holds every size that may be trained.
        datasets: its sources.
        question: budgets and test tokens.
        costs: sizes of each source, smallest first.
    """

    sweep: Sweep
    datasets: tuple[Dataset, ...]
    question: Question
    costs: Mapping[str, Sequence[SizeCost]]

    def first_grid(self, share: float) -> Grid:
        """Sizes and tokens of the first round, or of a whole plan without growth.

        Args:
            share: part of the most tokens of every run.
        """
        recipes = Recipes.of(self.sweep, open_family(self.sweep.family))
        limits = {
            one.name: limits_of(one, self.question, recipes.of_source(one.name).batch_size)
            for one in self.datasets
        }
        return first_grid(self.costs, limits, share)


def unprepared(sweep: Sweep) -> Sweep:
    """A config with budgets whose sources can be opened: runs of one step, whatever it says."""
    return sweep.model_copy(
        update={"training": sweep.training.model_copy(update={"steps": 1}), "grid": {}}
    )


def prepare(sweep: Sweep, platform: str, datasets: Sequence[Dataset] = ()) -> Prepared:
    """Choose the sizes that the budgets of a config could use, and the length of tuning.

    Args:
        sweep: the config, with budgets.
        platform: platform of the devices.
        datasets: its sources, where they are open already.

    Raises:
        ConfigError: on an impossible combination.
        DataError: on a source that is missing, wrong or too short.
    """
    assert sweep.budgets is not None
    assert sweep.frontier.test_tokens is not None
    budgets = tuple(sorted(sweep.budgets))
    question = Question(budgets, sweep.frontier.test_tokens)
    compute = sweep.frontier.compute or budgets
    frontier = sweep.frontier.model_copy(update={"compute": compute})
    sweep = unprepared(sweep).model_copy(update={"frontier": frontier})
    family = open_family(sweep.family)
    opened = tuple(datasets) or open_datasets(sweep, family, Recipes.of(sweep, family))
    sweep, costs = sized_for(sweep, opened, platform, question.test_tokens, budgets[-1])
    steps = min(_tuning_steps(one, costs[one.name], question, sweep) for one in opened)
    training = sweep.training.model_copy(update={"steps": steps})
    return Prepared(sweep.model_copy(update={"training": training}), opened, question, costs)


def _tuning_steps(
    dataset: Dataset, costs: Sequence[SizeCost], question: Question, sweep: Sweep
) -> int:
    """Steps of the longest trials: half of what the smallest size is worth, or of what there is."""
    recipe = Recipes.of(sweep, open_family(sweep.family)).given
    limits = limits_of(dataset, question, recipe.batch_size)
    most = min(most_tokens(costs[0], question.budgets, limits.test_total), limits.most)
    each = recipe.batch_size * dataset.task.total_tokens
    return max(int(_TUNED_SHARE * most / each), 1)


def train_for_budgets(
    context: SweepContext, executor: Executor, prepared: Prepared, share: float
) -> Planned:
    """Tune, then train rounds until every budget's optimum lies inside.

    Args:
        context: context of the sweep.
        executor: trains the waves.
        prepared: the sweep.
        share: part of the most tokens of every run that the first round reads.

    Raises:
        StoreError: when the store cannot be written.
        RunsFailed: when a cluster could not train some runs.
        Interrupted: when an end was asked for; what is finished stays.
    """
    platform = executor.hardware.platform
    plan = make_plan(prepared.sweep, platform, datasets=prepared.datasets)
    context = replace(context, plan=plan)
    tuned = tune(context, executor)
    plan = make_plan(tuned.sweep, platform, datasets=prepared.datasets)
    context = replace(context, plan=plan, earlier=tuned.trials)
    planner = Planner(context, executor, prepared.question, Pace())
    ready = replace(prepared, sweep=tuned.sweep)
    return planner.finish(ready.costs, ready.first_grid(share))
