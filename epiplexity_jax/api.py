"""The Python interface, which the command line uses too: run a sweep, load a store, decompose."""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

import jax

from epiplexity_jax.base.config import Config, shorten
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.estimators.config import EstimatorConfig, Prequential, Requential
from epiplexity_jax.executors.choose import executor_of
from epiplexity_jax.families.registry import kinds as families
from epiplexity_jax.laws import scaling_law
from epiplexity_jax.pages.write import write_report
from epiplexity_jax.planning.budgets import prepare, train_for_budgets, unprepared
from epiplexity_jax.planning.findings import Measured, has_members
from epiplexity_jax.planning.measure import (
    DEFAULT_MINUTES,
    MeasureOptions,
    Request,
    config_file,
    run_measure,
)
from epiplexity_jax.planning.pace import Pace
from epiplexity_jax.planning.planner import CARE, FIRST_SHARE
from epiplexity_jax.probing.transfer import transfer
from epiplexity_jax.results import Runs, decompose_all, final_lengths, load, plot, rank
from epiplexity_jax.runtime.devices import idle_cores_warning, open_devices
from epiplexity_jax.runtime.interrupts import Stop
from epiplexity_jax.runtime.processes import is_main_process
from epiplexity_jax.sources.opening import kinds as sources
from epiplexity_jax.sources.python.opened import opened
from epiplexity_jax.store import Store
from epiplexity_jax.sweep import final_states
from epiplexity_jax.sweep.config import (
    CheckpointOptions,
    ExecutorOptions,
    FrontierOptions,
    Heldout,
    RecipeChoice,
    Sweep,
    Training,
    parse_sweep,
)
from epiplexity_jax.sweep.config_file import read_config
from epiplexity_jax.sweep.dry_run import PlanSummary, summarise
from epiplexity_jax.sweep.executor import Executor, SweepContext
from epiplexity_jax.sweep.found_recipes import with_found_recipes
from epiplexity_jax.sweep.plan import Plan, make_plan
from epiplexity_jax.sweep.progress import Progress, Silent
from epiplexity_jax.sweep.recorded import recorded
from epiplexity_jax.sweep.runner import run_plan
from epiplexity_jax.sweep.tracking import Tracking
from epiplexity_jax.trackers import Sink, open_tracker
from epiplexity_jax.tuning.tune import most_flops, tune

__all__ = [
    "CheckpointOptions",
    "ExecutorOptions",
    "FrontierOptions",
    "Heldout",
    "Prequential",
    "Requential",
    "Runs",
    "Training",
    "decompose_all",
    "default_store",
    "devices",
    "families",
    "load",
    "measure",
    "plan",
    "plan_config",
    "plot",
    "rank",
    "run",
    "run_config",
    "scaling_law",
    "sources",
    "transfer",
    "write_report",
]


class Sections(TypedDict, total=False):
    """The further sections of a config, as `run` takes them."""

    training: Training
    heldout: Heldout
    checkpoints: CheckpointOptions
    executor: ExecutorOptions
    frontier: FrontierOptions
    recipe: RecipeChoice
    seed: int


class RunSections(Sections, total=False):
    """The sections that `run` takes, and budgets."""

    budgets: tuple[float, ...]


def run(
    source: Any,
    family: Config,
    estimator: Prequential | Requential | None = None,
    *,
    store: str | os.PathLike[str],
    steps: int | None = None,
    progress: Progress | None = None,
    trackers: Sequence[Config | Sink] = (),
    **sections: Unpack[RunSections],
) -> Runs:
    """Train every member of a family on one or several sources, or resume it.

    It trains on the devices, and with the compilation cache, that the program has, and leaves JAX's
    settings, the environment, signals and logging as they were. For one device per CPU core and a
    cache of compiled programs, call `training.one_device_per_core()` and
    `training.cache_compilations()` before the first JAX computation. The executor `ray` starts a
    JAX that has not started on the CPU alone. What `training` and `estimator` leave out is tuned.

    Args:
        source: one source, or several by name: a config such as `sources.Text(...)`, or an opened
            source such as `sources.from_array(...)`.
        family: the models an observer may use: a config, or what `families.user_model` returns.
        estimator: how a trained model is coded.
        store: folder of the store; what it holds already is not trained again.
        steps: number of steps of every run; overrides `training.steps`.
        progress: receives steps, losses and messages; default: nothing is shown.
        trackers: receive numbers while it trains: configs such as `trackers.Jsonl()`, or sinks of
            your own, see `trackers.Sink`.
        **sections: `training` (batch size, learning rate and the like), `heldout` (size and choice
            of the held-out set), `checkpoints` (how often runs in training are kept), `executor`
            (this process or a Ray cluster), `frontier` (default test tokens and budgets), `recipe`
            ("fixed" leaves tuning out), `budgets` (FLOPs for which sizes and tokens are chosen, in
            place of steps and widths), `seed` (root of every random choice).

    Raises:
        ConfigError: on an impossible combination, or when a tracker's package is not installed.
        DataError: on a source that is missing, wrong or too short.
        StoreError: when the folder is not a store or cannot be written.
        RunsFailed: when a cluster could not train some runs; the others are in the store.
    """
    if steps is not None:
        training = sections.get("training") or Training()
        sections["training"] = Training(**(training.model_dump() | {"steps": steps}))
    sweep = Sweep(
        sources=_named(source),
        family=family,
        estimator=estimator or Prequential(),
        trackers=tuple(tracker for tracker in trackers if isinstance(tracker, Config)),
        **sections,
    )
    own = [tracker for tracker in trackers if not isinstance(tracker, Config)]
    for tracker in own:
        if not isinstance(tracker, Sink):
            raise ConfigError(
                "trackers: expected a config such as trackers.Jsonl(), or an object with the "
                f"methods start, log, finish and close, got {shorten(tracker)}"
            )
    return _run_sweep(sweep, Path(store), progress or Silent(), own)


def run_config(
    config: Path, overrides: Sequence[str], store: Path | None, progress: Progress
) -> Runs:
    """Train the sweep of a config file, or resume it.

    Args:
        config: the file.
        overrides: such as `training.steps=500`.
        store: folder of the store; default: see `default_store`.
        progress: receives steps, losses and messages.
    """
    return run_plain(read_config(config, overrides), store or default_store(config), progress)


def run_plain(config: Any, store: Path, progress: Progress) -> Runs:
    """See `run_config`, of a config given as plain data."""
    return _run_sweep(parse_sweep(config), store, progress)


def plan_config(config: Path, overrides: Sequence[str], store: Path | None) -> PlanSummary:
    """See `run_config`: count what it would train, and time a few steps of every cohort."""
    return plan_plain(read_config(config, overrides), store or default_store(config))


def plan_plain(config: Any, store: Path, cpu_timing: bool = True) -> PlanSummary:
    """See `plan_config`, of a config given as plain data.

    Args:
        config: the config.
        store: folder whose finished runs count as done.
        cpu_timing: whether a few steps of every cohort are timed on CPUs too; if not, a plan for
            CPUs is counted and has no times.
    """
    _sinks(sweep := parse_sweep(config))
    return _planned(sweep, store, cpu_timing)


def plan(
    source: Any,
    family: Config,
    *,
    budgets: Sequence[float],
    test_tokens: float,
    estimator: EstimatorConfig | None = None,
    store: str | os.PathLike[str] | None = None,
    **sections: Unpack[Sections],
) -> PlanSummary:
    """Count and time what `run` would train for budgets; nothing is trained.

    Args:
        source: as for `run`.
        family: as for `run`; the plan chooses widths that it does not name.
        budgets: FLOPs.
        test_tokens: label tokens of the dataset whose information is measured.
        estimator: how a trained model is coded.
        store: folder whose finished runs count as done; default: none.
        **sections: as for `run`.

    Raises:
        ConfigError: on an impossible combination.
        DataError: on a source that is missing, wrong or too short.
    """
    frontier = sections.get("frontier") or FrontierOptions()
    sections["frontier"] = frontier.model_copy(update={"test_tokens": test_tokens})
    sweep = Sweep(
        sources=_named(source),
        family=family,
        estimator=estimator or Prequential(),
        budgets=tuple(budgets),
        **sections,
    )
    return _planned(sweep, None if store is None else Path(store))


def _named(source: Any) -> dict[str, Config]:
    named = dict(source) if isinstance(source, Mapping) else {"source": source}
    return {name: s if isinstance(s, Config) else opened(s) for name, s in named.items()}


def _planned(sweep: Sweep, folder: Path | None, cpu_timing: bool = True) -> PlanSummary:
    # Opening makes nothing until a run is kept.
    store = None if folder is None else Store.open(folder, create=True)
    with open_devices(sweep.training.shares) as devices:
        platform = devices[0].platform
        timed = cpu_timing or platform != "cpu"
        if not sweep.budgets:
            plan = make_plan(with_found_recipes(sweep, store), platform)
            return _counted(plan, devices, store, most_flops(plan), timed)
        prepared = prepare(sweep, platform)
        prepared = replace(prepared, sweep=with_found_recipes(prepared.sweep, store))
        sweep = prepared.sweep.model_copy(update={"grid": prepared.first_grid(1.0)})
        plan = make_plan(sweep, platform, datasets=prepared.datasets)
        tuning = make_plan(prepared.tuning, platform, datasets=prepared.datasets)
        return _counted(plan, devices, store, most_flops(tuning, CARE), timed)


def _counted(
    plan: Plan, devices: Any, store: Store | None, tuning: float, timed: bool
) -> PlanSummary:
    finished = {} if store is None else store.finished()
    begun = {} if store is None else final_states.begun(plan.runs, store)
    return summarise(plan, devices, finished, timed, tuning, begun)


def default_store(config: Path) -> Path:
    """Return runs/<name of the config>."""
    return Path("runs") / config.stem


def _sinks(sweep: Sweep) -> list[tuple[str, Sink]]:
    """Open the sinks of a config, by kind; nothing is imported or written yet."""
    sinks = []
    for i, config in enumerate(sweep.trackers):
        try:
            sink = open_tracker(config)
        except ConfigError as error:  # which does not know the key
            raise ConfigError(f"trackers.{i}: {error}") from None
        sinks.append((config.model_dump()["kind"], sink))
    return sinks


@contextmanager
def _no_root_handler() -> Iterator[None]:
    """Take back the handler that a library (absl, under Orbax) gives a root logger without one."""
    had = bool(logging.root.handlers)
    try:
        yield
    finally:
        if not had:
            logging.root.handlers.clear()


@contextmanager
def _opened(
    sweep: Sweep, folder: Path, progress: Progress, own: Sequence[Sink] = ()
) -> Iterator[tuple[SweepContext, Executor]]:
    """Open all that a sweep trains with: store, devices, sinks; signals wait for the work's end."""
    sinks = [*_sinks(sweep), *((type(sink).__name__, sink) for sink in own)]
    store = Store.open(folder, create=True)
    stop, lengths = Stop(), partial(final_lengths, test_tokens=sweep.frontier.test_tokens)
    with _no_root_handler(), executor_of(sweep) as executor:
        plan = make_plan(sweep, executor.hardware.platform)
        if plan.trainer.on_device and (warning := idle_cores_warning(executor.hardware.devices)):
            progress.message(warning)
        store.writes = is_main_process()
        tracking = Tracking(sinks if store.writes else (), store.path, progress.message, lengths)
        with (
            store.lock(),
            recorded(progress, store.path, store.writes) as kept,
            stop.postponed(),
            closing(kept),
            closing(tracking),
        ):
            yield SweepContext(plan, store, kept, stop, tracking), executor


def _run_sweep(sweep: Sweep, folder: Path, progress: Progress, own: Sequence[Sink] = ()) -> Runs:
    begun = unprepared(sweep) if sweep.budgets else sweep
    with _opened(begun, folder, progress, own) as (context, executor):
        if sweep.budgets:
            platform = executor.hardware.platform
            prepared = prepare(sweep, platform, context.plan.datasets)
            train_for_budgets(context, executor, prepared, FIRST_SHARE)
            return Runs(context.store)
        tuned = tune(context, executor)
        if tuned.trials:
            plan = make_plan(
                tuned.sweep, executor.hardware.platform, datasets=context.plan.datasets
            )
            context = replace(context, plan=plan, earlier=tuned.trials)
        run_plan(context, executor)
    return Runs(context.store)


def measure(
    *source: Any,
    minutes: float = DEFAULT_MINUTES,
    store: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **options: Unpack[MeasureOptions],
) -> Measured:
    """Measure sources in a given time, with noise and shuffled copies as controls.

    Sizes, training tokens and learning rates are chosen from a short calibration, and the config
    that repeats it lies beside the store. The same call again goes on where it stopped.

    Args:
        *source: paths, patterns, kinds of sources, configs such as `sources.Text(...)`, or opened
            sources.
        minutes: time that it may take.
        store: folder of the store; default: one in `runs`, named after the arguments.
        progress: receives steps, losses and messages; default: nothing is shown.
        **options: `test_tokens` (label tokens of the dataset whose information is measured) and
            `budgets` (FLOPs), by default chosen; `seed` (root of every random choice), `length`
            (tokens of a sequence), `reading` ("bytes", "characters", "tokens" or "documents": how
            files are read), `column` (of a table).

    Returns:
        The answer, from all runs that are finished; after an interrupt from those that are.

    Raises:
        ConfigError: when an argument is not allowed.
        DataError: when a source is missing, damaged, or too small to say anything.
        StoreError: when the folder is not a store or cannot be written.
    """
    progress, pace = progress or Silent(), Pace(ends=time.monotonic() + 60.0 * minutes)
    request = Request.of(source, minutes, options)
    folder = Path(store or Path("runs") / request.name)
    for one in request.asked:
        progress.message(f"{one.name}: {one.words}")
    planned = None
    try:
        with _opened(request.sweep(), folder, progress) as (context, executor):
            planned = run_measure(context, executor, request, pace)
    except KeyboardInterrupt:
        if planned is None and not has_members(folder):
            raise
    return Measured.of(load(folder), request, planned, config_file(folder))


def devices() -> list[dict[str, Any]]:
    """List the devices that a sweep would use."""
    return [
        {"id": d.id, "platform": d.platform, "kind": d.device_kind, "process": d.process_index}
        for d in jax.devices()
    ]
