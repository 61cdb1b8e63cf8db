"""`epiplexity-jax rank`: datasets in order of S_T, H_T or MDL_T at compute budgets."""

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.frontier import Tracing
from epiplexity_jax.cli.options import (
    Figure,
    Format,
    check_choice,
    check_figure,
    echo_json,
    echo_notes,
    echo_table,
    takes,
)

Stores = Annotated[
    list[Path], typer.Argument(metavar="STORE...", help="Folders of stores, one or several.")
]
_WIDTH = 80


@takes(reading=Tracing, form=Format)
def rank(
    stores: Stores,
    reading: Tracing,
    by: Annotated[
        str,
        typer.Option(help="S, H or MDL in bits, or S-per-byte of original data."),
    ] = "S",
    figure: Figure = None,
    *,
    form: Format,
) -> None:
    """Print datasets in order at compute budgets, and which differences are beyond the error."""
    check_figure(figure)
    check_choice("--by", by)

    from epiplexity_jax import results

    if len({path.resolve() for path in stores}) < len(stores):
        raise ConfigError("STORE: a folder is given twice; name each store once")
    options = dict(vars(reading))
    found = results.rank(stores, by=by, **options)
    if figure is not None:
        found.plot(figure)
        typer.echo(f"figure: {figure}", err=True)
    document = found.to_json()
    if form.as_json:
        echo_json(document | {"stores": [str(path) for path in stores], "version": __version__})
    elif not form.echo("rank", document["rank"], stores[0]):
        _echo_text(found)
    _echo_notes(found, quiet=form.as_json or form.csv)


def _echo_text(found: Any) -> None:
    """Print the tables of every observer, then the changes of the order."""
    from epiplexity_jax.report.rank_tables import open_pairs_table, rank_table, sentences

    for ranking in found.rankings:
        echo_table(rank_table(ranking))
        missing = open_pairs_table(ranking)
        typer.echo()
        if missing is not None:
            echo_table(missing)
            typer.echo()
    for sentence in sentences(found):
        typer.echo(textwrap.fill(sentence, _WIDTH, subsequent_indent="  "))


def _echo_notes(found: Any, quiet: bool) -> None:
    """Print what holds of a source at every budget; the tables have the rest as codes."""
    if not quiet:
        echo_notes(
            (name, warning)
            for ranking in found.rankings
            for name, frontier in ranking.frontiers.items()
            for warning in frontier.warnings
        )
