"""`epiplexity-jax runs`: one row per run of a store."""

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.cli.options import (
    Csv,
    Floor,
    Json,
    StorePath,
    TestTokens,
    Variant,
    check_choice,
    check_positive,
    echo_json,
    echo_table,
)


def runs(
    store: StorePath,
    variant: Variant = None,
    floor: Floor = None,
    test_tokens: TestTokens = None,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Print every run: status, tokens, losses, final model and data length."""
    check_positive("--test-tokens", test_tokens)
    check_choice("--variant", variant)
    check_choice("--floor", floor)

    from epiplexity_jax import api
    from epiplexity_jax.report.tables import csv_text, runs_table

    rows = api.load(store).rows(test_tokens, variant, floor)
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
