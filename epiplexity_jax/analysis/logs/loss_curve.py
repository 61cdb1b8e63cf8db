"""A training-loss curve that somebody else recorded, as a table over label tokens.

A row holds the label tokens seen so far, and the mean training loss over the tokens since the row
before. Axis letters: P row of the curve.
"""

import math
from dataclasses import dataclass

import numpy as np

from epiplexity_jax import coding
from epiplexity_jax.analysis.logs.interpolation import integrals, thinned
from epiplexity_jax.analysis.logs.scatter import Level
from epiplexity_jax.analysis.shapes import AnyColumn, Flags, Values
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
        evaluated: True where losses are those of the model at its position, such as evaluations,
            and not of the tokens since the row before; they are interpolated between the rows.
        step_tokens: label tokens of a batch, for a curve of evaluations; without it the area is an
            integral over tokens and not a sum over batches.
        tokens_per_label: r, (input + label tokens) / label tokens.
        heldout_nats: held-out loss of the final model, nats per label token, or None.
        heldout_level: the same with its error, where the file's evaluations show it.
        epochs: passes over the data that were logged with the curve, or None.
        lines: [P] lines of the file, for messages; empty when there is no file.
        place: noun of what these count.
        notes: what reading the file had to say.

    Raises:
        DataError: when the rows are no curve of a log loss, naming the row.
    """

    name: str
    label_tokens: Values
    losses_nats: AnyColumn
    sampled_step: float | None = None
    evaluated: bool = False
    step_tokens: float | None = None
    tokens_per_label: float = 1.0
    heldout_nats: float | None = None
    heldout_level: Level | None = None
    epochs: float | None = None
    lines: tuple[int, ...] = ()
    place: str = "line"
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
                f"({tokens[i]:g} to {tokens[i + 1]:g}); keep one row of each position"
            )
        batch = self.sampled_step or (self.step_tokens if self.evaluated else None)
        if batch is not None:
            partial = np.mod(tokens, batch) != 0
            partial |= (tokens == 0) & (self.sampled_step is not None)
            self._refuse("tokens", partial, "does not end a batch")
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
        return f"{self.place} {self.lines[row]}" if self.lines else f"row {row + 1}"

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
    def is_interpolated(self) -> bool:
        """True where losses between the rows are interpolated."""
        return self.evaluated or self.sampled_step is not None

    @property
    def online_sum_nats(self) -> float:
        """Training losses of all label tokens, nats."""
        if self.is_interpolated:
            return float(self._sums(*self._points())[-1])
        return math.fsum((self.losses_nats * self.widths).tolist())

    @property
    def online_sums_nats(self) -> Values:
        """[P] training losses of the label tokens up to each row, nats."""
        if not self.is_interpolated:
            return np.cumsum(self.losses_nats * self.widths)
        return self._sums(*self._points())[-self.losses_nats.size :]

    @property
    def interpolation_error_nats(self) -> float:
        """Distance by which that sum moves without every other row beside a gap; 0 for means."""
        if not self.is_interpolated:
            return 0.0
        at, losses = self._points()
        kept = thinned(at)
        if kept.size == at.size or at.size < LEAST_ROWS:
            return 0.0
        sums = self._sums(at, losses)[-1], self._sums(at[kept], losses[kept])[-1]
        return abs(float(sums[0] - sums[1]))

    @property
    def unlogged_tokens(self) -> float:
        """Label tokens that the scatter of a row moves by interpolation, as a root of squares.

        A batch that stands for g batches moves their sum by sqrt(g (g - 1)) of its own scatter; an
        evaluation moves it by all that it stands for.
        """
        if not self.is_interpolated:
            return 0.0
        at = self._points()[0]
        around = np.diff(at, prepend=at[0], append=at[-1])
        stands_for = (around[1:] + around[:-1]) / 2.0
        if self.evaluated:
            return float(np.sqrt(stands_for @ stands_for)) * (self.step_tokens or 1.0)
        stands_for = np.maximum(stands_for, 1.0)
        return float(np.sqrt(stands_for @ (stands_for - 1.0))) * (self.sampled_step or 1.0)

    def _sums(self, at: Values, losses: Values) -> Values:
        """Sums of the losses that are known at some points up to each of them, nats."""
        batch = self.step_tokens if self.evaluated else self.sampled_step
        if batch is None:
            return integrals(at, losses)
        sums = coding.interpolate_sum(at, losses)
        return (sums if self.evaluated else sums + losses) * batch

    def _points(self) -> tuple[Values, Values]:
        """Steps done before each loss, or label tokens where the batch is unknown, from 0 on."""
        batch = (self.step_tokens if self.evaluated else self.sampled_step) or 1.0
        at = np.rint(self.label_tokens / batch) - (not self.evaluated)
        if at[0] == 0:
            return at, self.losses_nats
        return np.append(0.0, at), np.append(self.losses_nats[0], self.losses_nats)
