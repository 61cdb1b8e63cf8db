"""`epiplexity-jax run`: train the sweep of a config, or resume it, and print the decomposition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.options import (
    Figure,
    Format,
    Json,
    check_figure,
    echo_figure,
    echo_json,
    echo_notes,
    echo_results,
    echo_table,
    interrupt_on_signals,
    read_budgets,
    takes,
)
from epiplexity_jax.cli.watch import watched
from epiplexity_jax.progress import Counted, progress_bar
from epiplexity_jax.report.table import Table

# Columns of a plan's table that a narrow terminal does without, the first first.
_SPARE = (
    *("estimate", "microbatch", "MiB/device", "waves", "cohort"),
    *("evaluation vs declared", "training vs declared"),
)


@dataclass(frozen=True)
class Picture:
    """The options by which `run` shows its results.

    Raises:
        ConfigError: when made from both, or from a file of an unknown format.
    """

    figure: Figure = None
    no_figure: Annotated[
        bool,
        typer.Option("--no-figure", help="Write no picture (default: frontier.png in the store)."),
    ] = False
    watch: Annotated[
        bool, typer.Option("--watch", help="Serve a page that follows the sweep, see `watch`.")
    ] = False

    def __post_init__(self) -> None:
        """Refuse what is not allowed."""
        if self.figure is not None and self.no_figure:
            raise ConfigError("--figure: cannot be given together with --no-figure")
        check_figure(self.figure)

    def file(self, store: Path) -> Path | None:
        """File to draw into; None for no picture."""
        return None if self.no_figure else self.figure or store / "frontier.png"


@takes(picture=Picture)
def run(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="YAML config; `init` writes one.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Overrides, such as training.steps=500."),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Folder of the store; default: runs/<name of the config>.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and print the plan; train nothing.")
    ] = False,
    budgets: Annotated[
        str | None,
        typer.Option(
            metavar="T,T,...",
            help="Budgets in FLOPs for which sizes and tokens are chosen; sets budgets.",
        ),
    ] = None,
    as_json: Json = False,
    join: Annotated[
        str | None,
        typer.Option(
            metavar="I/N@HOST:PORT",
            help="This is process I, from 0, of N that train one sweep; process 0 is at HOST:PORT. "
            "Found by itself under SLURM, Open MPI, Kubernetes and on TPU pods.",
        ),
    ] = None,
    *,
    picture: Picture,
) -> None:
    """Train the sweep of a config, or resume it, then print epiplexity and entropy."""
    from epiplexity_jax import api
    from epiplexity_jax.runtime import processes
    from epiplexity_jax.runtime.devices import configure_process

    overrides = overrides or []
    if (asked := read_budgets(budgets)) is not None:
        overrides = [*overrides, f"budgets={asked}"]
    processes.exit_with_parent()
    processes.join(join)
    configure_process()
    if dry_run:
        with processes.redirect_stdout_to_stderr():
            plan = api.plan_config(config, overrides, store)
        if processes.is_main_process():
            print_plan(plan, as_json)
        return
    store = store or api.default_store(config)
    with watched(store, picture.watch and processes.is_main_process()):
        runs = _train(config, overrides, store)
        if processes.is_main_process():
            frontiers = _print_results(runs, store, picture.file(store), as_json)
            if not as_json and _has_budgets(store):
                _print_rates(frontiers, runs.budgets() or [])


def _train(config: Path, overrides: Sequence[str], store: Path) -> Any:
    """Train with progress; a run that is stopped ends with a message of one line."""
    from epiplexity_jax import api
    from epiplexity_jax.runtime import processes

    progress = progress_bar() if processes.is_main_process() else Counted()
    interrupt_on_signals()
    try:
        with processes.redirect_stdout_to_stderr():
            return api.run_config(config, overrides, store, progress)
    except KeyboardInterrupt:
        done = f"{progress.done} of {progress.runs} runs are finished; " if progress.runs else ""
        more = "resumes" if progress.done < progress.runs or not done else "prints the results"
        typer.echo(f"epiplexity-jax: stopped; {done}the same command {more}", err=True)
        raise typer.Exit(130) from None
    except Exception as error:
        said = processes.peer_failure(error)
        if said is None:
            raise
        line = f"epiplexity-jax: another process was lost ({said}){processes.RESUMES}"
        typer.echo(line, err=True)
        raise typer.Exit(processes.LOST) from None


def _print_results(runs: Any, store: Path, figure: Path | None, as_json: bool) -> Mapping[str, Any]:
    """Print what `frontier` prints, without test tokens only its notes; return the frontiers."""
    from epiplexity_jax.results import decompose_all

    form = Format(as_json=as_json)
    if runs.test_tokens is None:
        form.echo("frontier", [], store)
        typer.echo(
            f"runs in {store}: {len(runs)}; for S_T and H_T: epiplexity-jax frontier {store} "
            "--test-tokens N, or set frontier.test_tokens in the config",
            err=True,
        )
        echo_notes((source, note) for source in runs.sources for note in runs.notes(source))
        return {}
    frontiers = runs.frontiers()
    found = decompose_all(frontiers, runs.budgets())
    if not form.echo("frontier", [d.to_json() for d in found], store):
        echo_results(found, frontiers)
    echo_figure(frontiers, figure)
    return frontiers


def _has_budgets(store: Path) -> bool:
    """Return whether a store's sizes and tokens were chosen for budgets."""
    from epiplexity_jax.sweep.config_file import read_config

    config = store / "sweep.yaml"
    return config.exists() and bool(read_config(config).get("budgets"))


def _print_rates(frontiers: Mapping[str, Any], budgets: Sequence[float]) -> None:
    """Print what other rates would give, and orders of sources that they turn round."""
    from epiplexity_jax.analysis.frontier.rates import rate_change
    from epiplexity_jax.planning.findings import turned_by_rate
    from epiplexity_jax.report.measured import rate_sentences
    from epiplexity_jax.report.rank_tables import change_sentences

    for line in rate_sentences(filter(None, map(rate_change, frontiers.values()))):
        typer.echo(line)
    for line in change_sentences(turned_by_rate(frontiers, budgets)):
        typer.echo(f"note: {line}", err=True)


def narrowing(table: Table) -> Table:
    """A plan's table of which a narrow terminal leaves columns out, and folds sources alone."""
    places = {name: place for place, name in enumerate(_SPARE, 1)}
    columns = [
        one._replace(folds=one.name == "sources", spare=places.get(one.name, 0))
        for one in table.columns
    ]
    return replace(table, columns=columns)


def print_plan(plan: Any, as_json: bool) -> None:
    """Print the plan of a sweep, its cohorts and its cost."""
    if as_json:
        echo_json({"plan": {**plan.summary, "cohorts": plan.cohorts}})
        return
    from epiplexity_jax.base.human import counted, duration
    from epiplexity_jax.report.numbers import number
    from epiplexity_jax.report.tables import plan_table

    echo_table(narrowing(plan_table(plan.cohorts)))
    s = plan.summary
    if s["tuning_flops"]:
        typer.echo(
            "first the recipe is tuned on the smallest size of every source, with at most "
            f"{number(s['tuning_flops'])} FLOPs; `recipe=fixed` leaves it out"
        )
    typer.echo(
        f"{counted(s['runs'], 'run')}, {s['finished']} of them finished; to train: "
        f"{counted(s['cohorts'], 'cohort')} in {counted(s['waves'], 'wave')} on {s['devices']}, "
        f"{number(s['params'])} parameters, "
        f"{number(s['train_tokens'])} tokens, {number(s['flops'])} FLOPs in {s['compute_dtype']}; "
        f"devices idle for {s['idle_share']:.0%} of the time"
    )
    if "wall_seconds" not in s:
        typer.echo("on CPUs this size is counted and not timed, and no memory is planned for it")
        return
    held = s["memory_bytes"]
    memory = "" if held is None else f", up to {held / 2**20:,.0f} MiB a device in a step"
    planned = s["estimated_memory_bytes"]
    memory += "" if planned is None else f" (estimated before: {planned / 2**20:,.0f})"
    waits = s["iterations"] > s["steps"]
    bound = f", if teachers wait until iteration {s['iterations']:,}" if waits else ""
    typer.echo(f"from a few steps of every cohort: {duration(s['wall_seconds'])}{bound}{memory}")
