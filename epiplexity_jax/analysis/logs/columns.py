"""Choice of the columns of a table that hold the positions and the losses.

Columns are found by the names that training programs give them; where several or none fit, the
error says which option decides. An option that names a column is never overruled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.names import (
    HELDOUT,
    LOSSES,
    STEPS,
    TOKENS,
    Role,
    candidates,
    is_heldout,
    is_other_axis,
    words_of,
)
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.base.errors import ConfigError, DataError

_OVER_TOKENS = (
    "the area is over label tokens, so give a column of tokens (--tokens-column), or steps "
    "(--step-column) with the label tokens of a step (--tokens-per-step)"
)
_ONE_SCALAR = {"wall_time", "step", "value", "relative_time", "timestamp", "time"}
_LEAST_VALUES = 3  # of a column that is a curve


@dataclass(frozen=True)
class Columns:
    """The columns that are read.

    Attributes:
        position: tokens or steps; None where rows are counted.
        tokens_per_unit: label tokens of a unit of the position.
        counts_steps: whether positions are steps.
        loss: training losses, or held-out ones.
        heldout: held-out losses, or None.
        evaluated: whether each loss is that of the model at its position, as held-out ones are.
        notes: sentences on the choice.
    """

    position: str | None
    tokens_per_unit: float
    counts_steps: bool
    loss: str
    heldout: str | None
    evaluated: bool
    notes: tuple[str, ...]


def choose(file: str, table: LogTable, layout: Layout, floor_known: bool) -> Columns:
    """The columns of a table that make its curve.

    Args:
        file: its name, for messages.
        table: one row a position.
        layout: what the options say.
        floor_known: whether held-out losses are not needed.

    Raises:
        ConfigError: when a column is not there, or an option must decide.
    """
    notes: list[str] = []
    loss = _loss(file, table, layout, notes)
    of_heldout = is_heldout(loss) and layout.sampled is None
    evaluated = of_heldout or (table.hints.kind == "points" and layout.sampled is None)
    if of_heldout:
        notes.append(
            f"{loss!r} holds held-out losses: each is read as the loss of the model at its "
            "position, and the curve between them is interpolated"
        )
    position, per_unit, counts_steps = _position(file, table, layout, loss, notes)
    if position == loss:
        raise ConfigError(
            f"--loss-column: {loss!r} of {file} is the axis of the curve, too; name another column"
        )
    if layout.heldout_column == loss and not evaluated:
        notes.append(f"{loss!r} is the curve and the held-out loss, too, as --heldout-column says")
    heldout = None
    if layout.heldout_column or not floor_known:
        others = [name for name in table.names if name != loss]
        heldout = find(file, table, others, layout.heldout_column, HELDOUT)
    if of_heldout and layout.heldout_column is None and not floor_known:
        heldout = loss
    return Columns(position, per_unit, counts_steps, loss, heldout, evaluated, tuple(notes))


def _loss(file: str, table: LogTable, layout: Layout, notes: list[str]) -> str:
    """The column of the curve: training losses, else held-out ones."""
    found = find(file, table, table.names, layout.loss_column or table.hints.loss, LOSSES)
    if found is not None:
        return found
    words = {words_of(name): name for name in table.names}
    if "value" in words and "step" in words and set(words) <= _ONE_SCALAR:
        notes.append(f"{words['value']!r} is taken for the training loss, as the one value")
        return words["value"]
    found = find(file, table, table.names, None, HELDOUT)
    if found is not None:
        return found
    perplexity = any("perplexity" in words_of(n) or "ppl" in words_of(n) for n in table.names)
    raise ConfigError(
        f"--loss-column: no column of {file} is known by its name to hold training losses; it "
        f"has {listed(table.names)}"
        + (" (a perplexity is exp(loss): write its logarithm)" if perplexity else "")
    )


def _position(
    file: str, table: LogTable, layout: Layout, loss: str, notes: list[str]
) -> tuple[str | None, float, bool]:
    """The column of positions, the label tokens of one unit of it, and whether it counts steps."""
    by_steps = (layout.step_column, layout.tokens_per_step, layout.steps_per_row)
    if by_steps == (None, None, None):
        if layout.tokens_column is None and "label_tokens" in table.names:
            return "label_tokens", 1.0, False
        alive = _counted(table, loss, notes) if layout.tokens_column is None else table.names
        found = find(file, table, alive, layout.tokens_column, TOKENS)
        if found is not None:
            _say_axis(found, layout.tokens_column, "label tokens", "--tokens-column", notes)
            return found, 1.0, False
    per_step = layout.tokens_per_step or table.hints.tokens_per_step
    found = None
    if layout.steps_per_row is None:
        found = find(file, table, table.names, layout.step_column or table.hints.steps, STEPS)
        if found is None:
            raise ConfigError(_counts_tokens(file, table, layout) or _no_axis(file, table, notes))
        _say_axis(found, layout.step_column, "steps", "--step-column", notes)
    if per_step is None:
        never = "".join(f"; {note}" for note in notes if "never counted" in note)
        counted = f"counts steps ({found!r})" if found else "is read by its rows"
        raise ConfigError(
            f"--tokens-per-step: {file} {counted}, and the area is over label "
            f"tokens; give the label tokens of a step (sequences x labels of each){never}"
        )
    if layout.tokens_per_step is None:
        notes.append(f"the log says {per_step:g} label tokens a step")
    return found, per_step, True


def _counts_tokens(file: str, table: LogTable, layout: Layout) -> str:
    """The sentence where steps are asked for, and the file counts tokens."""
    counters = candidates(table.names, TOKENS)
    if not counters or layout.tokens_per_step is None:
        return ""
    return (
        f"--tokens-per-step: {file} has no column of steps, and {counters[0]!r} counts tokens "
        "already; leave it out, or name a column of steps (--step-column)"
    )


def _no_axis(file: str, table: LogTable, notes: Sequence[str]) -> str:
    others = [name for name in table.names if is_other_axis(name)]
    held = f"{others[0]!r} and no tokens" if others else f"{listed(table.names)}, no tokens"
    never = "".join(f"; {note}" for note in notes if "never counted" in note)
    return (
        f"{file}: has {held} on its axis{never}; {_OVER_TOKENS}, or the steps between rows "
        "(--steps-per-row)"
    )


def _counted(table: LogTable, loss: str, notes: list[str]) -> list[str]:
    """The columns without counters of tokens that stand still in the rows with a loss."""
    kept = []
    rows = np.flatnonzero(table.present(loss))
    for name in table.names:
        if candidates([name], TOKENS) and rows.size >= _LEAST_VALUES:
            cells = {str(table.columns[name][i]).strip() for i in rows.tolist()}
            if len(cells) == 1:
                notes.append(_still(name, cells.pop()))
                continue
        kept.append(name)
    return kept


def _still(name: str, cell: str) -> str:
    """The sentence on a counter of tokens that has one value."""
    if cell in ("0", "0.0"):
        return f"{name!r} is 0 in every row, so tokens were never counted and it is no axis"
    return f"{name!r} is {cell} in every row, so tokens so far were never counted by it"


def _say_axis(found: str, given: str | None, what: str, option: str, notes: list[str]) -> None:
    """Say where an option makes an axis of a column whose name says something else."""
    if given is not None and is_other_axis(found):
        notes.append(f"{found!r} is read as {what}, as {option} says, against its name")


def find(
    file: str, table: LogTable, names: Sequence[str], given: str | None, role: Role
) -> str | None:
    """Choose the column that an option names, else the one with a known name; None without one.

    Args:
        file: its name, for messages.
        table: the table that has the columns.
        names: columns that may be chosen.
        given: the option's column.
        role: what the column holds.

    Raises:
        ConfigError: when it is not there, or several fit and the option must decide.
    """
    if given is not None:
        if given not in table.columns:
            option = role.option.partition(" ")[0]
            raise ConfigError(f"{option}: {file} has no column {given!r}, only {listed(names)}")
        return given
    fitting = _likeliest(table, candidates(names, role))
    if len(fitting) > 1:
        raise ConfigError(
            f"{role.option}: several columns of {file} may hold {role.what} "
            f"({', '.join(fitting)}); name one"
        )
    return fitting[0] if fitting else None


def _likeliest(table: LogTable, fitting: list[str]) -> list[str]:
    """Columns without those that repeat, summarise or hardly have a value."""
    if len(fitting) < 2:
        return fitting
    counts = {name: int(table.present(name).sum()) for name in fitting}
    if max(counts.values()) >= _LEAST_VALUES:
        fitting = [name for name in fitting if counts[name] > 1]
    for ending in ("_epoch", "epoch_avg"):
        kept = [name for name in fitting if not words_of(name).endswith(ending)]
        fitting = kept or fitting
    fitting = [name for name in fitting if not name.startswith("_")] or fitting
    first = list(table.columns[fitting[0]])
    if len(table) >= _LEAST_VALUES and all(
        list(table.columns[name]) == first for name in fitting[1:]
    ):
        return fitting[:1]
    return fitting


def check_filled(file: str, table: LogTable, column: str) -> None:
    """Refuse a column of losses without any value.

    Args:
        file: its name, for messages.
        table: the table that has the column.
        column: the column's name.

    Raises:
        DataError: naming it.
    """
    if not table.present(column).any():
        raise DataError(f"{file}: {column!r} has no value in any row")


def listed(names: Sequence[str]) -> str:
    """Names for a message, the first dozen of them."""
    shown = [repr(name) for name in names[:12]]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "") or "no named column"
