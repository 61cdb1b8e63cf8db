"""Measure sources in a given time: choose sizes and tokens, tune, train, and keep the config."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict

import yaml

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.files import write_atomically
from epiplexity_jax.base.human import duration
from epiplexity_jax.base.yaml import read_yaml
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.estimators.config import Prequential
from epiplexity_jax.families.networks.transformer import Transformer
from epiplexity_jax.planning.calibrate import (
    LEAST_SIZES,
    MOST_SIZES,
    Work,
    calibrate,
    choose,
    seconds_of,
    tuning_tokens,
)
from epiplexity_jax.planning.pace import Pace
from epiplexity_jax.planning.planner import (
    BATCH,
    CARE,
    FIRST_SHARE,
    WARMUP,
    Grid,
    Planned,
    Planner,
    Question,
    limits_of,
)
from epiplexity_jax.planning.requests import NOISE, Asked, ask, check_options, controls
from epiplexity_jax.planning.sizes import SizeCost, check_reach, costs_of, first_sizes, inside
from epiplexity_jax.sources.files.recognise import Reading
from epiplexity_jax.sweep.config import (
    FrontierOptions,
    Heldout,
    Recipe,
    Sweep,
    Training,
    parse_sweep,
)
from epiplexity_jax.sweep.executor import Executor, SweepContext
from epiplexity_jax.sweep.plan import Plan, make_plan, steps_for
from epiplexity_jax.tuning.tune import tune

DEFAULT_MINUTES, DEFAULT_LENGTH = 5.0, 64
WIDTHS = tuple(4 * 2**power for power in range(MOST_SIZES + 1))
_FIRST = 1  # index of the smallest width of a first round; those below are for growth alone
_WINDOW = 0.1
_FEW_SEEDS, _SEEDS, _LONG = 3, 4, 15.0  # seeds below and from so many minutes on
_CONTROL = 0.4  # of the training of a source, that its control takes
_MARGIN = 0.85  # of the time, that a plan fills; the rest is reading, drawing and printing
_HELDOUT_SHARE, _LEAST_HELDOUT, _MOST_HELDOUT = 0.05, 8_192, 250_000
_DONE = "# epiplexity-jax measure: the config of a finished measurement; `run` repeats it\n"
_BEGUN = "# epiplexity-jax measure: a plan whose training has not ended; measure goes on with it\n"


class MeasureOptions(TypedDict, total=False):
    """Options of a question, see `api.measure`."""

    test_tokens: float | None
    budgets: Sequence[float] | None
    seed: int
    length: int | None
    reading: Reading | None
    column: str | None


@dataclass(frozen=True)
class Request:
    """A question about some sources.

    Attributes:
        asked: the sources.
        controls: configs of the controls, by name.
        minutes: time that is there.
        name: name of its store.
        test_tokens: label tokens of the dataset whose information is measured; None: chosen.
        budgets: FLOPs; None: chosen.
        seed: root of every random choice.
    """

    asked: Sequence[Asked]
    controls: Mapping[str, Config]
    minutes: float
    name: str
    test_tokens: float | None = None
    budgets: tuple[float, ...] | None = None
    seed: int = 0
    seeds: int = field(init=False)

    def __post_init__(self) -> None:
        """Choose the number of seeds."""
        seeds = _FEW_SEEDS if self.minutes < _LONG else _SEEDS
        object.__setattr__(self, "seeds", seeds)

    @classmethod
    def of(cls, source: Sequence[Any], minutes: float, options: MeasureOptions) -> "Request":
        """Open the sources of a question.

        Args:
            source: paths, kinds of sources, configs or opened sources.
            minutes: time that is there.
            options: its options.

        Raises:
            ConfigError: when an argument is not allowed.
            DataError: when a source is missing, damaged, or too small to say anything.
        """
        if not source:
            raise ConfigError("source: expected a file, a folder, or the name of a kind")
        check_options(minutes, options)
        length = options.get("length") or DEFAULT_LENGTH
        asked = ask(source, length, options.get("reading"), options.get("column"))
        budgets, test_tokens = options.get("budgets"), options.get("test_tokens")
        named = {
            "sources": [(one.name, one.source.info.fingerprint) for one in asked],
            "minutes": minutes,
            **{name: value for name, value in options.items() if value is not None},
        }
        return cls(
            asked=asked,
            controls=controls(asked),
            minutes=minutes,
            name=store_name(named, asked[0].name),
            test_tokens=test_tokens,
            budgets=None if budgets is None else tuple(sorted(budgets)),
            seed=options.get("seed", 0),
        )

    @property
    def most_tokens(self) -> float:
        """Label tokens of the smallest source; infinite where all are drawn."""
        return min((one.tokens for one in self.asked if one.tokens), default=float("inf"))

    def recipe_of(self, control: str) -> str:
        """Name of the source whose recipe a control is trained by."""
        own = [one.name for one in self.asked if control == f"{one.name}, shuffled"]
        return (own or [self.asked[0].name])[0]

    def sweep(self, heldout: float = _LEAST_HELDOUT) -> Sweep:
        """The sweep before anything is chosen.

        Args:
            heldout: label tokens that are held out.
        """
        return Sweep(
            sources={one.name: one.config for one in self.asked} | dict(self.controls),
            family=Transformer(
                widths=WIDTHS[_FIRST : _FIRST + LEAST_SIZES], depths=(1,), seeds=self.seeds
            ),
            estimator=Prequential(ema_growth=_WINDOW),
            training=Training(steps=1, batch_size=BATCH, warmup_steps=WARMUP),
            heldout=Heldout(tokens=round(heldout)),
            seed=self.seed,
        )


def store_name(arguments: Mapping[str, Any], first: str) -> str:
    """Name a store after a command's arguments, so that the same command finds it again.

    Args:
        arguments: plain values.
        first: name of the first source.
    """
    text = json.dumps(dict(arguments), sort_keys=True, default=str)
    return f"measure-{first}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def config_file(store: Path) -> Path:
    """Path of the config that repeats what a store holds: beside it."""
    return store.with_name(f"{store.name}.yaml")


def _write(path: Path, sweep: Sweep, done: bool) -> None:
    text = yaml.safe_dump(sweep.to_plain(), sort_keys=False, allow_unicode=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, ((_DONE if done else _BEGUN) + text).encode())


def _read(path: Path) -> tuple[Sweep | None, bool]:
    """Read the plan of an earlier call; also whether it was trained to its end."""
    if not path.exists():
        return None, False
    text = path.read_text(encoding="utf-8")
    return parse_sweep(read_yaml(text, str(path))), text.startswith(_DONE)


def run_measure(context: SweepContext, executor: Executor, request: Request, pace: Pace) -> Planned:
    """Train what a question asks for in its time, or go on with it.

    Args:
        context: context of the sweep; its plan is that of `Request.sweep`.
        executor: trains the waves.
        request: the question.
        pace: seconds of runs, and when the time is over.

    Raises:
        StoreError: when the store cannot be written.
        Interrupted: when an end was asked for; what is finished stays.
    """
    path, platform = config_file(context.store.path), executor.hardware.platform
    sweep, done = _read(path)
    if sweep is None:
        sweep = _chosen(context, executor, request, pace)
        _write(path, sweep, done=False)
    else:
        context.progress.message(f"{path}: the plan of an earlier call of this command is used")
    plan = make_plan(sweep, platform)
    context = replace(context, plan=plan)
    if not done:
        sweep, context = _tuned(context, executor, request, pace)
    assert sweep.frontier.test_tokens
    assert sweep.frontier.compute
    question = Question(sweep.frontier.compute, sweep.frontier.test_tokens)
    costs = costs_of(sweep, plan.datasets, platform, question.test_tokens)
    planner = Planner(context, executor, question, pace)
    if done:
        return planner.repeat(costs, sweep)
    planned = planner.finish(costs, dict(sweep.grid) or _grid(context.plan, costs, question))
    _write(path, planned.sweep, done=True)
    return planned


def _chosen(context: SweepContext, executor: Executor, request: Request, pace: Pace) -> Sweep:
    """Calibrate, and choose test tokens, sizes, budgets and the length of tuning."""
    hardware, plan = executor.hardware, context.plan
    context.progress.message("calibrating: a few steps of two sizes")
    speed = calibrate(plan.sweep, plan.datasets, hardware, hardware.devices)
    ladder = plan.sweep.model_copy(
        update={"family": plan.sweep.family.model_copy(update={"widths": WIDTHS})}
    )
    first = plan.datasets[0]
    costs = costs_of(ladder, [first], hardware.platform, 1.0)[first.name]
    drawn_controls = len(request.controls)
    work = Work(
        seconds=_MARGIN * pace.left,
        copies=request.seeds * (len(request.asked) + _CONTROL * drawn_controls),
        tuned=len(request.asked),
        tokens=0.85 * request.most_tokens,
    )
    most = float(f"{request.most_tokens:.1e}") if request.most_tokens < float("inf") else 1e10
    choice = choose(work, speed, costs[_FIRST:], most, request.test_tokens)
    for one in costs:
        seconds = 6.0 * one.params * speed.per_flop + speed.per_token
        pace.seconds[one.name] = seconds / (6.0 * one.params)
    pace.compiling = speed.compiling
    test = choice.test_tokens
    costs = [one._replace(test_flops=one.test_flops * test) for one in costs]
    sizes = costs[_FIRST : _FIRST + choice.sizes]
    budgets = request.budgets or tuple(inside(sizes))
    if request.budgets:
        check_reach(costs, budgets[-1], test)
        sizes = first_sizes(costs, budgets, test)
        work = replace(work, budget=budgets[-1])
    names = [one.name for one in costs]
    last = min(names.index(sizes[-1].name) + 2, len(WIDTHS))  # one more to grow by
    tokens = tuning_tokens(work, test)
    needed = seconds_of(work, speed, sizes, test) / _MARGIN
    context.progress.message(time_sentence(work.seconds / _MARGIN, needed, sizes, test))
    heldout = min(max(_HELDOUT_SHARE * test, _LEAST_HELDOUT), _MOST_HELDOUT)
    sweep = request.sweep(heldout)
    return sweep.model_copy(
        update={
            "family": sweep.family.model_copy(update={"widths": WIDTHS[:last]}),
            "training": sweep.training.model_copy(
                update={"steps": steps_for(tokens, BATCH, first)}
            ),
            "frontier": FrontierOptions(test_tokens=test, compute=budgets),
        }
    )


def time_sentence(left: float, needed: float, sizes: Sequence[SizeCost], test: float) -> str:
    """Say whether the time suffices for a plan, and else how much would.

    Args:
        left: seconds that are left.
        needed: seconds that the plan takes.
        sizes: its sizes, smallest first.
        test: label tokens of the dataset whose information is measured.
    """
    names = f"{len(sizes)} sizes, {sizes[0].name} to {sizes[-1].name},"
    if len(sizes) == 1:
        names = f"one size, {sizes[0].name},"
    plan = f"for {names} and {test:.3g} test tokens"
    if needed <= left:
        return f"{duration(left)} are enough {plan}"
    return f"{duration(left)} are hardly enough {plan}; about {duration(needed)} would be"


def _grid(plan: Plan, costs: Mapping[str, Sequence[SizeCost]], question: Question) -> Grid:
    """Sizes and tokens of the first round: those between which the budgets lie."""
    grid: Grid = {}
    for dataset in plan.datasets:
        batch = plan.recipes.of_source(dataset.name).batch_size
        own = limits_of(dataset, question, batch)
        inner = costs[dataset.name][_FIRST:-1]  # the others are for growth alone
        sizes = first_sizes(inner, own.budgets, own.test_total)
        grid[dataset.name] = {
            one.name: min(max(FIRST_SHARE * own.cap(one), own.least), own.most) for one in sizes
        }
    return _with_short_controls(grid)


def _with_short_controls(grid: Grid) -> Grid:
    """A grid in which noise, which never ends, reads no more than the sources do."""
    most: dict[str, float] = {}
    for name, sizes in grid.items():
        if control_of(name) is None:
            for size, tokens in sizes.items():
                most[size] = max(most.get(size, 0.0), tokens)
    return {
        name: sizes
        if control_of(name) is None
        else {size: min(tokens, most.get(size, tokens)) for size, tokens in sizes.items()}
        for name, sizes in grid.items()
    }


def _tuned(
    context: SweepContext, executor: Executor, request: Request, pace: Pace
) -> tuple[Sweep, SweepContext]:
    """Find the recipe of every source; a control is trained by that of its source."""
    plan = context.plan
    if set(plan.sweep.recipes) >= set(plan.sweep.sources):
        return plan.sweep, context
    given = plan.recipes.given
    held: dict[str, Recipe] = dict.fromkeys(request.controls, given)
    family = plan.sweep.family.model_copy(update={"widths": WIDTHS[_FIRST : _FIRST + 1]})
    tuning = plan.sweep.model_copy(update={"recipes": held, "family": family})
    platform = executor.hardware.platform
    before = replace(context, plan=make_plan(tuning, platform, datasets=plan.datasets))
    try:
        before = replace(before, stop=lambda: context.stop() or pace.is_over)
        tuned = tune(before, executor, CARE)
    except Interrupted:
        if context.stop() or not pace.is_over:
            raise
        raise ConfigError(
            f"--minutes: {request.minutes:g} were over before the learning rates were found; say "
            f"{math.ceil(2 * request.minutes)}, and the same store goes on from here"
        ) from None
    recipes = dict(tuned.sweep.recipes)
    for name in request.controls:
        recipes[name] = recipes[request.recipe_of(name)]
    sweep = plan.sweep.model_copy(update={"recipes": recipes})
    return sweep, replace(
        context,
        plan=make_plan(sweep, platform, datasets=plan.datasets),
        earlier=tuned.trials,
    )


def control_of(name: str) -> str | None:
    """Name of the source that a control belongs to; "" of noise, None of no control."""
    if name == NOISE:
        return ""
    return name.removesuffix(", shuffled") if name.endswith(", shuffled") else None
