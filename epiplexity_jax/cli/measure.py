"""`epiplexity-jax measure`: from files to an answer, without a config."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
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
    interrupt_on_signals,
    read_budgets,
    takes,
)
from epiplexity_jax.progress import progress_bar


@dataclass(frozen=True)
class Question:
    """The options by which `measure` chooses what it trains.

    Raises:
        ConfigError: when made from a number that is not allowed.
    """

    minutes: Annotated[float, typer.Option(help="Time that it may take.")] = 5.0
    test_tokens: Annotated[
        float | None,
        typer.Option(help="Tokens of the dataset that is measured; default: those that fit."),
    ] = None
    budgets: Annotated[
        str | None, typer.Option(metavar="T,T,...", help="Budgets in FLOPs; default: two or three.")
    ] = None
    seed: Annotated[int, typer.Option(help="Root of every random choice.")] = 0

    def __post_init__(self) -> None:
        """Refuse what is not allowed."""
        check_positive("--minutes", self.minutes)
        check_positive("--test-tokens", self.test_tokens)
        read_budgets(self.budgets)
        if self.seed < 0:
            raise ConfigError(f"--seed: must be at least 0, got {self.seed}")


@dataclass(frozen=True)
class Files:
    """The options by which `measure` reads files.

    Raises:
        ConfigError: when made from a word or a number that is not allowed.
    """

    length: Annotated[int, typer.Option(help="Tokens of a sequence.")] = 64
    reading: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="Read files as bytes, characters, tokens or documents; default: by content.",
        ),
    ] = None
    column: Annotated[str | None, typer.Option(help="Column of a table to read.")] = None

    def __post_init__(self) -> None:
        """Refuse what is not allowed."""
        if self.length < 1:
            raise ConfigError(f"--length: must be at least 1, got {self.length}")
        if self.reading is not None and self.reading not in _READINGS:
            raise ConfigError(f"--as: expected one of {', '.join(_READINGS)}, got {self.reading!r}")


_READINGS = ("bytes", "characters", "tokens", "documents")


@takes(question=Question, files=Files)
def measure(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="A file, a folder, a pattern, - (standard input), or a built-in kind's name.",
        ),
    ],
    question: Question,
    files: Files,
    store: Annotated[
        Path | None, typer.Option(help="Folder of the store; default: one in runs/.")
    ] = None,
    figure: Figure = None,
    as_json: Json = False,
) -> None:
    """Measure what a model can learn from files: no config, an answer in minutes."""
    check_figure(figure)
    options: dict[str, Any] = vars(question) | vars(files)
    options["budgets"] = read_budgets(question.budgets)
    measured = answer(sources, options, store)
    picture = figure or measured.runs.path / "measure.png"
    echo_figure(measured.frontiers, picture)
    if as_json:
        echo_json({**measured.to_json(), "figure": str(picture), "version": __version__})
    else:
        _print(measured)
    if measured.interrupted:
        raise typer.Exit(130)


def answer(sources: Sequence[str], options: dict[str, Any], store: Path | None = None) -> Any:
    """Measure what a command line names; Ctrl-C gives what is finished.

    Args:
        sources: files, folders, patterns, kinds, or - for standard input.
        options: as `api.measure` takes them, with `minutes`.
        store: folder of the store.
    """
    named = [_saved_input() if source == "-" else source for source in sources]

    from epiplexity_jax import api
    from epiplexity_jax.runtime import processes
    from epiplexity_jax.runtime.devices import configure_process

    configure_process()
    interrupt_on_signals()
    progress = progress_bar(options["minutes"])
    try:
        with processes.redirect_stdout_to_stderr():
            return api.measure(*named, store=store, progress=progress, **options)
    except KeyboardInterrupt:
        typer.echo(
            "epiplexity-jax: stopped; no run is finished, the same command goes on", err=True
        )
        raise typer.Exit(130) from None


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
