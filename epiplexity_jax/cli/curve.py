"""`epiplexity-jax curve`: a prequential estimate from a recorded loss curve, without training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.options import Json, check_positive, echo_json, echo_table, takes

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="The loss curve: CSV with a header, or JSON lines.")
]


@dataclass(frozen=True)
class Measure:
    """The model and the dataset that the curve is of.

    Raises:
        ConfigError: when made from a number that is not allowed.
    """

    params: Annotated[float, typer.Option(help="N, all parameters of the model.")]
    test_tokens: Annotated[
        float, typer.Option(help="Label tokens of the dataset that is measured.")
    ]
    floor: Annotated[
        float | None,
        typer.Option(
            metavar="NATS",
            help="Held-out loss of the final model, nats per label token; default: the last value "
            "of a column of held-out losses, else the last training loss, with a warning.",
        ),
    ] = None
    vocab_size: Annotated[
        int | None,
        typer.Option(help="V: the uniform code competes, and the beginning is checked."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse what is not allowed."""
        check_positive("--params", self.params)
        check_positive("--test-tokens", self.test_tokens)
        if self.params != int(self.params):
            raise ConfigError(f"--params: must be a whole number, got {self.params:g}")
        if self.vocab_size is not None and self.vocab_size < 2:
            raise ConfigError(f"--vocab-size: must be at least 2, got {self.vocab_size}")
        if self.floor is not None and not 0 <= self.floor < float("inf"):
            raise ConfigError(f"--floor: must be a loss of at least 0 nats, got {self.floor:g}")


@dataclass(frozen=True)
class CurveFile:
    """Columns and units of the file; columns are guessed from their names where not given."""

    tokens_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of label tokens seen so far.")
    ] = None
    step_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of steps, with --tokens-per-step.")
    ] = None
    tokens_per_step: Annotated[float | None, typer.Option(help="Label tokens of a step.")] = None
    loss_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column of training losses, means since the row before."),
    ] = None
    heldout_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of held-out losses.")
    ] = None
    unit: Annotated[
        str | None,
        typer.Option(help="nats or bits; default: what the column's name says, else nats."),
    ] = None
    inputs_per_label: Annotated[
        float | None, typer.Option(help="Input tokens that come with each label token; default: 0.")
    ] = None
    bytes_per_token: Annotated[
        float | None, typer.Option(help="Bytes of original data per label token.")
    ] = None
    sampled: Annotated[
        bool,
        typer.Option(
            "--sampled", help="A row's loss is that of one batch; those between are interpolated."
        ),
    ] = False

    def __post_init__(self) -> None:
        """Refuse what is not allowed; the layout refuses the rest."""
        check_positive("--bytes-per-token", self.bytes_per_token)


@takes(measure=Measure, reading=CurveFile)
def curve(file: File, measure: Measure, reading: CurveFile, as_json: Json = False) -> None:
    """Estimate S_T and H_T from a loss curve that was recorded elsewhere; trains nothing."""
    from epiplexity_jax.analysis.logs.columns import Layout, read_curve
    from epiplexity_jax.analysis.logs.estimate import estimate

    found = estimate(
        read_curve(file, Layout(**vars(reading)), floor_known=measure.floor is not None),
        params=int(measure.params),
        test_tokens=measure.test_tokens,
        floor_nats=measure.floor,
        vocab_size=measure.vocab_size,
        bytes_per_token=reading.bytes_per_token,
    )
    if as_json:
        echo_json({"estimate": found.to_json(), "file": str(file), "version": __version__})
    else:
        _print_table(found)


_ONE_MODEL = (
    "one model and no frontier, so MDL_T is an upper bound; it is S_T + H_T, never the epiplexity"
)


def _print_table(found: Any) -> None:
    from epiplexity_jax.report.tables import decomposition_table, number

    d = found.decomposition
    table = decomposition_table([d])
    table.caption = (
        f"{d.estimator}, {d.variant}, floor {found.floor_nats:.6g} nats ({d.floor}), "
        f"{number(d.test_tokens)} test tokens"
    )
    echo_table(table)
    for warning in (_ONE_MODEL, *d.warnings):
        typer.echo(f"note ({d.source}): {warning}", err=True)
