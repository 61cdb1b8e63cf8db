"""A training-loss curve that somebody else recorded, as a table over label tokens.

A row holds the label tokens seen so far, and the mean training loss over the tokens since the row
before. Axis letters: P row of the curve.
"""

import math
from dataclasses import dataclass

import numpy as np

from epiplexity_jax import coding
from epiplexity_jax.analysis.shapes import AnyColumn, Flags, Steps, Values
from epiplexity_jax.base.errors import DataError

LEAST_ROWS = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class LossCurve:
    """A training-loss curve over label tokens.

    Attributes:
        name: what messages call it.
        label_tokens: [P] label tokens seen so far, increasing; a first row at 0 covers none.
        losses_nats: [P] mean training loss over the label tokens since the row before, nats per
            label token; where `sampled_step` is given, that of the one batch that ends there.
        sampled_step: label tokens of a batch, where rows are single batches; the losses of the
            batches between them are then interpolated.
        tokens_per_label: r, (input + label tokens) / label tokens.
        heldout_nats: held-out loss of the final model, nats per label token, or None.
        epochs: passes over the data that were logged with the curve, or None.
        lines: [P] lines of the file, for messages; empty when there is no file.
        notes: what reading the file had to say.

    Raises:
        DataError: when the rows are no curve of a log loss, naming the row.
    """

    name: str
    label_tokens: Values
    losses_nats: AnyColumn
    sampled_step: float | None = None
    tokens_per_label: float = 1.0
    heldout_nats: float | None = None
    epochs: float | None = None
    lines: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Turn the columns into float64 arrays and refuse what is no curve."""
        for field in ("label_tokens", "losses_nats"):
            object.__setattr__(self, field, np.asarray(getattr(self, field), dtype=np.float64))
        tokens, losses = self.label_tokens, self.losses_nats
        if tokens.ndim != 1 or tokens.shape != losses.shape:
            raise DataError(
                f"{self.name}: label_tokens and losses_nats must be columns of one length, "
                f"got shapes {tokens.shape} and {losses.shape}"
            )
        if tokens.size < LEAST_ROWS:
            raise DataError(
                f"{self.name}: has {tokens.size} rows with a loss; a curve needs at least "
                f"{LEAST_ROWS}"
            )
        self._refuse("tokens", ~np.isfinite(tokens), "is not a finite number of tokens")
        self._refuse("tokens", tokens < 0, "is negative; tokens are counted from 0")
        whole = "is no whole number; count label tokens, not epochs or billions of tokens"
        self._refuse("tokens", tokens != np.floor(tokens), whole)
        self._refuse("loss", ~np.isfinite(losses), "is not finite; did training diverge there?")
        self._refuse("loss", losses < 0, "is negative, so no log loss of tokens; no code has it")
        falls = np.flatnonzero(np.diff(tokens) <= 0)
        if falls.size:
            i = int(falls[0])
            raise DataError(
                f"{self.name}: tokens do not increase from {self.at(i)} to {self.at(i + 1)} "
                f"({tokens[i]:g} to {tokens[i + 1]:g}); was training resumed into one file?"
            )
        if self.sampled_step is not None:
            partial = np.mod(tokens, self.sampled_step) != 0
            self._refuse("tokens", partial | (tokens == 0), "does not end a batch")
        if not 1 <= self.tokens_per_label < math.inf:
            raise DataError(
                f"{self.name}: (input + label tokens) / label tokens must be at least 1, got "
                f"{self.tokens_per_label:g}"
            )

    def _refuse(self, column: str, wrong: Flags, why: str) -> None:
        if wrong.any():
            i = int(np.argmax(wrong))
            value = (self.label_tokens if column == "tokens" else self.losses_nats)[i]
            raise DataError(f"{self.name}: {self.at(i)}: {column} {value:g} {why}")

    def at(self, row: int) -> str:
        """Name of a row in messages."""
        return f"line {self.lines[row]}" if self.lines else f"row {row + 1}"

    @property
    def widths(self) -> Values:
        """[P] label tokens that each row covers."""
        return np.diff(self.label_tokens, prepend=0.0)

    @property
    def total_tokens(self) -> float:
        """Label tokens of the whole curve."""
        return float(self.label_tokens[-1])

    @property
    def train_tokens(self) -> float:
        """Input and label tokens of the whole curve."""
        return self.total_tokens * self.tokens_per_label

    @property
    def online_sum_nats(self) -> float:
        """Training losses of all label tokens, nats."""
        if self.sampled_step is None:
            return math.fsum((self.losses_nats * self.widths).tolist())
        batches, losses = self._batches()
        total = float(coding.interpolate_sum(batches, losses)[-1] + losses[-1])
        return total * self.sampled_step

    @property
    def interpolation_error_nats(self) -> float:
        """Distance by which that sum moves without every other sampled batch; 0 for means."""
        if self.sampled_step is None:
            return 0.0
        return float(coding.interpolation_error(*self._batches())) * self.sampled_step

    def _batches(self) -> tuple[Steps, Values]:
        """[P] steps done before each sampled batch, from 0 on, and its loss."""
        steps = np.rint(self.label_tokens / (self.sampled_step or 1.0)).astype(np.int64) - 1
        if steps[0] == 0:
            return steps, self.losses_nats
        return np.append(0, steps), np.append(self.losses_nats[0], self.losses_nats)
