"""JSON: one object a line, or one document with a list of records or columns of equal length."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from epiplexity_jax.analysis.logs.content import Content
from epiplexity_jax.analysis.logs.layouts import own_tracker
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
    if "kl_values" in document:
        raise DataError(_of_requential(file, document))
    if {"tokens", "losses"} <= set(document):
        return _of_package(file, document)
    lists = {k: v for k, v in document.items() if isinstance(v, list) and v}
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


def _of_package(file: str, document: Mapping[str, Any]) -> LogTable:
    """The JSON of the PyPI package epiplexity: columns tokens and losses, a unit and a final loss.

    Raises:
        DataError: when they are no columns of one length.
    """
    tokens, losses = document["tokens"], document["losses"]
    notes: tuple[str, ...] = ()
    if not isinstance(losses, list) or not isinstance(tokens, list) or len(tokens) != len(losses):
        raise DataError(f"{file}: tokens and losses must be lists of one length")
    if all(isinstance(one, int | float) for one in tokens) and any(
        b <= a for a, b in zip(tokens[:-1], tokens[1:], strict=True)
    ):
        total, sums = 0.0, []
        for count in tokens:
            total += count
            sums.append(total)
        tokens = sums
        notes = ("tokens do not increase, so each is read as the tokens of its own row",)
    unit, final = document.get("loss_unit"), document.get("final_loss")
    hints = Hints(
        unit="bits" if str(unit).lower().startswith("bit") else None if unit is None else "nats",
        final_loss=float(final) if isinstance(final, int | float) else None,
    )
    columns = {"tokens": tokens, "loss": losses}
    lines = range(1, len(tokens) + 1)
    return LogTable(columns, lines, "JSON of epiplexity", "entry", hints, notes)


def _of_requential(file: str, document: Mapping[str, Any]) -> str:
    """The sentence on the KL values of a requential code: model length, and what is missing."""
    values, counts = (document.get(name) or [] for name in ("kl_values", "token_counts"))
    for column in (values, counts):
        if not isinstance(column, list) or not all(isinstance(v, int | float) for v in column):
            return f"{file}: kl_values and token_counts must be lists of numbers"
    if len(values) != len(counts):
        return f"{file}: kl_values and token_counts must be lists of one length"
    tokens = document.get("evaluation_tokens")
    asked = "" if tokens is None else f" of its {tokens} evaluation_tokens"
    total, weighted = sum(values), sum(v * n for v, n in zip(values, counts, strict=True))
    return (
        f"{file}: holds the KL of {len(values)} messages of a requential code and no losses; if "
        f"they are nats per message, the model length is {total / math.log(2):.6g} bits, if nats "
        f"per token, {weighted / math.log(2):.6g} bits; H_T{asked} needs the held-out loss of the "
        "student, which it lacks"
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
