"""`epiplexity-jax rank`: datasets in order of S_T, H_T or MDL_T at compute budgets."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.files import names_in
from epiplexity_jax.cli.frontier import Tracing
from epiplexity_jax.cli.options import (
    Figure,
    Format,
    check_choice,
    check_figure,
    check_positive,
    echo_json,
    echo_notes,
    echo_table,
    takes,
)

Named = Annotated[
    list[str],
    typer.Argument(
        metavar="STORE|SOURCE...",
        help="Folders of stores, or files, folders and kinds as `measure` takes them.",
    ),
]
_WIDTH = 80


@takes(reading=Tracing, form=Format)
def rank(
    named: Named,
    reading: Tracing,
    by: Annotated[
        str,
        typer.Option(help="S, H or MDL in bits, or S-per-byte of original data."),
    ] = "S",
    minutes: Annotated[
        float | None, typer.Option(help="Time to train sources; default: 5. Stores are read.")
    ] = None,
    figure: Figure = None,
    *,
    form: Format,
) -> None:
    """Print datasets in order at compute budgets, and which differences are beyond the error."""
    check_figure(figure)
    check_choice("--by", by)
    check_positive("--minutes", minutes)

    from epiplexity_jax import results

    stores, sources = _divided(named)
    if minutes is not None and not sources:
        raise ConfigError("--minutes: is for sources; stores are read, and nothing is trained")
    options = dict(vars(reading))
    if sources:
        store, names = _trained(sources, reading, minutes)
        stores.append(store)
        if len(stores) == 1 and not reading.sources:
            options["sources"] = names  # its controls are part of `measure`
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


def _divided(named: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Tell stores from sources to train.

    Raises:
        ConfigError: when a folder is given twice, or holds stores.
        StoreError: when a folder cannot be read.
    """
    from epiplexity_jax.sources.files.paths import is_pattern
    from epiplexity_jax.sources.opening import kinds
    from epiplexity_jax.store import Store

    known = {kind["kind"] for kind in kinds()}
    stores: list[Path] = []
    sources: list[str] = []
    for name in named:
        path = Path(name)
        held = names_in(path) if path.is_dir() else []
        within = [path / one for one in held if Store.is_store(path / one)]
        if Store.is_store(path) or (path.is_dir() and not held):  # of an empty one reading says why
            stores.append(path)
        elif within:
            raise ConfigError(f"{name}: holds stores; name them, such as {within[0]}")
        elif held or path.is_file() or is_pattern(name) or name in known | {"-"}:
            sources.append(name)
        else:
            raise ConfigError(f"{name}: no such store, file or folder, and no kind of source")
    if len({path.resolve() for path in stores}) < len(stores):
        raise ConfigError("STORE: a folder is given twice; name each store once")
    if len(sources) == 1 and not stores:
        raise ConfigError(f"{sources[0]}: is one source; name two or more, or use `measure`")
    return stores, sources


def _trained(
    sources: Sequence[str], reading: Tracing, minutes: float | None
) -> tuple[Path, list[str]]:
    """Train sources as `measure` does; the folder of their store, and their names."""
    from epiplexity_jax.cli.measure import answer
    from epiplexity_jax.planning.measure import DEFAULT_MINUTES

    options = {
        "minutes": minutes or DEFAULT_MINUTES,
        "test_tokens": reading.test_tokens,
        "budgets": reading.compute,
    }
    measured = answer(sources, options)
    return measured.runs.path, [one.name for one in measured.request.asked]


def _echo_text(found: Any) -> None:
    """Print the tables of every observer, the changes of the order, and what other rates give."""
    from epiplexity_jax.analysis.frontier.rates import rate_change
    from epiplexity_jax.report.measured import rate_sentences
    from epiplexity_jax.report.rank_tables import open_pairs_table, rank_table, sentences

    for ranking in found.rankings:
        echo_table(rank_table(ranking))
        missing = open_pairs_table(ranking)
        typer.echo()
        if missing is not None:
            echo_table(missing)
            typer.echo()
    rates = [rate_change(f) for one in found.rankings for f in one.frontiers.values()]
    for sentence in (*sentences(found), *rate_sentences(filter(None, rates))):
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
