"""Exports of a chart, such as Comet's: points x and y of curves that have a name each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from epiplexity_jax.analysis.logs.names import HELDOUT, LOSSES, candidates, words_of
from epiplexity_jax.analysis.logs.table import LogTable, is_missing

_NAMES = ("name", "legend", "series", "label", "metric_name", "metric")
_LARGEST_STEP = 1e9  # beyond it are times, in seconds since 1970 or in milliseconds


def is_traces(records: Sequence[Any]) -> bool:
    """Return whether records are curves, each with lists x and y of one length."""
    return bool(records) and all(
        isinstance(one, Mapping)
        and isinstance(one.get("x"), list)
        and isinstance(one.get("y"), list)
        and len(one["x"]) == len(one["y"])
        for one in records
    )


def of_traces(records: Sequence[Mapping[str, Any]]) -> LogTable:
    """The table of curves, a row a point; other texts of a curve are columns."""
    points = []
    for one in records:
        texts = {key: value for key, value in one.items() if isinstance(value, str)}
        points += [{"x": x, "y": y} | texts for x, y in zip(one["x"], one["y"], strict=True)]
    return LogTable.of_rows(enumerate(points, 1), layout="chart", place="point")


def of_chart(table: LogTable, named: set[str]) -> LogTable:
    """A table with x and y read as steps and losses; another one as it is.

    Where the curves' names are those of losses, there is a column for each.

    Args:
        table: as it was read.
        named: columns that options name, which stay as they are.
    """
    by_words = {words_of(name): name for name in table.names}
    if not {"x", "y"} <= set(by_words) or candidates(table.names, LOSSES):
        return table
    x, y = by_words["x"], by_words["y"]
    if y not in named:
        table = _by_metric(table, y, next((by_words[n] for n in _NAMES if n in by_words), None))
    hints, said = table.hints, []
    if y in table.columns and y not in named:
        hints = replace(hints, loss=y)
        said.append(f"{y!r} is taken for the training loss")
    if x not in named and all(map(_is_step, table.columns[x])):
        hints = replace(hints, steps=x)
        said.append(f"{x!r} is taken for steps")
    notes = (*table.notes, f"{' and '.join(said)}, as a chart names neither") if said else ()
    return replace(table, hints=hints, notes=notes or table.notes)


def _by_metric(table: LogTable, y: str, name: str | None) -> LogTable:
    """The table with a column for each curve, where the curves are named as losses."""
    if name is None:
        return table
    cells = table.columns[name]
    curves = [str(key) for key in dict.fromkeys(cells) if not is_missing(key)]
    if not any(candidates(curves, role) for role in (LOSSES, HELDOUT)):
        return table
    kept = {other: table.columns[other] for other in table.names if other not in (name, y)}
    values = table.columns[y]
    return table.with_columns(
        kept
        | {
            curve: [v if str(c) == curve else None for c, v in zip(cells, values, strict=True)]
            for curve in curves
        }
    )


def _is_step(cell: Any) -> bool:
    try:
        return is_missing(cell) or (float(cell).is_integer() and 0 <= float(cell) < _LARGEST_STEP)
    except (TypeError, ValueError, OverflowError):
        return False
