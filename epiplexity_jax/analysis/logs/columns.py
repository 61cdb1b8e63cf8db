"""Loss curves in files: which columns of a table hold the positions and the losses.

Columns are found by the names that training programs give them; where several or none fit, the
error says which option decides. Axis letters: P row of the curve.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epiplexity_jax.analysis.logs.loss_curve import LossCurve
from epiplexity_jax.analysis.logs.readers import Row, number, read_rows
from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.units import bits_to_nats

UNITS = ("nats", "bits")

# Names in lower case, with "_" for what else stands between words, without their unit.
_TOKENS = (
    *("label_tokens", "tokens", "tokens_seen", "num_tokens", "n_tokens", "train_tokens"),
    *("total_tokens", "tokens_trained", "tokens_processed", "tokens_consumed", "consumed_tokens"),
    *("num_input_tokens_seen", "seen_tokens", "cumulative_tokens", "token"),
)
_STEPS = (
    *("step", "steps", "global_step", "train_step", "trainer_global_step", "train_global_step"),
    *("iteration", "iterations", "iter", "it", "update", "updates", "num_updates", "batch"),
)
_LOSSES = (
    *("loss", "train_loss", "training_loss", "loss_train", "train_loss_step", "lm_loss", "nll"),
    *("train_nll", "cross_entropy", "train_cross_entropy", "ce_loss", "bpb", "train_bpb"),
)
_HELDOUT = (
    *("heldout_loss", "eval_loss", "val_loss", "valid_loss", "validation_loss", "test_loss"),
    *("loss_eval", "loss_val", "eval_nll", "val_nll", "val_bpb", "eval_bpb"),
)
_EPOCHS = ("epoch", "epochs", "train_epoch", "trainer_epoch", "num_epochs")
_OTHER_AXES = (
    *_EPOCHS,
    *("time", "wall_time", "walltime", "seconds", "minutes", "hours", "elapsed", "elapsed_time"),
    *("relative_time", "relative_time_process", "runtime", "timestamp", "date", "samples"),
    *("samples_seen", "num_samples", "consumed_samples", "examples", "examples_seen", "sequences"),
    *("flops", "total_flos"),
)
_OVER_TOKENS = (
    "the area is over label tokens, so give a column of tokens (--tokens-column), or steps "
    "(--step-column) with the label tokens of a step (--tokens-per-step)"
)


@dataclass(frozen=True)
class Layout:
    """Columns and units of a file; those that are None are guessed from the columns' names.

    Attributes:
        tokens_column: label tokens seen so far.
        step_column: steps done, with `tokens_per_step`.
        tokens_per_step: label tokens of a training batch.
        loss_column: mean training loss over the tokens since the row before.
        heldout_column: held-out loss; its last value is the floor.
        unit: "nats" or "bits", of every loss in the file; default: what a column's name says,
            else nats.
        inputs_per_label: input tokens that come with each label token; default: what the columns
            label_tokens and train_tokens say, else 0.
        bytes_per_token: bytes of original data per label token, for losses in bits per byte.
        sampled: a row's loss is that of one batch, and most batches have no row.
    """

    tokens_column: str | None = None
    step_column: str | None = None
    tokens_per_step: float | None = None
    loss_column: str | None = None
    heldout_column: str | None = None
    unit: str | None = None
    inputs_per_label: float | None = None
    bytes_per_token: float | None = None
    sampled: bool = False

    def __post_init__(self) -> None:
        """Refuse what is not allowed.

        Raises:
            ConfigError: naming the option.
        """
        if self.unit is not None and self.unit not in UNITS:
            raise ConfigError(f"--unit: {did_you_mean('unit', self.unit, UNITS)}")
        for option, value, least in (
            ("--tokens-per-step", self.tokens_per_step, 1),
            ("--inputs-per-label", self.inputs_per_label, 0),
        ):
            if value is not None and not (least <= value < math.inf):
                raise ConfigError(f"{option}: must be a number of at least {least}, got {value:g}")
        if self.sampled and self.tokens_per_step is None:
            raise ConfigError(
                "--sampled: needs --tokens-per-step and steps, to know the batches between rows"
            )
        if self.tokens_column and (self.step_column or self.tokens_per_step):
            other = "--step-column" if self.step_column else "--tokens-per-step"
            raise ConfigError(f"{other}: cannot be given together with --tokens-column")


@dataclass(frozen=True)
class _Columns:
    """The columns that are read; `tokens_per_unit` label tokens for each unit of the position."""

    position: str
    tokens_per_unit: float
    loss: str
    heldout: str | None


def read_curve(path: Path, layout: Layout | None = None, floor_known: bool = False) -> LossCurve:
    """The loss curve of a CSV or JSON lines file.

    Args:
        path: the file; CSV has a header and commas, tabs or semicolons between cells.
        layout: which columns to read, and how.
        floor_known: do not look for a column of held-out losses, unless the layout names one.

    Raises:
        ConfigError: when the layout names a column that is not there, or one has to be named.
        DataError: when the file is missing, empty, no table, or holds no curve.
    """
    layout, file = layout or Layout(), path.name
    rows = read_rows(path)
    names = list(dict.fromkeys(name for row in rows for name in row.cells))
    columns = _columns(file, names, layout, floor_known)
    notes: list[str] = []
    scale = _nats_per_unit(columns.loss, layout, notes)
    kept = [row for row in rows if number(file, row, columns.loss) is not None]
    positions = [number(file, row, columns.position) for row in kept]
    for row, position in zip(kept, positions, strict=True):
        if position is None:
            raise DataError(f"{file}: line {row.line}: a loss, but nothing in {columns.position!r}")
    _note_rows(file, rows, columns, notes)
    places = np.array(positions, dtype=np.float64)
    if places.size and places[0] == 0:
        notes.append(_AT_ZERO[layout.sampled].format(columns.position))
        places += layout.sampled
    return LossCurve(
        name=file,
        label_tokens=places * columns.tokens_per_unit,
        losses_nats=np.array([number(file, row, columns.loss) for row in kept], dtype=float)
        * scale,
        sampled_step=layout.tokens_per_step if layout.sampled else None,
        tokens_per_label=_tokens_per_label(file, rows, names, layout),
        heldout_nats=_heldout(file, rows, columns, layout),
        epochs=_epochs(file, rows, names),
        lines=tuple(row.line for row in kept),
        notes=tuple(notes),
    )


def _columns(file: str, names: Sequence[str], layout: Layout, floor_known: bool) -> _Columns:
    loss = _find(file, names, layout.loss_column, _LOSSES, ("training losses", "--loss-column"))
    if loss is None:
        raise ConfigError(
            f"--loss-column: no column of {file} is known by its name to hold training losses; it "
            f"has {_listed(names)}"
        )
    position, per_unit = _position(file, names, layout)
    heldout = None
    if layout.heldout_column or not floor_known:
        others = [name for name in names if name != loss]
        wanted = ("held-out losses", "--heldout-column (or --floor)")
        heldout = _find(file, others, layout.heldout_column, _HELDOUT, wanted)
    return _Columns(position, per_unit, loss, heldout)


def _position(file: str, names: Sequence[str], layout: Layout) -> tuple[str, float]:
    """The column of positions, and the label tokens of one unit of it."""
    if layout.step_column is None and layout.tokens_per_step is None:
        if layout.tokens_column is None and "label_tokens" in names:
            return "label_tokens", 1.0
        wanted = ("label tokens", "--tokens-column")
        found = _find(file, names, layout.tokens_column, _TOKENS, wanted)
        if found is not None:
            return _over_tokens(file, found), 1.0
    found = _find(file, names, layout.step_column, _STEPS, ("steps", "--step-column"))
    if found is None:
        others = [name for name in names if plain_name(name) in _OTHER_AXES]
        held = f"{others[0]!r} and no tokens" if others else f"{_listed(names)}, no tokens"
        raise ConfigError(f"{file}: has {held} on its axis; {_OVER_TOKENS}")
    _over_tokens(file, found)
    if layout.tokens_per_step is None:
        raise ConfigError(
            f"--tokens-per-step: {file} counts steps ({found!r}), and the area is over label "
            "tokens; give the label tokens of a step (sequences x labels of each)"
        )
    return found, layout.tokens_per_step


def _over_tokens(file: str, name: str) -> str:
    if plain_name(name) in _OTHER_AXES:
        raise ConfigError(f"{file}: {name!r} counts neither tokens nor steps; {_OVER_TOKENS}")
    return name


def _find(
    file: str,
    names: Sequence[str],
    given: str | None,
    known: Sequence[str],
    wanted: tuple[str, str],
) -> str | None:
    """Choose the column that an option names, else the one with a known name; None without one.

    Raises:
        ConfigError: when it is not there, or several fit and the option must decide.
    """
    what, option = wanted
    if given is not None:
        if given not in names:
            raise ConfigError(f"{option}: {file} has no column {given!r}, only {_listed(names)}")
        return given
    fitting = [name for name in names if plain_name(name) in known]
    if len(fitting) > 1:
        raise ConfigError(
            f"{option}: several columns of {file} may hold {what} ({', '.join(fitting)}); name one"
        )
    return fitting[0] if fitting else None


def _listed(names: Sequence[str]) -> str:
    shown = [repr(name) for name in names[:12]]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "") or "no named column"


def plain_name(name: str) -> str:
    """A column's name in lower case, one "_" between words, without its unit.

    >>> plain_name("train/Loss"), plain_name("_step"), plain_name("loss_nats")
    ('train_loss', 'step', 'loss')
    """
    return re.sub(r"_(nats|bits)(_per_token)?$", "", _words(name))


def _words(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def unit_of(name: str) -> str | None:
    """The unit that a column's name says: nats, bits or bits per byte.

    >>> unit_of("loss_bits"), unit_of("val/bpb"), unit_of("loss")
    ('bits', 'bits per byte', None)
    """
    plain = _words(name)
    if re.search(r"(^|_)(bpb|bits_per_byte)$", plain):
        return "bits per byte"
    found = re.search(r"(^|_)(nats|bits)(_per_token)?$", plain)
    return found.group(2) if found else None


def _nats_per_unit(name: str, layout: Layout, notes: list[str], like: str | None = None) -> float:
    """Nats per label token of one unit of a column; a column without a unit is like another."""
    said = unit_of(name) or (unit_of(like) if like is not None else None)
    unit = layout.unit or said or "nats"
    if layout.unit is not None and said is not None and layout.unit not in said:
        notes.append(f"{name!r} is read as {layout.unit}, as --unit says, against its name")
    if said == "bits per byte" and unit != "nats":
        if layout.bytes_per_token is None:
            raise ConfigError(
                f"--bytes-per-token: {name!r} holds bits per byte; give the bytes of a token (1 "
                "where tokens are bytes)"
            )
        return bits_to_nats(layout.bytes_per_token)
    return bits_to_nats(1.0) if unit != "nats" else 1.0


def _heldout(file: str, rows: Sequence[Row], columns: _Columns, layout: Layout) -> float | None:
    """The last held-out loss, nats per label token."""
    column = columns.heldout
    for row in reversed(rows):
        if column is None or (value := number(file, row, column)) is None:
            continue
        nats = value * _nats_per_unit(column, layout, [], columns.loss)
        if not (0 <= nats < math.inf):
            raise DataError(
                f"{file}: line {row.line}: {column!r} is {value:g}, no log loss that could be the "
                "floor"
            )
        return nats
    return None


def _note_rows(file: str, rows: Sequence[Row], columns: _Columns, notes: list[str]) -> None:
    """Say how many rows hold no loss of either kind."""
    both = [columns.loss, *filter(None, [columns.heldout])]
    blank = sum(all(number(file, row, name) is None for name in both) for row in rows)
    if blank:
        notes.append(f"{blank} rows without a loss were left out")


_AT_ZERO = {
    False: "the row at {} 0 covers no tokens and is not in the area: if its loss is that of the "
    "first batch, count a row's position after its batch",
    True: "positions ({}) begin at 0, so each is read as the batches before the row's own",
}


def _tokens_per_label(
    file: str, rows: Sequence[Row], names: Sequence[str], layout: Layout
) -> float:
    """(input + label tokens) / label tokens, as given or as the file's own two columns say."""
    if layout.inputs_per_label is not None:
        return 1.0 + layout.inputs_per_label
    if "label_tokens" in names and "train_tokens" in names:
        labels, trained = (number(file, rows[-1], n) for n in ("label_tokens", "train_tokens"))
        if labels and trained:
            return trained / labels
    return 1.0


def _epochs(file: str, rows: Sequence[Row], names: Sequence[str]) -> float | None:
    """Passes over the data that the file counts; whole numbers are those of begun passes."""
    column = next((name for name in names if plain_name(name) in _EPOCHS), "")
    counted = {number(file, row, column) for row in rows}
    finite = [value for value in counted if value is not None and math.isfinite(value)]
    if all(value == math.floor(value) for value in finite):
        return float(len(finite)) or None
    return max(finite)
