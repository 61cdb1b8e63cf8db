"""`epiplexity-jax frontier`: S_T and H_T over compute budgets, from a store."""

from pathlib import Path
from typing import Annotated, Any

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.cli.options import (
    Csv,
    Json,
    Reading,
    StorePath,
    check_choice,
    check_figure,
    check_positive,
    echo_json,
    echo_results,
    takes_reading,
)


@takes_reading
def frontier(
    store: StorePath,
    reading: Reading,
    compute: Annotated[
        list[float] | None, typer.Option(help="A budget in FLOPs; may be given several times.")
    ] = None,
    estimator: Annotated[
        str | None, typer.Option(help="Use the runs of this estimator only.")
    ] = None,
    procedure: Annotated[
        str, typer.Option("--frontier", help="refined, hull-median or raw.")
    ] = "refined",
    figure: Annotated[
        Path | None, typer.Option(help="Write the picture here: .png, .svg, .pdf or .html.")
    ] = None,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Print epiplexity, time-bounded entropy and the MDL frontier at compute budgets."""
    check_positive("--compute", compute)
    check_choice("--frontier", procedure)
    check_figure(figure)

    from epiplexity_jax import api

    runs = api.load(store)
    options = {**vars(reading), "estimator": estimator, "procedure": procedure}
    frontiers = runs.frontiers(**options)
    results = api.decompose_all(frontiers, runs.budgets(compute))
    if figure is not None:
        api.plot(frontiers, figure)
        typer.echo(f"figure: {figure}", err=True)
    if as_json:
        echo_json(frontier_document(results, store))
    elif csv:
        from epiplexity_jax.report.tables import csv_text

        typer.echo(csv_text([d.to_json() for d in results]), nl=False)
    else:
        echo_results(results, frontiers)


def frontier_document(results: list[Any], store: Path) -> dict[str, Any]:
    """The document that `run` and `frontier` print with --json."""
    return {
        "frontier": [d.to_json() for d in results],
        "store": str(store),
        "version": __version__,
    }
