"""JSON of the PyPI package epiplexity: losses of a prequential code, or KL of a requential one.

Both are means per label token, in nats where there is no `loss_unit`.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from epiplexity_jax.analysis.logs.table import Hints, Kind, LogTable
from epiplexity_jax.base.errors import DataError

KL, COUNTS = "kl_values", "token_counts"
_UNITS = ("nats", "bits")


def matches(document: Mapping[str, Any]) -> bool:
    """Return whether an object has the keys of either code."""
    return KL in document or {"tokens", "losses"} <= set(document)


def read(file: str, document: Mapping[str, Any]) -> LogTable:
    """The table of either code.

    Args:
        file: its name, for messages.
        document: the whole object.

    Raises:
        DataError: when a key is missing or holds something else.
    """
    return _requential(file, document) if KL in document else _prequential(file, document)


def _prequential(file: str, document: Mapping[str, Any]) -> LogTable:
    """Losses over tokens: those of the model at each position where the tokens begin at 0."""
    tokens, losses = _columns(file, document, "tokens", "losses")
    kind: Kind = "means"
    rising = all(b > a for a, b in pairwise(tokens))
    if not rising:
        tokens = list(accumulate(tokens))
        said = "tokens do not increase, so each is read as the tokens of its own row"
    elif tokens[0] == 0:
        kind = "points"
        said = (
            "tokens begin at 0, so each loss is read as that of the model at its position, as the "
            "package does (--means reads means since the row before)"
        )
    else:
        said = (
            "tokens do not begin at 0, as the package has them, so each loss is read as the mean "
            "since the row before"
        )
    final = _number(file, document, "final_loss")
    hints = Hints(kind=kind, unit=_unit(file, document), final_loss=final)
    columns = {"tokens": tokens, "loss": losses}
    lines = range(1, len(tokens) + 1)
    return LogTable(columns, lines, "JSON of epiplexity", "entry", hints, (said,))


def _requential(file: str, document: Mapping[str, Any]) -> LogTable:
    """The KL of each message per label token, and the message's label tokens."""
    values, counts = _columns(file, document, KL, COUNTS)
    hints = Hints(
        kind="kl",
        unit=_unit(file, document),
        final_loss=_number(file, document, "final_loss"),
        data_tokens=_number(file, document, "evaluation_tokens"),
    )
    lines = range(1, len(values) + 1)
    return LogTable({KL: values, COUNTS: counts}, lines, "JSON of epiplexity", "entry", hints)


def _columns(file: str, document: Mapping[str, Any], *names: str) -> list[Sequence[float]]:
    """Two lists of numbers.

    Raises:
        DataError: when they are missing, empty, of different length, or hold anything else.
    """
    found: list[Sequence[float]] = []
    for name in names:
        column = document.get(name)
        if not isinstance(column, list) or not column or not all(map(_is_number, column)):
            raise DataError(f"{file}: {name}: expected a list of numbers")
        found.append(column)
    sizes = [str(len(column)) for column in found]
    if len(set(sizes)) > 1:
        raise DataError(
            f"{file}: {' and '.join(names)} must be lists of one length, got {' and '.join(sizes)}"
        )
    return found


def _number(file: str, document: Mapping[str, Any], name: str) -> float | None:
    """A number of the document; None where it has none.

    Raises:
        DataError: when it is anything else, or negative.
    """
    value = document.get(name)
    if value is None:
        return None
    if not _is_number(value) or not 0 <= value < math.inf:
        raise DataError(f"{file}: {name}: expected a number of at least 0, got {value!r}")
    return float(value)


def _unit(file: str, document: Mapping[str, Any]) -> str | None:
    """The unit; None where the document does not say it, and the package takes nats.

    Raises:
        DataError: when it is neither nats nor bits.
    """
    unit = document.get("loss_unit")
    if unit is not None and unit not in _UNITS:
        raise DataError(f"{file}: loss_unit: expected nats or bits, got {unit!r}")
    return unit


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
