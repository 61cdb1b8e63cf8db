"""JSON: one object a line, or one document with a list of records or columns of equal length."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from epiplexity_jax.analysis.logs.content import Content
from epiplexity_jax.analysis.logs.layouts import chart, own_tracker, package
from epiplexity_jax.analysis.logs.layouts.delimited import parses
from epiplexity_jax.analysis.logs.table import Hints, LogTable
from epiplexity_jax.base.errors import DataError

_HISTORY = "log_history"
_TRIPLE: tuple[str, ...] = ("wall_time", "step", "value")
_SHOWN = 8  # keys in a message
_NESTED = {dict, list}


def matches(content: Content) -> bool:
    """Return whether a text begins as JSON does; a line of a log may begin with a bracket."""
    text = content.text.lstrip()
    return text[:1] == "{" or (text[:1] == "[" and parses(json.loads, text))


def read(content: Content) -> LogTable:
    """The table of JSON lines or of one document.

    Raises:
        DataError: when it is not JSON, or holds no table.
    """
    file, text = content.name, content.text
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return _of_lines(file, text)
    if isinstance(document, dict) and "\n" not in text.strip() and _is_flat(document):
        return _of_lines(file, text)
    return of_document(file, document)


def of_document(file: str, document: Any) -> LogTable:
    """The table in a JSON value.

    Args:
        file: its name, for messages.
        document: a list of records, or an object that holds one or columns.

    Raises:
        DataError: when there is no table in it.
    """
    if isinstance(document, Mapping):
        return _of_object(file, document)
    records = document if isinstance(document, list) else []
    if chart.is_traces(records):
        return chart.of_traces(records)
    if records and all(isinstance(record, Mapping) for record in records):
        rows = ((i, flat(record)) for i, record in enumerate(records, 1))
        return own_tracker.named(LogTable.of_rows(rows, layout="JSON records", place="record"))
    if records and all(isinstance(r, list) and len(r) == len(_TRIPLE) for r in records):
        rows = ((i, dict(zip(_TRIPLE, r, strict=True))) for i, r in enumerate(records, 1))
        return LogTable.of_rows(rows, layout="JSON of TensorBoard", place="record")
    raise DataError(
        f"{file}: is one JSON document without named values; write a list of objects with a step "
        "and a loss each, or CSV"
    )


def _of_object(file: str, document: Mapping[str, Any]) -> LogTable:
    """The table of an object: a trainer's state, columns, or the one list of records in it."""
    if isinstance(document.get(_HISTORY), list):
        return _of_trainer(file, document)
    if package.matches(document):
        return package.read(file, document)
    if {"schema_version", "model_bits", "data_bits"} <= set(document):
        raise DataError(
            f"{file}: is a result of the package epiplexity and no log; give the JSON of losses or "
            "KL values that it was computed from"
        )
    lists = {k: v for k, v in document.items() if isinstance(v, list) and v}
    if not lists:
        lists = {k: v for k, v in flat(document).items() if isinstance(v, list) and v}
    records = [k for k, v in lists.items() if all(isinstance(one, Mapping) for one in v)]
    if len(records) == 1:
        return of_document(file, lists[records[0]])
    columns = lists or _columns_by_index(document)
    if columns and len({len(cells) for cells in columns.values()}) == 1:
        first = next(iter(columns.values()))
        lines = range(1, len(first) + 1)
        return LogTable(columns, lines, layout="JSON columns", place="entry")
    keys = ", ".join(map(repr, list(document)[:_SHOWN]))
    if columns:
        sizes = ", ".join(f"{k} {len(v)}" for k, v in list(columns.items())[:_SHOWN])
        raise DataError(f"{file}: its lists differ in length ({sizes}); a row needs one of each")
    raise DataError(
        f"{file}: is one JSON document with {keys} and no list of rows: a summary or a config; "
        "give the file with the history of the losses"
    )


def _of_trainer(file: str, state: Mapping[str, Any]) -> LogTable:
    """The log of Hugging Face's Trainer: means since the last log, in nats."""
    history = [entry for entry in state[_HISTORY] if isinstance(entry, Mapping)]
    if not history:
        raise DataError(f"{file}: its {_HISTORY} is empty; was logging turned off?")
    rows = ((i, flat(entry)) for i, entry in enumerate(history, 1))
    return LogTable.of_rows(
        rows, layout="trainer_state.json", place="log_history entry", hints=Hints(kind="means")
    )


def _columns_by_index(document: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Columns that are objects by index, as pandas writes them; empty where there are not any."""
    found = {k: v for k, v in document.items() if isinstance(v, Mapping) and v}
    if len(found) < 2 or not all(all(key.isdigit() for key in v) for v in found.values()):
        return {}
    index = dict.fromkeys(key for v in found.values() for key in v)
    return {k: [v.get(key) for key in index] for k, v in found.items()}


def _of_lines(file: str, text: str) -> LogTable:
    """The rows of JSON lines.

    Raises:
        DataError: when a line is no object, naming it.
    """
    rows: list[tuple[int, dict[str, Any]]] = []
    for i, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError):
            more = "" if parses(json.loads, text.split("\n")[0]) else "; one object a line is read"
            raise DataError(f"{file}: line {i}: is not JSON{more}") from None
        if not isinstance(cells, dict):
            raise DataError(f"{file}: line {i}: is JSON but no object with named values")
        rows.append((i, flat(cells)))
    return own_tracker.named(LogTable.of_rows(rows, layout="JSON lines"))


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """An object with the values of objects in it, named `outer/inner`.

    >>> flat({"step": 1, "train": {"loss": 2.0}})
    {'step': 1, 'train/loss': 2.0}
    """
    return dict(record if _is_flat(record) else _flattened(record))


def _flattened(record: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{before}{key}/")
        else:
            yield f"{before}{key}", value


def _is_flat(record: Mapping[str, Any]) -> bool:
    return _NESTED.isdisjoint(map(type, record.values()))
