"""Notes on how the data of runs was read."""

from collections.abc import Iterable, Mapping
from typing import Any


def source_notes(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Collect what was guessed or left out when the data of runs was read, each sentence once.

    Args:
        rows: of runs on one source, as the store has them; older ones have no notes.
    """
    return tuple(dict.fromkeys(note for row in rows for note in row.get("source_notes") or ()))
