"""`epiplexity-jax runs`: one row per run of a store, or one run's loss curve."""

from pathlib import Path
from typing import Annotated

import typer

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.options import Format, ReadingOptions, StorePath, echo_table, takes


@takes(reading=ReadingOptions, form=Format)
def runs(
    store: StorePath,
    reading: ReadingOptions,
    export_curve: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Write this run's loss curve instead, as `curve` reads it."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to write the curve; default: standard output.")
    ] = None,
    tuning: Annotated[
        bool, typer.Option("--tuning", help="List the trials of tuning as well.")
    ] = False,
    *,
    form: Format,
) -> None:
    """Print every run: status, tokens, losses, final model and data length."""
    if export_curve is not None:
        if form.csv or form.as_json:
            raise ConfigError("--export-curve: writes CSV and goes with neither --csv nor --json")
        for name, value in vars(reading).items():
            if value:
                option = f"--{name.rstrip('s') if name == 'sources' else name}".replace("_", "-")
                raise ConfigError(f"{option}: cannot be given together with --export-curve")
        _export(store, export_curve, output)
        return
    if output is not None:
        raise ConfigError("--output: goes with --export-curve only")

    from epiplexity_jax import results
    from epiplexity_jax.report.tables import runs_table

    rows = results.load(store).rows(**vars(reading), tuning=tuning)
    if not form.echo("runs", rows, store):
        echo_table(runs_table(rows))
        for row in rows:
            if row["message"]:
                name = f"{row['source']}, {row['size']}, seed {row['seed']}"
                typer.echo(f"note ({name}): {row['message']}", err=True)


def _export(store: Path, wanted: str, output: Path | None) -> None:
    from epiplexity_jax.analysis.logs import export
    from epiplexity_jax.store import Store

    stored = {run.row["run_id"]: run for run in Store.open(store).load(current=False)}
    run_id = export.find_run(stored, wanted)
    run = stored[run_id]
    text = export.curve_csv(run)
    if output is None:
        typer.echo(text, nl=False)
    else:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"--output: {output} cannot be written: {error.strerror}") from None
    command = export.read_back(run, "FILE" if output is None else str(output))
    typer.echo(f"note ({run_id}): read it with {command}", err=True)
    if not export.has_dense_cost(run):
        typer.echo(
            f"note ({run_id}): its FLOPs are not 6 N and 2 N a token, by which `curve` counts "
            "time; lengths agree, the time does not",
            err=True,
        )
