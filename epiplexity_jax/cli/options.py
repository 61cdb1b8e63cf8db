"""Options that several commands share, and how results leave the program."""

import inspect
import json
import math
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python

from epiplexity_jax._version import __version__
from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.report.table import Table

StorePath = Annotated[Path, typer.Argument(metavar="STORE", help="Folder of the store.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Figure = Annotated[
    Path | None, typer.Option(help="Where to write the picture: .png, .svg, .pdf or .html.")
]


@dataclass(frozen=True)
class ReadingOptions:
    """The options by which `frontier` and `runs` read a store.

    Raises:
        ConfigError: when made from a number or a word that is not allowed.
    """

    test_tokens: Annotated[
        float | None,
        typer.Option(help="Label tokens of the dataset that is measured; default: the config's."),
    ] = None
    variant: Annotated[
        str | None,
        typer.Option(
            help="switch, paired, online or exact; of requential runs switch, ema_student or "
            "student; default: that of the sweep's config."
        ),
    ] = None
    floor: Annotated[
        str | None,
        typer.Option(help="ema, raw or entropy_rate; default: that of the sweep's config."),
    ] = None

    sources: Annotated[
        list[str] | None,
        typer.Option("--source", help="This source only; may be given several times."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse what is not allowed."""
        check_positive("--test-tokens", self.test_tokens)
        check_choice("--variant", self.variant)
        check_choice("--floor", self.floor)


@dataclass(frozen=True)
class Format:
    """The options by which `frontier` and `runs` print: a table where none is given.

    Raises:
        ConfigError: when made from two formats at once.
    """

    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values.")] = False
    as_json: Json = False

    def __post_init__(self) -> None:
        """Refuse what is not allowed."""
        if self.csv and self.as_json:
            raise ConfigError("--csv: cannot be given together with --json")

    def echo(
        self,
        name: str,
        rows: Sequence[Mapping[str, Any]],
        store: Path,
        more: Mapping[str, Any] | None = None,
    ) -> bool:
        """Print rows, as JSON under their name; return False where a table is asked for.

        Args:
            name: name of the rows, their key in the JSON.
            rows: the rows to print.
            store: the folder that they come from.
            more: further entries of the JSON.
        """
        if self.as_json:
            echo_json({name: rows, "store": str(store), "version": __version__, **(more or {})})
        elif self.csv:
            from epiplexity_jax.report.tables import csv_text

            typer.echo(csv_text(rows), nl=False)
        return self.as_json or self.csv


def takes(**groups: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the fields of dataclasses as options; it gets each as one argument."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command).parameters.values():
            group = groups.get(parameter.name)
            options = inspect.signature(group).parameters.values() if group else [parameter]
            parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in options]

        def called(**values: Any) -> None:
            made = {
                name: group(**{field.name: values.pop(field.name) for field in fields(group)})
                for name, group in groups.items()
            }
            command(**made, **values)

        called.__name__, called.__doc__ = command.__name__, command.__doc__
        called.__annotations__ = {p.name: p.annotation for p in parameters}
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return called

    return decorate


def check_choice(option: str, value: str | None) -> None:
    """Refuse a word that an option does not allow; plugins may have added some.

    Args:
        option: "--variant", "--floor", "--frontier" or "--by".
        value: the word; None where the option was not given.

    Raises:
        ConfigError: naming the nearest word.
    """
    from epiplexity_jax import analysis

    allowed = {
        "--variant": analysis.VARIANTS,
        "--floor": analysis.FLOORS,
        "--frontier": analysis.PROCEDURES,
        "--by": analysis.MEASURES,
    }[option]
    if value is not None and value not in allowed:
        raise ConfigError(f"{option}: {did_you_mean('choice', value, allowed)}")


def check_positive(option: str, values: float | Sequence[float] | None) -> None:
    """Refuse numbers that are not positive and finite.

    Raises:
        ConfigError: naming the option.
    """
    for value in [values] if isinstance(values, int | float) else values or ():
        if not (value > 0 and math.isfinite(value)):
            raise ConfigError(f"{option}: must be a positive number, got {value:g}")


def read_budgets(text: str | None) -> list[float] | None:
    """Read budgets that commas divide.

    Raises:
        ConfigError: when one is no positive number.
    """
    if text is None:
        return None
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        raise ConfigError(f"--budgets: expected numbers such as 1e12,1e13, got {text!r}") from None
    check_positive("--budgets", found)
    return found


def check_figure(path: Path | None) -> None:
    """Refuse a picture of an unknown format, before any work is done for it.

    Raises:
        ConfigError: naming the formats.
    """
    from epiplexity_jax.report.figures import FORMATS

    if path is not None and path.suffix not in FORMATS:
        raise ConfigError(f"--figure: {path} must end in {', '.join(FORMATS)}")


def interrupt_on_signals() -> None:
    """End on a polite kill and a closed terminal as on Ctrl-C, so that nothing stays half written.

    Signals that are ignored, as under `nohup`, stay so.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def echo_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document; a value that is not finite becomes null."""
    plain = to_jsonable_python(
        document,
        inf_nan_mode="null",
        fallback=lambda value: value.item(),  # NumPy's numbers
    )
    typer.echo(json.dumps(plain, indent=2, allow_nan=False))


def echo_table(table: Table) -> None:
    """Print a table so that no number is cut; a terminal folds long texts and may lack columns."""
    from rich.console import Console

    if sys.stdout.isatty():
        table = table.within(Console().width)
    folds = any(column.folds for column in table.columns)
    narrow = folds and sys.stdout.isatty()
    # Without a height, rich takes a dumb terminal's width for 80.
    console = Console(width=None if narrow else 250, height=None if narrow else 25)
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    text = "\n".join(lines).strip("\n")
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        for sign, written in (("±", "+-"), ("≥", ">="), ("≤", "<=")):
            text = text.replace(sign, written)
    typer.echo(text)


def echo_results(results: Sequence[Any], frontiers: Mapping[str, Any]) -> None:
    """Print the decomposition table, then every warning once, with the sources it is about."""
    from epiplexity_jax.report.tables import decomposition_table

    if results:
        echo_table(decomposition_table(results))
    heard = [(d.source, warning) for d in results for warning in d.warnings]
    heard += [(name, warning) for name, f in frontiers.items() for warning in f.warnings]
    echo_notes(heard)


def echo_notes(heard: Iterable[tuple[str, str]]) -> None:
    """Print every warning once, with the sources it is about."""
    said: dict[str, list[str]] = {}
    for source, warning in dict.fromkeys(heard):
        said.setdefault(warning, []).append(source)
    for warning, sources in said.items():
        typer.echo(f"note ({', '.join(sources)}): {warning}", err=True)


def echo_figure(frontiers: Mapping[str, Any], path: Path | None) -> None:
    """Draw the frontiers, where a file is named."""
    if path is not None:
        from epiplexity_jax.results import plot

        plot(frontiers, path)
        typer.echo(f"figure: {path}", err=True)
