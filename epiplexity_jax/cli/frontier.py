"""`epiplexity-jax frontier`: S_T and H_T over compute budgets, from a store."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, cast

import typer

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.options import (
    Figure,
    Format,
    ReadingOptions,
    StorePath,
    check_choice,
    check_figure,
    check_positive,
    echo_figure,
    echo_results,
    echo_table,
    takes,
)

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Tracing(ReadingOptions):
    """Options that choose runs, procedure and budgets of a frontier."""

    compute: Annotated[
        list[float] | None, typer.Option(help="A budget in FLOPs; may be given several times.")
    ] = None
    estimator: Annotated[str | None, typer.Option(help="Use the runs of this estimator only.")] = (
        None
    )
    procedure: Annotated[
        str, typer.Option("--frontier", help="refined, hull-median, raw or fitted.")
    ] = "refined"

    def __post_init__(self) -> None:
        """Refuse what is not allowed."""
        super().__post_init__()
        check_positive("--compute", self.compute)
        check_choice("--frontier", self.procedure)

    @property
    def traced(self) -> dict[str, Any]:
        """Options that only a frontier reads, None where they are not given."""
        procedure = None if self.procedure == "refined" else self.procedure
        return {
            "--compute": self.compute,
            "--estimator": self.estimator,
            "--frontier": procedure,
        }


@takes(reading=Tracing, form=Format)
def frontier(
    store: StorePath,
    reading: Tracing,
    figure: Figure = None,
    floor_table: Annotated[
        bool,
        typer.Option("--floor-table", help="Print S_T and H_T under every variant and floor."),
    ] = False,
    recipe_table: Annotated[
        bool,
        typer.Option(
            "--recipe-table",
            help="The recipes that were tried, with S and MDL on one size, instead.",
        ),
    ] = False,
    *,
    form: Format,
) -> None:
    """Print epiplexity, time-bounded entropy and the MDL frontier at compute budgets."""
    check_figure(figure)

    from epiplexity_jax import results
    from epiplexity_jax.analysis.frontier.fitted import Fitted
    from epiplexity_jax.report import tables
    from epiplexity_jax.report.law_tables import areas_table

    if floor_table and recipe_table:
        raise ConfigError("--floor-table: cannot be given together with --recipe-table")
    runs = results.load(store)
    if recipe_table:
        _check_alone("--recipe-table", reading, figure, reading.traced)
        rows = runs.recipes(reading.test_tokens, reading.sources)
        if not form.echo("recipe_table", rows, store):
            echo_table(tables.recipe_table(rows))
        return
    if floor_table:
        _check_alone("--floor-table", reading, figure)
        table = runs.floor_table(
            reading.test_tokens,
            reading.compute,
            sources=reading.sources,
            estimator=reading.estimator,
            procedure=cast(Any, reading.procedure),
        )
        if not form.echo("floor_table", [d.to_json() for d in table], store):
            echo_table(tables.floor_table(table))
        return
    options = {name: value for name, value in vars(reading).items() if name != "compute"}
    frontiers = runs.frontiers(**options)
    found = results.decompose_all(frontiers, runs.budgets(reading.compute))
    echo_figure(frontiers, figure)
    laws = {name: f.traced for name, f in frontiers.items() if isinstance(f.traced, Fitted)}
    more = (
        {"laws": [{"source": name} | one.to_json() for name, one in laws.items()]} if laws else {}
    )
    if not form.echo("frontier", [d.to_json() for d in found], store, more):
        echo_results(found, frontiers)
        if laws:
            typer.echo()
            echo_table(areas_table(laws))


def _check_alone(
    table: str, reading: ReadingOptions, figure: Path | None, unread: Mapping[str, Any] = _NOTHING
) -> None:
    """Refuse a choice of variant or floor, and a picture, for a table that has neither.

    Args:
        table: its option.
        reading: the options that choose.
        figure: the picture's file, where one was asked for.
        unread: further options that it does not read, with their values; None where not given.

    Raises:
        ConfigError: naming the option that does not go with it.
    """
    given = {"--variant": reading.variant, "--floor": reading.floor, "--figure": figure, **unread}
    for option, value in given.items():
        if value is not None:
            raise ConfigError(f"{option}: cannot be given together with {table}")
