"""Train a sweep for given budgets: sizes and tokens grow until every optimum lies inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.planning.growth import Growth, Limits, grow
from epiplexity_jax.planning.pace import Pace
from epiplexity_jax.planning.sizes import SizeCost, first_sizes
from epiplexity_jax.results import Runs
from epiplexity_jax.sweep.config import Sweep
from epiplexity_jax.sweep.dataset import Dataset
from epiplexity_jax.sweep.executor import Executor, SweepContext
from epiplexity_jax.sweep.plan import Plan, make_plan
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.runner import run_plan
from epiplexity_jax.tuning.tune import Care

FIRST_SHARE = 0.25  # of a run's most tokens, that the first round reads
BATCH, WARMUP = 16, 10  # sequences of a step, and steps, where nothing is given
CARE = Care(slack=0.01, seeds=3)  # one seed's scatter would choose among rates a factor 16 apart
_LEAST_STEPS = 16
_ROUNDS = 40
_SAID = 3  # runs of a round that a message names

Grid = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Question:
    """Budgets and test tokens that a plan answers for.

    Attributes:
        budgets: FLOPs, rising.
        test_tokens: label tokens of the dataset whose information is measured.
    """

    budgets: tuple[float, ...]
    test_tokens: float


@dataclass
class Planned:
    """Outcome of a plan.

    Attributes:
        sweep: the config, with its grid.
        complete: True if every budget's optimum lies inside, or no run can be grown.
        waiting: runs that the time did not suffice for.
    """

    sweep: Sweep
    complete: bool = True
    waiting: list[Growth] = field(default_factory=list)


def limits_of(dataset: Dataset, question: Question, batch_size: int) -> Limits:
    """Limits of the runs of a source.

    Args:
        dataset: the source.
        question: budgets and test tokens.
        batch_size: sequences of a step.
    """
    task = dataset.task
    each = batch_size * task.total_tokens
    most = float("inf") if dataset.split is None else dataset.split.max_steps(batch_size) * each
    return Limits(
        budgets=question.budgets,
        test=question.test_tokens,
        test_total=question.test_tokens * task.total_tokens / task.label_tokens,
        most=float(most),
        least=float(_LEAST_STEPS * each),
    )


def first_grid(
    costs: Mapping[str, Sequence[SizeCost]], limits: Mapping[str, Limits], share: float
) -> Grid:
    """Sizes and tokens of the first round, by source.

    Args:
        costs: sizes of each source, smallest first.
        limits: limits of each source's runs.
        share: part of the most tokens of every run.
    """
    grid: Grid = {}
    for name, sizes in costs.items():
        own = limits[name]
        grid[name] = {
            one.name: min(max(share * own.cap(one), own.least), own.most)
            for one in first_sizes(sizes, own.budgets, own.test_total)
        }
    return grid


class Planner:
    """Trains rounds of runs, each chosen from the results of those before.

    Args:
        context: context of the sweep, whose plan has its recipes.
        executor: trains the waves.
        question: budgets and test tokens.
        pace: seconds of runs, and when the time is over.
    """

    def __init__(
        self, context: SweepContext, executor: Executor, question: Question, pace: Pace
    ) -> None:
        """Prepare; nothing is trained yet."""
        self._context, self._executor = context, executor
        self._question, self._pace = question, pace
        self._runs: dict[str, RunSpec] = {run.run_id: run for run in context.earlier}
        self._tuning = tuple(context.earlier)
        self._trained: list[tuple[Grid, Plan]] = []

    def finish(self, costs: Mapping[str, Sequence[SizeCost]], grid: Grid) -> Planned:
        """Train until every optimum lies inside, nothing can be grown, or the time is over.

        Args:
            costs: sizes of each source that may be trained, smallest first.
            grid: sizes and tokens of the first round.

        Raises:
            StoreError: when the store cannot be written.
            RunsFailed: when a cluster could not train some runs.
            Interrupted: when an end was asked for; what is finished stays.
        """
        waiting: list[Growth] = []
        try:
            for part in _by_size(costs, grid):
                self._train(part)
            for number in range(_ROUNDS):
                wanted = self._wanted(costs, grid)
                chosen, waiting = self._affordable(wanted, costs, grid)
                if not chosen:
                    break
                for one in chosen:
                    grid = grid | {one.source: grid[one.source] | {one.size: one.tokens}}
                self._say(number + 2, chosen)
                self._train(grid)
        except Interrupted:
            if not self._pace.is_over or self._context.stop():
                raise
            self._context.progress.message("the time is over; what is finished counts")
            grid = self._finished_grid()
            self._train(grid, last=True)
            waiting = self._wanted(costs, grid)
        else:
            self._train(grid, last=True)
        return Planned(self._sweep(grid), not waiting, waiting)

    def _sweep(self, grid: Grid) -> Sweep:
        return self._context.plan.sweep.model_copy(update={"grid": grid})

    def _finished_grid(self) -> Grid:
        """The most tokens for which all runs of a source and size are finished."""
        finished = self._context.store.finished()
        found: Grid = {dataset.name: {} for dataset in self._context.plan.datasets}
        for grid, plan in self._trained:
            for source, sizes in grid.items():
                for size, tokens in sizes.items():
                    own = [
                        run
                        for run in plan.runs
                        if (run.dataset.name, str(run.size)) == (source, size)
                    ]
                    if own and all(run.run_id in finished for run in own):
                        known = found[source].get(size, 0.0)
                        found[source][size] = max(known, tokens)
        return found

    def repeat(self, costs: Mapping[str, Sequence[SizeCost]], sweep: Sweep) -> Planned:
        """Train what a finished plan still lacks; nothing where its store is whole.

        Args:
            costs: sizes of each source that may be trained, smallest first.
            sweep: the config, with its grid.

        Returns:
            The outcome, with the runs that the plan's time did not suffice for.

        Raises:
            StoreError: when the store cannot be written.
            Interrupted: when an end was asked for; what is finished stays.
        """
        finished = self._context.store.finished()
        if not all(finished.get(run.run_id, {}).get("current") for run in self._plan(sweep).runs):
            self._train(dict(sweep.grid), last=True)
        waiting = self._wanted(costs, sweep.grid)
        return Planned(sweep, not waiting, waiting)

    def _train(self, grid: Grid, last: bool = False) -> None:
        """Train a round; at the end only the runs of the last grid stay current."""
        context = self._context
        plan = self._plan(self._sweep(grid))
        self._trained.append((grid, plan))
        earlier = self._tuning if last else tuple(self._runs.values())
        stop = context.stop if last else self._stop
        run_plan(replace(context, plan=plan, earlier=earlier, stop=stop), self._executor)
        self._runs |= {run.run_id: run for run in plan.runs}
        finished = context.store.finished()
        self._pace.learn(finished[run.run_id] for run in plan.runs)

    def _stop(self) -> bool:
        return self._context.stop() or self._pace.is_over

    def _plan(self, sweep: Sweep) -> Plan:
        platform = self._executor.hardware.platform
        return make_plan(sweep, platform, datasets=self._context.plan.datasets)

    def _wanted(
        self,
        costs: Mapping[str, Sequence[SizeCost]],
        grid: Mapping[str, Mapping[str, float]],
    ) -> list[Growth]:
        runs = Runs(self._context.store)
        wanted: list[Growth] = []
        for dataset in self._context.plan.datasets:
            name = dataset.name
            if name not in runs.sources:
                continue
            batch = self._context.plan.recipes.of_source(name).batch_size
            limits = limits_of(dataset, self._question, batch)
            frontier = runs.frontier(self._question.test_tokens, name)
            wanted += grow(frontier, grid[name], costs[name], limits)
        return sorted(wanted, key=lambda one: -one.gain)

    def _affordable(
        self, wanted: Sequence[Growth], costs: Mapping[str, Sequence[SizeCost]], grid: Grid
    ) -> tuple[list[Growth], list[Growth]]:
        """Divide growths into those that the time that is left suffices for, and the others."""
        left, chosen, waiting = self._pace.left, [], []
        seeds = getattr(self._context.plan.sweep.family, "seeds", 1)
        for one in wanted:
            (cost,) = [c for c in costs[one.source] if c.name == one.size]
            more = one.tokens - grid[one.source].get(one.size, 0.0)
            seconds = self._pace.of(one.size, seeds * more * cost.params * 6.0)
            if seconds <= left:
                left -= seconds
                chosen.append(one)
            else:
                waiting.append(one)
        return chosen, waiting

    def _say(self, number: int, chosen: Sequence[Growth]) -> None:
        for one in chosen[:_SAID]:
            self._context.progress.message(
                f"round {number}: {one.source}, {one.size} to {one.tokens:.2g} tokens, as {one.why}"
            )
        if (more := len(chosen) - _SAID) > 0:
            self._context.progress.message(f"round {number}: and {more_runs(more)}")


def more_runs(count: int) -> str:
    """Write a number of further runs in words.

    >>> more_runs(1), more_runs(4)
    ('one more run', '4 more runs')
    """
    return "one more run" if count == 1 else f"{count} more runs"


def _by_size(costs: Mapping[str, Sequence[SizeCost]], grid: Grid) -> list[Grid]:
    """The first round in parts, each with one more size, so that there is an answer early."""
    order = {one.name: one.params for own in costs.values() for one in own}
    names = sorted({size for sizes in grid.values() for size in sizes}, key=lambda n: order[n])
    return [
        {
            source: {size: tokens for size, tokens in sizes.items() if size in names[:count]}
            for source, sizes in grid.items()
        }
        for count in range(1, len(names) + 1)
    ]
