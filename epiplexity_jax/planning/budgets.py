"""Plan and train a sweep for the budgets of its config."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from epiplexity_jax.base.config import Config
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.planning.pace import Pace
from epiplexity_jax.planning.planner import (
    BATCH,
    CARE,
    WARMUP,
    Grid,
    Planned,
    Planner,
    Question,
    first_grid,
    limits_of,
)
from epiplexity_jax.planning.sizes import (
    SizeCost,
    first_sizes,
    grown_axis,
    is_counted,
    most_tokens,
    plain_depth,
    sized_for,
    with_values,
)
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.sweep.dataset import Dataset, open_datasets
from epiplexity_jax.sweep.executor import Executor, SweepContext
from epiplexity_jax.sweep.plan import make_plan
from epiplexity_jax.sweep.recipe import Recipes
from epiplexity_jax.tuning.tune import tune

_TUNED_SHARE = 0.25  # of the tuned size's most tokens, that its trials read at the most


@dataclass(frozen=True)
class Prepared:
    """A sweep whose sizes are chosen, before its recipes are found.

    Attributes:
        sweep: the config; its family holds every size that may be trained.
        datasets: its sources.
        question: budgets and test tokens.
        costs: sizes of each source, smallest first.
        tuned: the family of the one size on which recipes are found.
    """

    sweep: Sweep
    datasets: tuple[Dataset, ...]
    question: Question
    costs: Mapping[str, Sequence[SizeCost]]
    tuned: Config

    @property
    def tuning(self) -> Sweep:
        """The sweep whose recipes are found: that of the one size."""
        return self.sweep.model_copy(update={"family": self.tuned})

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
    """A config with budgets whose sources can be opened: runs of one step, whatever it says.

    Batch and warm-up are those of `measure` where the config leaves them open: a plan tunes rate,
    window and cap.
    """
    values: dict[str, Any] = {"steps": 1}
    if sweep.recipe == "tuned" and not is_counted(sweep):
        given = sweep.training
        values["batch_size"] = BATCH if given.batch_size is None else given.batch_size
        values["warmup_steps"] = WARMUP if given.warmup_steps is None else given.warmup_steps
    training = sweep.training.model_copy(update=values)
    return sweep.model_copy(update={"training": training, "grid": {}})


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
    given = sweep.family
    sweep = unprepared(sweep).model_copy(update={"frontier": frontier})
    family = open_family(sweep.family)
    opened = tuple(datasets) or open_datasets(sweep, family, Recipes.of(sweep, family))
    sweep, costs = sized_for(sweep, opened, platform, question.test_tokens, budgets[-1])
    place, tuned = _tuned_size(given, sweep.family, costs[opened[0].name], opened[0], question)
    steps = min(_tuning_steps(one, costs[one.name][place], question, sweep) for one in opened)
    training = sweep.training.model_copy(update={"steps": steps})
    sweep = sweep.model_copy(update={"training": training})
    return Prepared(sweep, opened, question, costs, tuned)


def _tuned_size(
    given: Config, family: Config, costs: Sequence[SizeCost], dataset: Dataset, question: Question
) -> tuple[int, Config]:
    """The smallest size that may be a budget's optimum, and the family that has this one alone.

    The size below it, which is there to see an edge, is a worse stand-in for the larger ones. Sizes
    that the config lists are not chosen from: the smallest is tuned.
    """
    axis = grown_axis(plain_depth(given))
    if axis != "widths":
        return 0, family
    limits = limits_of(dataset, question, 1)
    first = first_sizes(costs, limits.budgets, limits.test_total)
    place = costs.index(first[min(1, len(first) - 1)])
    values: Any = family
    return place, with_values(family, axis, (sorted(values.widths)[place],))


def _tuning_steps(dataset: Dataset, one: SizeCost, question: Question, sweep: Sweep) -> int:
    """Steps of the longest trials: a quarter of what the size is worth, or of what there is."""
    recipe = Recipes.of(sweep, open_family(sweep.family)).given
    limits = limits_of(dataset, question, recipe.batch_size)
    most = min(most_tokens(one, question.budgets, limits.test_total), limits.most)
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
    plan = make_plan(prepared.tuning, platform, datasets=prepared.datasets)
    tuned = tune(replace(context, plan=plan), executor, CARE)
    sweep = prepared.sweep.model_copy(update={"recipes": tuned.sweep.recipes})
    plan = make_plan(sweep, platform, datasets=prepared.datasets)
    context = replace(context, plan=plan, earlier=tuned.trials)
    planner = Planner(context, executor, prepared.question, Pace())
    return planner.finish(prepared.costs, replace(prepared, sweep=sweep).first_grid(share))
