"""`epiplexity-jax report`: one page that people read, from stores."""

from pathlib import Path
from typing import Annotated

import typer

from epiplexity_jax.cli.frontier import Tracing
from epiplexity_jax.cli.options import takes

Stores = Annotated[list[Path], typer.Argument(metavar="STORE...", help="Folders of stores.")]


@takes(reading=Tracing)
def report(
    stores: Stores,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The page, an .html file; default: report.html in the store."
        ),
    ] = None,
    *,
    reading: Tracing,
) -> None:
    """Write a page with the answer, pictures, tables and provenance, and a summary beside it."""
    from epiplexity_jax.pages.write import check_path, write_report

    check_path(output)
    written = write_report(stores, output, words=_words(reading, output), **vars(reading))
    for paragraph in written.content.answer.paragraphs:
        typer.echo(paragraph)
    typer.echo(f"page: {written.page}", err=True)
    typer.echo(f"summary: {written.json}, {written.markdown}", err=True)


def _words(reading: Tracing, output: Path | None) -> list[str]:
    """The options as words of a command line."""
    numbers = [("--test-tokens", reading.test_tokens)]
    numbers += [("--compute", value) for value in reading.compute or ()]
    texts = [
        ("--variant", reading.variant),
        ("--floor", reading.floor),
        ("--estimator", reading.estimator),
        ("--frontier", None if reading.procedure == "refined" else reading.procedure),
        *(("--source", name) for name in reading.sources or ()),
        ("-o", None if output is None else str(output)),
    ]
    given = [(name, _short(value)) for name, value in numbers if value is not None]
    given += [(name, value) for name, value in texts if value is not None]
    return [word for pair in given for word in pair]


def _short(value: float) -> str:
    """A number as a person would type it, without losing a digit."""
    text = f"{value:g}"
    return (text if float(text) == value else repr(value)).replace("e+", "e")
