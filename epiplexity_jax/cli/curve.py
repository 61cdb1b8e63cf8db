"""`epiplexity-jax curve`: a prequential estimate from recorded loss curves, without training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.options import Json, check_positive, echo_json, echo_table, takes

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="A loss curve: a log of a training program, CSV, JSON, TensorBoard events or a "
        "folder of them; several of different sizes make a frontier.",
    ),
]


@dataclass(frozen=True)
class Measure:
    """The models and the dataset that the curves are of.

    Raises:
        ConfigError: when made from a number that is not allowed.
    """

    params: Annotated[
        list[str], typer.Option(metavar="N", help="All parameters of the model; one a file.")
    ]
    test_tokens: Annotated[
        float, typer.Option(help="Label tokens of the dataset that is measured.")
    ]
    floor: Annotated[
        list[float] | None,
        typer.Option(
            metavar="NATS",
            help="Held-out loss of the final model, nats per label token, one a file; default: the "
            "last value of a column of held-out losses, else the mean of the last training losses.",
        ),
    ] = None
    vocab_size: Annotated[
        int | None,
        typer.Option(help="V: the uniform code competes, and the beginning is checked."),
    ] = None
    compute: Annotated[
        list[float] | None,
        typer.Option(help="A budget in FLOPs of a frontier; may be given several times."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse what is not allowed."""
        for number in self.sizes():
            check_positive("--params", number)
            if number != int(number):
                raise ConfigError(f"--params: must be a whole number, got {number:g}")
        check_positive("--test-tokens", self.test_tokens)
        check_positive("--compute", self.compute)
        if self.vocab_size is not None and self.vocab_size < 2:
            raise ConfigError(f"--vocab-size: must be at least 2, got {self.vocab_size}")
        for floor in self.floor or ():
            if not 0 <= floor < float("inf"):
                raise ConfigError(f"--floor: must be a loss of at least 0 nats, got {floor:g}")

    def sizes(self) -> list[float]:
        """N of each file; commas may stand between several.

        Raises:
            ConfigError: when one is no number.
        """
        words = [word.strip() for text in self.params for word in text.split(",")]
        try:
            return [float(word) for word in words]
        except ValueError:
            raise ConfigError(f"--params: expected a number, got {', '.join(words)}") from None

    def floors(self, count: int) -> list[float | None]:
        """Floor of each file, None where it is not given.

        Raises:
            ConfigError: when there are not as many floors or sizes as files.
        """
        for option, given in (("--params", self.sizes()), ("--floor", self.floor)):
            if given and len(given) != count:
                raise ConfigError(
                    f"{option}: expected one for each file, got {len(given)} for {count} files"
                )
        if count == 1 and self.compute:
            raise ConfigError("--compute: needs several files, whose frontier has budgets")
        return [*self.floor] if self.floor else [None] * count


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
    steps_per_row: Annotated[
        float | None, typer.Option(help="Steps between rows, where no column counts anything.")
    ] = None
    first_step: Annotated[
        int | None,
        typer.Option(
            metavar="0|1",
            help="0: a step is the index of the row's batch from 0 on; 1: it is the number of "
            "batches done; default: by the layout and the file's own pattern.",
        ),
    ] = None
    loss_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Column of training losses, means since the row before; held-out losses are "
            "evaluations at points.",
        ),
    ] = None
    heldout_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of held-out losses.")
    ] = None
    floor_rows: Annotated[
        int | None,
        typer.Option(
            help="Last rows whose mean is the floor; default: a tenth of the training losses, the "
            "last held-out one."
        ),
    ] = None
    unit: Annotated[
        str | None,
        typer.Option(help="nats or bits; default: what the name or the layout says, else nats."),
    ] = None
    loss_divisor: Annotated[
        float | None,
        typer.Option(help="Divides training losses, such as sums over accumulation steps."),
    ] = None
    inputs_per_label: Annotated[
        float | None, typer.Option(help="Input tokens that come with each label token; default: 0.")
    ] = None
    bytes_per_token: Annotated[
        float | None, typer.Option(help="Bytes of original data per label token.")
    ] = None
    sampled: Annotated[
        bool | None,
        typer.Option(
            "--sampled/--means",
            help="A row's loss is that of one batch, and those between are interpolated; or it is "
            "a mean since the row before. Default: by the layout, else means.",
        ),
    ] = None
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX", help="Expression with named groups (step, loss) for a text log."
        ),
    ] = None
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Rows to read; may be given several times."),
    ] = None
    keep_last: Annotated[
        bool, typer.Option("--keep-last", help="Of rows of one position only the last counts.")
    ] = False
    until: Annotated[
        float | None,
        typer.Option(metavar="TOKENS|STEP", help="Last position that counts, as in the file."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse what is not allowed; the layout refuses the rest."""
        check_positive("--bytes-per-token", self.bytes_per_token)


@takes(measure=Measure, reading=CurveFile)
def curve(files: Files, measure: Measure, reading: CurveFile, as_json: Json = False) -> None:
    """Estimate S_T and H_T from loss curves that were recorded elsewhere; trains nothing."""
    from epiplexity_jax.analysis.logs.estimate import estimate
    from epiplexity_jax.analysis.logs.estimate_messages import estimate_messages
    from epiplexity_jax.analysis.logs.layout import Layout
    from epiplexity_jax.analysis.logs.message_log import MessageLog
    from epiplexity_jax.analysis.logs.reading import read_log

    options: dict[str, Any] = vars(reading) | {"where": tuple(reading.where or ())}
    layout = Layout(**options)
    floors = measure.floors(len(files))
    curves, found = [], []
    for file, params, floor in zip(files, measure.sizes(), floors, strict=True):
        given: dict[str, Any] = {
            "params": int(params),
            "test_tokens": measure.test_tokens,
            "floor_nats": floor,
            "vocab_size": measure.vocab_size,
            "bytes_per_token": reading.bytes_per_token,
        }
        one = read_log(file, layout, floor_known=floor is not None)
        if isinstance(one, MessageLog):
            if len(files) > 1:
                raise ConfigError(
                    f"{one.name}: holds the KL of messages, and a frontier is traced from loss "
                    "curves; give it alone"
                )
            found.append(estimate_messages(one, **given))
        else:
            curves.append(one)
            found.append(estimate(one, floor_rows=reading.floor_rows, **given))
    if len(files) > 1:
        _echo_frontier(files, curves, found, measure, reading, as_json)
    elif as_json:
        echo_json({"estimate": found[0].to_json(), "file": str(files[0]), "version": __version__})
    else:
        _print_table(found[0])


_ONE_MODEL = (
    "one model and no frontier, so MDL_T is an upper bound; it is S_T + H_T, never the epiplexity"
)


def _print_table(found: Any) -> None:
    from epiplexity_jax.report.numbers import number
    from epiplexity_jax.report.tables import decomposition_table

    d = found.decomposition
    table = decomposition_table([d])
    table.caption = (
        f"{d.estimator}, {d.variant}, floor {found.floor_nats:.6g} nats ({d.floor}), "
        f"{number(d.test_tokens)} test tokens"
    )
    echo_table(table)
    for warning in (_ONE_MODEL, *d.warnings):
        typer.echo(f"note ({d.source}): {warning}", err=True)


def _echo_frontier(
    files: list[Path],
    curves: list[Any],
    found: list[Any],
    measure: Measure,
    reading: CurveFile,
    as_json: bool,
) -> None:
    """Print the frontier of several curves, and what is to be said about each."""
    from epiplexity_jax.analysis.logs.floor import floor_of
    from epiplexity_jax.analysis.logs.sizes import frontier_of
    from epiplexity_jax.report.tables import decomposition_table

    given = measure.floors(len(files))
    floors = [floor_of(*one, reading.floor_rows) for one in zip(curves, given, strict=True)]
    frontier = frontier_of(
        curves,
        floors,
        [int(one) for one in measure.sizes()],
        measure.test_tokens,
        vocab_size=measure.vocab_size,
        bytes_per_token=reading.bytes_per_token,
    )
    results = [frontier.at(compute) for compute in measure.compute or frontier.budgets()]
    if as_json:
        echo_json(
            {
                "frontier": [one.to_json() for one in results],
                "estimates": [one.to_json() for one in found],
                "files": [str(file) for file in files],
                "version": __version__,
            }
        )
        return
    echo_table(decomposition_table(results))
    said = dict.fromkeys(
        (one.source, warning)
        for d in (results, [f.decomposition for f in found])
        for one in d
        for warning in one.warnings
    )
    for source, warning in said:
        typer.echo(f"note ({source}): {warning}", err=True)
