"""`epiplexity-jax measure`: from files to an answer, without a config."""

import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.files import write_atomically
from epiplexity_jax.cli.options import (
    Figure,
    Json,
    check_figure,
    check_positive,
    echo_figure,
    echo_json,
    echo_table,
    read_budgets,
)
from epiplexity_jax.cli.progress import watch


def measure(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="A file, a folder, a pattern, - (standard input), or a built-in kind's name.",
        ),
    ],
    minutes: Annotated[float, typer.Option(help="Time that it may take.")] = 5.0,
    test_tokens: Annotated[
        float | None,
        typer.Option(help="Tokens of the dataset that is measured; default: those that fit."),
    ] = None,
    budgets: Annotated[
        str | None, typer.Option(metavar="T,T,...", help="Budgets in FLOPs; default: three.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Folder of the store; default: one in runs/.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Root of every random choice.")] = 0,
    length: Annotated[int, typer.Option(help="Tokens of a sequence.")] = 64,
    reading: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="Read files as bytes, characters, tokens or documents; default: by content.",
        ),
    ] = None,
    column: Annotated[str | None, typer.Option(help="Column of a table to read.")] = None,
    figure: Figure = None,
    as_json: Json = False,
) -> None:
    """Measure what a model can learn from files: no config, an answer in minutes."""
    check_figure(figure)
    check_positive("--minutes", minutes)
    check_positive("--test-tokens", test_tokens)
    asked = read_budgets(budgets)
    if length < 1:
        raise ConfigError(f"--length: must be at least 1, got {length}")
    from epiplexity_jax.sources.files.recognise import READINGS

    if reading is not None and reading not in READINGS:
        raise ConfigError(f"--as: expected one of {', '.join(READINGS)}, got {reading!r}")
    named = [_saved_input() if source == "-" else source for source in sources]

    from epiplexity_jax import api
    from epiplexity_jax.runtime import processes
    from epiplexity_jax.runtime.devices import configure_process

    configure_process()
    progress = watch()
    progress.ends = time.monotonic() + 60.0 * minutes
    with processes.redirect_stdout_to_stderr():
        measured = api.measure(
            *named,
            minutes=minutes,
            test_tokens=test_tokens,
            budgets=asked,
            store=store,
            progress=progress,
            seed=seed,
            length=length,
            reading=reading,  # type: ignore[typeddict-item]
            column=column,
        )
    picture = figure or measured.runs.path / "measure.png"
    echo_figure(measured.frontiers, picture)
    if as_json:
        echo_json({**measured.to_json(), "figure": str(picture), "version": __version__})
    else:
        _print(measured)
    if measured.interrupted:
        raise typer.Exit(130)


def _saved_input() -> str:
    """Keep standard input in a file of its own name, so that a config can read it again.

    Raises:
        DataError: when it is empty.
    """
    data = sys.stdin.buffer.read()
    if not data:
        raise DataError("-: standard input is empty; there is nothing to measure")
    path = Path("runs") / f"stdin-{hashlib.sha256(data).hexdigest()[:8]}"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        write_atomically(path, data)
    return str(path)


def _print(measured: Any) -> None:
    """Print the answer, at most 80 columns wide."""
    from epiplexity_jax.report.measured import answer_table, sentences

    echo_table(answer_table(measured.results))
    _echo_folded(sentences(measured))


def _echo_folded(lines: Sequence[str]) -> None:
    import textwrap

    for line in lines:
        typer.echo(
            textwrap.fill(
                line, 79, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
            )
        )
