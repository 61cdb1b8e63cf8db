"""Loss curves of files: a table, its columns, its rows, and what is to be said about them.

Axis letters: P row of the curve, H row with a held-out loss.
"""

from pathlib import Path

import numpy as np

from epiplexity_jax.analysis.logs import columns as choice
from epiplexity_jax.analysis.logs import positions as places
from epiplexity_jax.analysis.logs.columns import Columns
from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.loss_curve import LossCurve
from epiplexity_jax.analysis.logs.message_log import MessageLog, log_of
from epiplexity_jax.analysis.logs.names import is_heldout, unit_of, words_of
from epiplexity_jax.analysis.logs.readers import read_table
from epiplexity_jax.analysis.logs.reshape import one_run_a_row, refuse_several_runs, select, wide
from epiplexity_jax.analysis.logs.scatter import Level, level
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.analysis.shapes import Flags, Values
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.units import bits_to_nats


def read_curve(path: Path, layout: Layout | None = None, floor_known: bool = False) -> LossCurve:
    """The loss curve of a file or folder of any known layout (docs/curve.md).

    Args:
        path: the file, which may be compressed, or the folder.
        layout: which columns to read, and how.
        floor_known: do not look for a column of held-out losses, unless the layout names one.

    Raises:
        ConfigError: when the layout names a column that is not there, or one has to be named.
        DataError: when the file is missing, empty, of no known layout, or holds no curve.
    """
    found = read_log(path, layout, floor_known)
    if isinstance(found, LossCurve):
        return found
    raise DataError(f"{found.name}: holds the KL of messages and no losses; read_log reads it")


def read_log(
    path: Path, layout: Layout | None = None, floor_known: bool = False
) -> LossCurve | MessageLog:
    """The loss curve of a file or folder, or the KL of messages where it holds that.

    Args:
        path: the file, which may be compressed, or the folder.
        layout: which columns to read, and how.
        floor_known: do not look for a column of held-out losses, unless the layout names one.

    Raises:
        ConfigError: when the layout names a column that is not there, or one has to be named.
        DataError: when the file is missing, empty, of no known layout, or holds neither.
    """
    layout, file = layout or Layout(), path.name or str(path)
    table = read_table(path, layout.pattern)
    if table.hints.kind == "kl":
        return log_of(file, table, layout)
    table = wide(table, layout.columns)
    table = select(file, table, layout.where)
    columns = choice.choose(file, table, layout, floor_known)
    choice.check_filled(file, table, columns.loss)
    return _Reading(file, table, columns, layout).curve(floor_known)


class _Reading:
    """One table on its way to a curve.

    Args:
        file: its name, for messages.
        table: one row a position.
        columns: which are read.
        layout: what the options say.
    """

    def __init__(self, file: str, table: LogTable, columns: Columns, layout: Layout) -> None:
        self.file, self.columns, self.layout = file, columns, layout
        self.notes = [*table.notes, *columns.notes]
        self.table = table
        heldout = columns.heldout
        self.has_heldout = self._heldout_rows()
        self.losses = table.numbers(file, columns.loss, strict=~self.has_heldout)
        self.heldout = table.numbers(file, heldout) if heldout else np.full(len(table), np.nan)
        self.positions = self._positions(~np.isnan(self.losses))
        self._end()

    def _heldout_rows(self) -> Flags:
        """[P] rows that may have no training loss, as they have a held-out one of any column."""
        table, columns = self.table, self.columns
        if self._of_heldout():  # rows of training stand between those of the curve
            return np.ones(len(table), dtype=bool)
        found = np.zeros(len(table), dtype=bool)
        for name in table.names:
            if name != columns.loss and (is_heldout(name) or name == columns.heldout):
                found |= table.present(name)
        return found

    def _positions(self, with_loss: Flags) -> Values:
        """[P] positions as the file has them; NaN where a row has none."""
        if self.columns.position is not None:
            return self.table.numbers(self.file, self.columns.position)
        counted = np.cumsum(with_loss) * (self.layout.steps_per_row or 1.0)
        return np.where(with_loss | (counted > 0), counted, np.nan)

    def _end(self) -> None:
        """Leave out the rows after the last position that counts."""
        until = self.layout.until
        if until is None:
            return
        kept = ~(self.positions > until)
        left = int((~kept & ~np.isnan(self.losses)).sum())
        self.table = self.table.where(kept)
        self.losses, self.heldout = self.losses[kept], self.heldout[kept]
        self.positions, self.has_heldout = self.positions[kept], self.has_heldout[kept]
        self.notes.append(f"{_rows(left)} after {until:g} left out, as --until says")

    def curve(self, floor_known: bool) -> LossCurve:
        """The curve of the rows that have a loss."""
        rows = self._rows()
        is_sampled = self._is_sampled()
        if not is_sampled and words_of(self.columns.loss).endswith("loss_step"):
            self.notes.append(
                f"{self.columns.loss!r} is read as means since the row before; Lightning logs that "
                "of single batches under such a name (--sampled)"
            )
        tokens, said = places.shifted(
            self.positions[rows], self.columns, self.layout, self.table, is_sampled
        )
        self.notes += [said] if said else []
        per_unit = self.columns.tokens_per_unit
        scale = self._nats(self.columns.loss) / self._divisor()
        floor = self._floor(floor_known)
        steps = per_unit if self.columns.counts_steps else None
        return LossCurve(
            name=self.file,
            label_tokens=tokens * per_unit,
            losses_nats=self.losses[rows] * scale,
            sampled_step=steps if is_sampled else None,
            evaluated=self.columns.evaluated,
            step_tokens=steps,
            tokens_per_label=self._tokens_per_label(),
            heldout_nats=None if floor is None else floor.nats,
            heldout_level=floor,
            epochs=places.epochs(
                self.file, self.table, rows, self.positions, self.columns.position
            ),
            lines=tuple(self.table.lines[i] for i in rows),
            place=self.table.place,
            notes=tuple(self.notes),
        )

    def _rows(self) -> np.ndarray:
        """Indices of the rows of the curve."""
        file, table = self.file, self.table
        blank = np.isnan(self.losses)
        neither = int((blank & ~self.has_heldout).sum())
        rows = np.flatnonzero(~blank)
        unplaced = rows[np.isnan(self.positions[rows])]
        if unplaced.size:
            raise DataError(
                f"{file}: {table.at(int(unplaced[0]))}: a loss, but nothing in "
                f"{self.columns.position!r}"
            )
        of_curve = (self.columns.loss, self.columns.heldout, self.columns.position)
        used = {name for name in of_curve if name}
        refuse_several_runs(file, table, rows.tolist(), used)
        self._refuse_fractions(rows)
        runs = one_run_a_row(table, rows.tolist(), used)
        if runs is not None and not self.layout.keep_last:
            places.refuse_runs(file, runs, self.positions[rows])
            self.notes.append(
                f"{runs!r} has another value in each row: where these are runs, with last values "
                "each, there is no curve in the file"
            )
        if neither:
            self.notes.append(f"{_rows(neither)} without a loss left out")
        if self.layout.keep_last:
            kept = places.last_of_each(self.positions[rows])
            if dropped := int((~kept).sum()):
                self.notes.append(
                    f"{_rows(dropped)} left out, as their positions come again later (--keep-last)"
                )
            return rows[kept]
        places.refuse_falling(file, table, rows, self.positions[rows])
        return rows

    def _refuse_fractions(self, rows: np.ndarray) -> None:
        """Refuse fractions of steps in a column that no option names."""
        column, at = self.columns.position, self.positions[rows]
        if not self.columns.counts_steps or column is None or column == self.layout.step_column:
            return
        parts = np.flatnonzero(at != np.floor(at))
        if parts.size:
            i = int(parts[0])
            raise DataError(
                f"{self.file}: {self.table.at(int(rows[i]))}: {at[i]:g} in {column!r} is no whole "
                f"number of steps; --step-column '{column}' reads it all the same"
            )

    def _is_sampled(self) -> bool:
        if self.columns.evaluated:
            return False
        if self.layout.sampled is not None:
            return self.layout.sampled
        return self.table.hints.kind == "batches" and self.columns.counts_steps

    def _divisor(self) -> float:
        divisor = self.layout.loss_divisor
        return 1.0 if divisor is None or self._of_heldout() else divisor

    def _of_heldout(self) -> bool:
        return self.columns.evaluated and is_heldout(self.columns.loss)

    def _floor(self, floor_known: bool) -> Level | None:
        """The held-out loss at the end, nats per label token, with its error where rows show it."""
        final, column = self.table.hints.final_loss, self.columns.heldout
        if column is None:
            if final is None or floor_known:
                return None
            return Level(final * self._nats(self.columns.loss), rows=1)
        with_loss = np.flatnonzero(~np.isnan(self.heldout))
        if not with_loss.size:
            return None
        scale = self._nats(column, self.columns.loss)
        for i in with_loss:
            if not 0 <= self.heldout[i] < np.inf:
                raise DataError(
                    f"{self.file}: {self.table.at(int(i))}: {column!r} is {self.heldout[i]:g}, no "
                    "log loss that could be the floor"
                )
        at = self.positions[with_loss]
        at = np.where(np.isnan(at), np.arange(with_loss.size), at)
        return level(at, self.heldout[with_loss] * scale, self.layout.floor_rows or 1)

    def _nats(self, name: str, like: str | None = None) -> float:
        """Nats per label token of one unit of a column; one without a unit is like another."""
        layout, hints = self.layout, self.table.hints
        said = unit_of(name) or (unit_of(like) if like is not None else None)
        unit = layout.unit or said or hints.unit or "nats"
        if layout.unit is not None and said is not None and layout.unit not in said:
            note = f"{name!r} is read as {layout.unit}, as --unit says, against its name"
            self.notes += [] if note in self.notes or like else [note]
        if None not in (layout.unit, hints.unit) and layout.unit != hints.unit:
            note = f"losses are read as {layout.unit}, as --unit says, against the file's own unit"
            self.notes += [] if note in self.notes else [note]
        if said == "bits per byte" and unit != "nats":
            if layout.bytes_per_token is None:
                raise ConfigError(
                    f"--bytes-per-token: {name!r} holds bits per byte; give the bytes of a token "
                    "(1 where tokens are bytes)"
                )
            return bits_to_nats(layout.bytes_per_token)
        return bits_to_nats(1.0) if unit != "nats" else 1.0

    def _tokens_per_label(self) -> float:
        """(input + label tokens) / label tokens, as given or as the file's own columns say."""
        if self.layout.inputs_per_label is not None:
            return 1.0 + self.layout.inputs_per_label
        if {"label_tokens", "train_tokens"} <= set(self.table.names):
            labels, trained = (
                self.table.numbers(self.file, name)[-1] for name in ("label_tokens", "train_tokens")
            )
            if labels > 0 and trained > 0:
                return float(trained / labels)
        return 1.0


def _rows(count: int) -> str:
    return f"{count} row" + ("" if count == 1 else "s")
