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
    written = write_report(stores, output, **vars(reading))
    for paragraph in written.content.answer.paragraphs:
        typer.echo(paragraph)
    typer.echo(f"page: {written.page}", err=True)
    typer.echo(f"summary: {written.json}, {written.markdown}", err=True)
