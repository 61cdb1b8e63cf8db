"""`epiplexity-jax frontier`: S_T and H_T over compute budgets, from a store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.options import (
    Csv,
    Figure,
    Json,
    Reading,
    StorePath,
    check_choice,
    check_figure,
    check_one_format,
    check_positive,
    echo_json,
    echo_results,
    echo_table,
    takes,
)


@dataclass(frozen=True)
class Tracing(Reading):
    """Options that choose runs, procedure and budgets of a frontier."""

    compute: Annotated[
        list[float] | None, typer.Option(help="A budget in FLOPs; may be given several times.")
    ] = None
    estimator: Annotated[str | None, typer.Option(help="Use the runs of this estimator only.")] = (
        None
    )
    procedure: Annotated[str, typer.Option("--frontier", help="refined, hull-median or raw.")] = (
        "refined"
    )

    def __post_init__(self) -> None:
        """Refuse what is not allowed."""
        super().__post_init__()
        check_positive("--compute", self.compute)
        check_choice("--frontier", self.procedure)

    def options(self) -> dict[str, Any]:
        """As `Runs.frontiers` takes them."""
        return {name: value for name, value in vars(self).items() if name != "compute"}


@takes(reading=Tracing)
def frontier(
    store: StorePath,
    reading: Tracing,
    figure: Figure = None,
    floor_table: Annotated[
        bool,
        typer.Option(
            "--floor-table", help="Under every variant and floor that the store allows instead."
        ),
    ] = False,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Print epiplexity, time-bounded entropy and the MDL frontier at compute budgets."""
    check_figure(figure)
    check_one_format(csv, as_json)

    from epiplexity_jax import api

    runs = api.load(store)
    if floor_table:
        _check_alone(reading, figure)
        table = runs.floor_table(
            reading.test_tokens,
            reading.compute,
            sources=reading.sources,
            estimator=reading.estimator,
            procedure=cast(Any, reading.procedure),
        )
        _print_floor_table(table, store, csv, as_json)
        return
    frontiers = runs.frontiers(**reading.options())
    results = api.decompose_all(frontiers, runs.budgets(reading.compute))
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


def _check_alone(reading: Reading, figure: Path | None) -> None:
    """The table holds every variant and floor, and has no picture.

    Raises:
        ConfigError: naming the option that does not go with it.
    """
    given = {"--variant": reading.variant, "--floor": reading.floor, "--figure": figure}
    for option, value in given.items():
        if value is not None:
            raise ConfigError(f"{option}: cannot be given together with --floor-table")


def _print_floor_table(results: list[Any], store: Path, csv: bool, as_json: bool) -> None:
    from epiplexity_jax.report import tables

    rows = [d.to_json() for d in results]
    if as_json:
        echo_json({"floor_table": rows, "store": str(store), "version": __version__})
    elif csv:
        typer.echo(tables.csv_text(rows), nl=False)
    else:
        echo_table(tables.floor_table(results))


def frontier_document(results: list[Any], store: Path) -> dict[str, Any]:
    """The document that `run` and `frontier` print with --json."""
    return {
        "frontier": [d.to_json() for d in results],
        "store": str(store),
        "version": __version__,
    }
