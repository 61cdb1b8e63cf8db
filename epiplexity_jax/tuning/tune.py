"""Tune the recipe of every source of a sweep: train trials, score them, choose."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import fmean
from typing import Any

from epiplexity_jax.analysis.runs.recipes import CLEAR, least_code
from epiplexity_jax.store import Store, StoredRun
from epiplexity_jax.sweep.config import Recipe, Sweep
from epiplexity_jax.sweep.dataset import Dataset
from epiplexity_jax.sweep.executor import Executor, SweepContext
from epiplexity_jax.sweep.plan import Plan, make_plan
from epiplexity_jax.sweep.recipe import with_batch
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.runner import run_plan
from epiplexity_jax.sweep.tracking import Tracking
from epiplexity_jax.tuning.candidates import Candidate, Space
from epiplexity_jax.tuning.search import MOST_RUNS, SHARES, Chosen, Search, Trial, search


@dataclass(frozen=True)
class Tuned:
    """A sweep whose recipes are chosen.

    Attributes:
        sweep: the config, with `recipes`.
        trials: runs that the choice rests on.
    """

    sweep: Sweep
    trials: tuple[RunSpec, ...] = ()


@dataclass(frozen=True)
class Care:
    """The care with which a recipe is chosen where few trials decide.

    Attributes:
        slack: share of the code that a lower rate than the best one may cost, and is still taken.
        seeds: seeds of every trial over the whole budget, whose mean code counts; where they are
            few, the last recipes have `search.CONFIRMED`.
    """

    slack: float = 0.0
    seeds: int = 1


PLAIN = Care()


def sources_to_tune(plan: Plan) -> tuple[str, ...]:
    """Names of the sources whose recipe a sweep has to find."""
    if not plan.recipes.free:
        return ()
    return tuple(name for name in plan.sweep.sources if name not in plan.sweep.recipes)


def most_flops(plan: Plan, care: Care = PLAIN) -> float:
    """The most that tuning may cost before a plan's members train, FLOPs.

    Args:
        plan: the plan.
        care: the care with which the recipes are chosen.
    """
    named = sources_to_tune(plan)
    least = {name: [r for r in plan.runs if r.dataset.name == name] for name in named}
    smallest = [min(runs, key=lambda run: run.cost.params) for runs in least.values()]
    return float(MOST_RUNS * care.seeds * sum(run.flops for run in smallest))


def tune(context: SweepContext, executor: Executor, care: Care = PLAIN) -> Tuned:
    """Find the recipes that a config leaves out; what the store holds is not trained again.

    The trials of all sources train together. They read the whole data budget at most, on the
    family's smallest size and with a seed of their own.

    Args:
        context: context of the sweep; its plan is that of members at the published recipe.
        executor: trains the waves.
        care: the care with which the recipes are chosen.

    Raises:
        StoreError: when the store cannot be written.
        RunsFailed: when a cluster could not train some trials.
        Interrupted: when an end was asked for.
    """
    plan = context.plan
    names = sources_to_tune(plan)
    if not names:
        return Tuned(plan.sweep)
    datasets = [one for one in plan.datasets if one.name in names]
    searches = {one.name: search(_space(plan, care)) for one in datasets}
    rounds = _Rounds(replace(context, tracking=Tracking()), executor, datasets)
    chosen = rounds.finish(searches)
    recipes = {
        name: _recipe(plan.recipes.given, one.candidate).model_copy(update={"tried": one.tried})
        for name, one in chosen.items()
    }
    for name, recipe in recipes.items():
        context.progress.message(f"{name}: {_words(recipe)}")
    sweep = plan.sweep.model_copy(update={"recipes": plan.sweep.recipes | recipes})
    return Tuned(sweep, tuple(rounds.runs.values()))


class _Rounds:
    """Trains the rounds of several searches, each round's trials together."""

    def __init__(self, context: SweepContext, executor: Executor, datasets: Sequence[Dataset]):
        self._context, self._executor, self._datasets = context, executor, datasets
        self.runs: dict[str, RunSpec] = {}
        self._announced = False

    def finish(self, searches: Mapping[str, Search]) -> dict[str, Chosen]:
        """Take searches, by source, to their end."""
        chosen: dict[str, Chosen] = {}
        asked = {name: next(one) for name, one in searches.items()}
        while asked:
            scores: dict[str, dict[Trial, float]] = {}
            for seeds in sorted({_seeds_of(trials) for trials in asked.values()}):
                part = {n: own for n, own in asked.items() if _seeds_of(own) == seeds}
                scores |= self._scores(part, seeds)
            asked = {}
            for name, found in scores.items():
                try:
                    asked[name] = searches[name].send(found)
                except StopIteration as end:
                    chosen[name] = end.value
        return {name: chosen[name] for name in searches}

    def _scores(
        self, asked: Mapping[str, list[Trial]], seeds: int
    ) -> dict[str, dict[Trial, float]]:
        plan, store = self._plan(asked, seeds), self._context.store
        if any(run.run_id not in store.finished() for run in plan.runs):
            if not self._announced:
                self._context.progress.message(f"tuning the recipe on {plan.runs[0].size}")
                self._announced = True
            earlier = tuple(self.runs.values())
            run_plan(replace(self._context, plan=plan, earlier=earlier), self._executor)
        self.runs |= {run.run_id: run for run in plan.runs}
        runs = iter(_by_source(plan, asked))
        return {
            name: {
                trial: fmean([self._score(store, next(runs), trial.share) for _ in range(seeds)])
                for trial in trials
            }
            for name, trials in asked.items()
        }

    def _plan(self, asked: Mapping[str, list[Trial]], seeds: int) -> Plan:
        plan = self._context.plan
        trials = {
            name: [_recipe(plan.recipes.given, trial.candidate, trial.share) for trial in trials]
            for name, trials in asked.items()
        }
        platform = self._executor.hardware.platform
        return make_plan(plan.sweep, platform, trials, self._datasets, seeds)

    def _score(self, store: Store, run: RunSpec, share: Fraction) -> float:
        """Bits of a run's code; a short run need not be clearly better than no training."""
        row = store.finished()[run.run_id]
        estimator: Any = self._context.plan.sweep.estimator
        tokens = self._context.plan.sweep.frontier.test_tokens
        if tokens is None:
            given = self._context.plan.recipes.given
            tokens = float(given.steps * given.batch_size * run.dataset.mean_labels)
        stored = StoredRun(row, store.history(run.run_id))
        variant = estimator.variant or run.row["variant"]
        clear = CLEAR if share == SHARES[-1] else 0.0
        return least_code(stored, tokens, variant, estimator.floor, clear).mdl_bits


def _seeds_of(trials: Sequence[Trial]) -> int:
    """Seeds of the trials of a round, which are the same for all."""
    (seeds,) = {trial.seeds for trial in trials}
    return seeds


def _by_source(plan: Plan, asked: Mapping[str, list[Trial]]) -> Iterator[RunSpec]:
    """Runs of a plan in the order of the trials that were asked for."""
    for name in asked:
        yield from (run for run in plan.runs if run.dataset.name == name)


def _space(plan: Plan, care: Care) -> Space:
    given = plan.recipes.given
    published = Candidate(**{name: getattr(given, name) for name in Candidate._fields})
    return Space(
        published=published,
        free=plan.recipes.free,
        sequences=given.steps * given.batch_size,
        divisor=plan.sweep.training.microbatch or 1,
        most_steps=plan.sweep.estimator.iteration_limit or float("inf"),
        slack=care.slack,
        seeds=care.seeds,
    )


def _recipe(given: Recipe, candidate: Candidate, share: Fraction = Fraction(1)) -> Recipe:
    """A candidate's recipe over a share of the budget."""
    recipe = with_batch(given, candidate.batch_size)
    steps = max(int(recipe.steps * share), 1)
    return recipe.model_copy(update={**candidate._asdict(), "steps": steps})


def _words(recipe: Recipe) -> str:
    cap = "" if recipe.max_kl is None else f", cap {recipe.max_kl:g} nats/token"
    return (
        f"rate {recipe.learning_rate:g}, warm-up {recipe.warmup_steps}, batch {recipe.batch_size}, "
        f"window {recipe.ema_growth:g}{cap}: the best of {recipe.tried} recipes"
    )
