"""Tables of other shapes as one row a position, one column a metric, and the choice of one run."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from epiplexity_jax.analysis.logs.layouts.chart import of_chart
from epiplexity_jax.analysis.logs.names import words_of
from epiplexity_jax.analysis.logs.table import LogTable, is_missing
from epiplexity_jax.base.errors import ConfigError, DataError

_METRIC = {"metric", "metrics", "metric_name", "key", "name", "tag", "scalar", "variable", "series"}
_VALUE = {"value", "metric_value", "values"}
_PANEL = re.compile(r"(.+?) - (.+)")
_EXTREMES = ("__MIN", "__MAX")
RUN_NAMES = {
    *("run", "run_id", "run_name", "runid", "run_uuid", "id", "name", "experiment", "trial"),
    *("experiment_key", "experiment_id", "experiment_name", "model", "seed", "job", "job_id"),
    *("display_name", "version", "group", "config", "dataset", "task"),
}
_RUN_WORDS = {"name", "run", "run_name", "run_id", "display_name", "experiment_name", "experiment"}
_LEAST_ROWS = 3
_SHOWN = 6


def wide(table: LogTable, named: set[str]) -> LogTable:
    """A table with a column for each metric, whatever shape a tracker gave it.

    Args:
        table: as it was read.
        named: columns that options name, which stay as they are.
    """
    return _of_long(of_chart(_of_panel(table), named), named)


def _of_panel(table: LogTable) -> LogTable:
    """The table of a W&B panel, whose columns are `RUN - METRIC`; extremes are left out."""
    names = table.names
    drop = {n for n in names if n.endswith(_EXTREMES) and n[: -len("__MIN")] in names}
    panel = {n: found for n in names if n not in drop and (found := _PANEL.fullmatch(n))}
    if not drop and len(panel) < len(names) - 1:
        return table
    kept = {n: cells for n, cells in table.columns.items() if n not in drop}
    if not panel:
        return table.with_columns(kept)
    shared = [n for n in kept if n not in panel]
    rows = []
    for run in dict.fromkeys(found[1] for found in panel.values()):
        own = {found[2]: kept[n] for n, found in panel.items() if found[1] == run}
        for i, line in enumerate(table.lines):
            cells = {name: column[i] for name, column in own.items()}
            if not all(map(is_missing, cells.values())):
                rows.append((line, {n: kept[n][i] for n in shared} | {"Run": run} | cells))
    return LogTable.of_rows(rows, layout="W&B panel", hints=table.hints, notes=table.notes)


def _of_long(table: LogTable, named: set[str]) -> LogTable:
    """The table of one row a run, metric and step, with the metrics as columns."""
    by_words = {words_of(name): name for name in table.names}
    value = next((by_words[name] for name in _VALUE if name in by_words), None)
    metrics = [by_words[name] for name in _METRIC if name in by_words]
    metric = next((m for m in metrics if any(_is_metric(c) for c in table.columns[m])), None)
    if value is None or metric is None or value in named:
        return table
    others = [name for name in table.names if name not in (metric, value)]
    keys, values = table.columns[metric], table.columns[value]
    found: dict[str, list[Any]] = {
        str(key): [None] * len(table) for key in dict.fromkeys(keys) if not is_missing(key)
    }
    for i, key in enumerate(keys):
        if not is_missing(key):
            found[str(key)][i] = values[i]
    columns = {name: table.columns[name] for name in others if name not in found} | found
    return table.with_columns(columns)


def _is_metric(cell: Any) -> bool:
    return isinstance(cell, str) and re.search(r"loss|nll|bpb|entropy", cell, re.I) is not None


def select(file: str, table: LogTable, conditions: Sequence[str]) -> LogTable:
    """The rows that conditions `COLUMN=VALUE` choose.

    Args:
        file: its name, for messages.
        table: all rows.
        conditions: all of them hold for a row that is kept.

    Raises:
        ConfigError: when a condition has no `=`, names no column, or leaves no row.
    """
    for condition in conditions:
        column, equals, value = condition.partition("=")
        column, value = column.strip(), value.strip()
        if not equals or not column:
            raise ConfigError(f"--where: expected COLUMN=VALUE, got {condition!r}")
        if column not in table.columns:
            raise ConfigError(
                f"--where: {file} has no column {column!r}, only "
                f"{', '.join(map(repr, table.names[:12]))}"
            )
        cells = table.columns[column]
        kept = np.array([_equal(cell, value) for cell in cells], dtype=bool)
        if not kept.any():
            held = dict.fromkeys(str(cell) for cell in cells if not is_missing(cell))
            raise ConfigError(
                f"--where: no row of {file} has {value!r} in {column!r}, which holds "
                f"{_listed(list(held))}"
            )
        table = table.where(kept)
    return table


def refuse_several_runs(file: str, table: LogTable, rows: Sequence[int], used: set[str]) -> None:
    """Refuse a table whose rows with a loss belong to several runs, naming the runs.

    Args:
        file: its name, for messages.
        table: the chosen rows.
        rows: those with a loss.
        used: columns of positions and losses.

    Raises:
        DataError: with the column that tells the runs apart.
    """
    for name in table.names:
        if name in used or words_of(name) not in RUN_NAMES | _METRIC:
            continue
        cells = [
            str(table.columns[name][i]) for i in rows if not is_missing(table.columns[name][i])
        ]
        counts = {run: cells.count(run) for run in list(dict.fromkeys(cells))[: _SHOWN + 1]}
        if len(counts) > 1 and min(counts.values()) >= _LEAST_ROWS:
            first = next(iter(counts))
            what = "metrics" if words_of(name) in _METRIC - RUN_NAMES else "runs"
            raise DataError(
                f"{file}: holds several {what}, {_listed(list(dict.fromkeys(cells)))} in column "
                f"{name!r}; pick one with --where '{name}={first}'"
            )


def one_run_a_row(table: LogTable, rows: Sequence[int], used: set[str]) -> str | None:
    """The column by which each row with a loss looks like a run of its own; None without one.

    Args:
        table: the chosen rows.
        rows: those with a loss.
        used: columns of positions and losses.
    """
    for name in table.names:
        if name not in used and words_of(name) in _RUN_WORDS and len(rows) >= _LEAST_ROWS:
            cells = [table.columns[name][i] for i in rows]
            named = all(isinstance(c, str) and not c.replace(".", "").isdigit() for c in cells)
            if named and len(set(cells)) == len(cells):
                return name
    return None


def _equal(cell: Any, value: str) -> bool:
    if is_missing(cell):
        return False
    if str(cell).strip() == value:
        return True
    try:
        return float(cell) == float(value)
    except (TypeError, ValueError):
        return False


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (", ..." if len(names) > _SHOWN else "")
