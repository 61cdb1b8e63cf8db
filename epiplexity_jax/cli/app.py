"""The command line: one line and exit status 2 for whatever a user can mend."""

import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import EpiplexityError, RunsFailed
from epiplexity_jax.cli import (
    curve,
    experiments,
    frontier,
    init,
    launch,
    listings,
    measure,
    rank,
    report,
    run,
    runs,
    scaling_law,
    transfer,
    watch,
)
from epiplexity_jax.cli.plugins import load_plugins

NAME = "epiplexity-jax"


class _Commands(TyperGroup):
    """The commands; an interrupt that none of them words ends in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; Typer would end with the status alone."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(_say_stopped()) from None


app = typer.Typer(
    name=NAME,
    cls=_Commands,
    help="Measure what a model can learn from a dataset, and what it cannot.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("measure")(measure.measure)
app.command("run")(run.run)
app.command("launch")(launch.launch)
app.command("frontier")(frontier.frontier)
app.command("rank")(rank.rank)
app.command("transfer")(transfer.transfer)
app.command("report")(report.report)
app.command("watch")(watch.watch)
app.command("runs")(runs.runs)
app.command("curve")(curve.curve)
app.command("scaling-law")(scaling_law.scaling_law)
app.add_typer(experiments.app, name="experiments")
app.command("sources")(listings.sources)
app.command("families")(listings.families)
app.command("devices")(listings.devices)
app.command("init")(init.init)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    load_plugins()
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(_status(arguments))


def _status(arguments: Sequence[str] | None) -> int:
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # what failed is said in our own line
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of sources may not be in its encoding
        sys.stdout.reconfigure(errors="replace")
    try:
        result = app(args=arguments, prog_name=NAME, standalone_mode=False)
        sys.stdout.flush()
    except RunsFailed as error:
        return _refuse(str(error), status=1)
    except EpiplexityError as error:
        return _refuse(str(error))
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        return 0
    except KeyboardInterrupt:
        return _say_stopped()
    except MemoryError as error:  # NumPy's says how much was asked for
        return _refuse(f"memory: {str(error) or 'there is not enough of it'}; ask for less data")
    except Exception as error:
        said = getattr(error, "format_message", None)  # click's usage errors have one
        if said is None:
            raise
        return _refuse(said())
    return result if isinstance(result, int) else 0


def _say_stopped() -> int:
    typer.echo(f"{NAME}: stopped", err=True)
    return 130


def _refuse(message: str, status: int = 2) -> int:
    typer.echo(f"{NAME}: error: {' '.join(message.split())}", err=True)
    return status
