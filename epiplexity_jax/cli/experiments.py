"""`epiplexity-jax experiments`: the paper's phenomena, to run, to check and to show."""

from pathlib import Path
from typing import Annotated, Any

import typer

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.options import Json, echo_json, echo_table, interrupt_on_signals

app = typer.Typer(
    help="The published phenomena: list them, run one, check its signs, write pages.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="An experiment; `list` names them.")]
Size = Annotated[str, typer.Option(help="smoke (seconds), small (minutes) or paper (a GPU).")]
StoreOption = Annotated[
    Path | None, typer.Option(help="Folder of the store; default: runs/experiments/NAME-SIZE.")
]


@app.command("list")
def _list(as_json: Json = False) -> None:
    """List the experiments."""
    from epiplexity_jax.experiments.definition import load, names
    from epiplexity_jax.experiments.tables import list_table

    experiments = [load(name) for name in names()]
    if as_json:
        echo_json({"experiments": [one.model_dump() for one in experiments]})
        return
    echo_table(list_table(experiments))


@app.command("run")
def _run(
    name: Name,
    size: Size = "small",
    store: StoreOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and print the plan; train nothing.")
    ] = False,
    result: Annotated[
        Path | None, typer.Option(help="Where to write the result too: a .json file, or a folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train an experiment, or resume it, and print its values and checks."""
    from epiplexity_jax.cli.run import print_plan
    from epiplexity_jax.experiments import perform
    from epiplexity_jax.progress import progress_bar
    from epiplexity_jax.runtime import processes
    from epiplexity_jax.runtime.devices import configure_process

    configure_process()
    if dry_run and result is not None:
        raise ConfigError("--result: a dry run has none; leave it out")
    if dry_run:
        with processes.redirect_stdout_to_stderr():
            plan = perform.plan_experiment(name, size, store)
        print_plan(plan, as_json)
        return
    interrupt_on_signals()
    try:
        with processes.redirect_stdout_to_stderr():
            found = perform.run_experiment(name, size, store, progress_bar(), result)
    except KeyboardInterrupt:
        typer.echo("epiplexity-jax: stopped; the same command resumes", err=True)
        raise typer.Exit(130) from None
    for path in perform.files_of(name, size, store, result):
        typer.echo(f"result: {path}", err=True)
    _print(found, as_json)


@app.command("check")
def _check(
    name: Name,
    size: Annotated[
        str | None, typer.Option(help="smoke, small (default) or paper; of a result, its own.")
    ] = None,
    store: StoreOption = None,
    result: Annotated[
        Path | None,
        typer.Option(help="A result that `run` wrote, read as it stands, in place of a store."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Check a trained experiment; exit status 1 where a sign or an oracle fails.

    Values and checks are read from the runs of the store anew. A result given with --result is
    read as it stands: its parts and sources are checked, but not whether its checks follow from
    runs, or are all that there should be.
    """
    from epiplexity_jax.experiments import perform
    from epiplexity_jax.experiments.definition import load

    if result is None:
        return _print(perform.read_experiment(name, size or "small", store), as_json)
    if store is not None:
        raise ConfigError("--result: cannot be given together with --store")
    found = perform.read_result(result)
    if found.experiment.name != load(name).name:
        raise ConfigError(f"--result: {result} is of {found.experiment.name}, not of {name}")
    if size not in (None, found.size):
        raise ConfigError(f"--size: {result} is of size {found.size}, got {size}")
    return _print(found, as_json)


@app.command("page")
def _page(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULT...", help="Results that `run` wrote.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the pages and pictures.")
    ] = Path("experiments"),
) -> None:
    """Write a page with its picture for every result, and the table 'paper against ours'."""
    from epiplexity_jax.experiments.page import write_pages
    from epiplexity_jax.experiments.perform import read_result

    written = write_pages([read_result(path) for path in results], output)
    typer.echo(f"{len(written)} files in {output}; {written[-1]} has the table", err=True)


def _print(result: Any, as_json: bool) -> int:
    """Print values and checks; the exit status."""
    from epiplexity_jax.experiments.definition import too_small
    from epiplexity_jax.experiments.tables import check_table, value_table

    failed = result.findings.failed
    if as_json:
        echo_json(result.to_plain())
    else:
        echo_table(value_table(result.findings))
        typer.echo()
        echo_table(check_table(result.findings.checks))
        if said := too_small(result.size):
            typer.echo(f"\n{said}")
    for one in failed:
        typer.echo(f"epiplexity-jax: fails: {one.expected}: {one.found}", err=True)
    return 1 if failed else 0
