"""Options that say how a file of a loss curve is to be read."""

import math
from dataclasses import dataclass

from epiplexity_jax.base.config import did_you_mean
from epiplexity_jax.base.errors import ConfigError

UNITS = ("nats", "bits")


@dataclass(frozen=True)
class Layout:
    """Columns and units of a file; those that are None are guessed from the columns' names.

    Attributes:
        tokens_column: label tokens seen so far.
        step_column: steps done, with `tokens_per_step`.
        tokens_per_step: label tokens of a training batch.
        steps_per_row: steps between rows, where no column counts anything.
        first_step: 0 where a step is the index of the row's batch from 0 on, 1 where it is the
            number of batches done.
        loss_column: mean training loss over the tokens since the row before.
        heldout_column: held-out loss; its last value is the floor.
        floor_rows: rows whose mean is the floor; of the held-out column 1 by default.
        unit: "nats" or "bits", of every loss in the file; default: what a column's name or the
            layout says, else nats.
        loss_divisor: number by which training losses are divided, such as the accumulation steps
            that were summed.
        inputs_per_label: input tokens that come with each label token; default: what the columns
            label_tokens and train_tokens say, else 0.
        bytes_per_token: bytes of original data per label token, for losses in bits per byte.
        sampled: True where a row's loss is that of one batch and most batches have no row, False
            where it is a mean since the row before; None: what the layout says, else a mean.
        pattern: regular expression with named groups that reads the lines of a text log.
        where: conditions `COLUMN=VALUE` that choose rows.
        keep_last: True where only the last of several rows at one position counts.
        until: last position that counts, in tokens or steps as the file has them.
    """

    tokens_column: str | None = None
    step_column: str | None = None
    tokens_per_step: float | None = None
    steps_per_row: float | None = None
    first_step: int | None = None
    loss_column: str | None = None
    heldout_column: str | None = None
    floor_rows: int | None = None
    unit: str | None = None
    loss_divisor: float | None = None
    inputs_per_label: float | None = None
    bytes_per_token: float | None = None
    sampled: bool | None = None
    pattern: str | None = None
    where: tuple[str, ...] = ()
    keep_last: bool = False
    until: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is not allowed.

        Raises:
            ConfigError: naming the option.
        """
        if self.unit is not None and self.unit not in UNITS:
            raise ConfigError(f"--unit: {did_you_mean('unit', self.unit, UNITS)}")
        for option, value, least in (
            ("--tokens-per-step", self.tokens_per_step, 1),
            ("--steps-per-row", self.steps_per_row, 1),
            ("--inputs-per-label", self.inputs_per_label, 0),
            ("--floor-rows", self.floor_rows, 1),
            ("--until", self.until, 0),
        ):
            if value is not None and not (least <= value < math.inf):
                raise ConfigError(f"{option}: must be a number of at least {least}, got {value:g}")
        if self.loss_divisor is not None and not 0 < self.loss_divisor < math.inf:
            raise ConfigError(
                f"--loss-divisor: must be a positive number, got {self.loss_divisor:g}"
            )
        if self.first_step not in (None, 0, 1):
            raise ConfigError(f"--first-step: must be 0 or 1, got {self.first_step}")
        if self.sampled and self.tokens_per_step is None:
            raise ConfigError(
                "--sampled: needs --tokens-per-step and steps, to know the batches between rows"
            )
        others = {
            "--step-column": self.step_column,
            "--tokens-per-step": self.tokens_per_step,
            "--steps-per-row": self.steps_per_row,
            "--first-step": self.first_step,
        }
        for other, value in others.items():
            if self.tokens_column and value is not None:
                raise ConfigError(f"{other}: cannot be given together with --tokens-column")
        if self.steps_per_row is not None and self.step_column:
            raise ConfigError("--steps-per-row: cannot be given together with --step-column")

    @property
    def columns(self) -> set[str]:
        """Columns that the options name."""
        named = (self.tokens_column, self.step_column, self.loss_column, self.heldout_column)
        return {name for name in named if name is not None}
