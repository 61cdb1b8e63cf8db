"""`epiplexity-jax runs`: one row per run of a store."""

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.cli.options import (
    Csv,
    Json,
    Reading,
    StorePath,
    echo_json,
    echo_table,
    takes_reading,
)


@takes_reading
def runs(
    store: StorePath,
    reading: Reading,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Print every run: status, tokens, losses, final model and data length."""
    from epiplexity_jax import api
    from epiplexity_jax.report.tables import csv_text, runs_table

    rows = api.load(store).rows(**vars(reading))
    if as_json:
        echo_json({"runs": rows, "store": str(store), "version": __version__})
    elif csv:
        typer.echo(csv_text(rows), nl=False)
    else:
        echo_table(runs_table(rows))
        for row in rows:
            if row["message"]:
                name = f"{row['source']}, {row['size']}, seed {row['seed']}"
                typer.echo(f"note ({name}): {row['message']}", err=True)
