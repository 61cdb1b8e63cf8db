"""Notes on the data and the models of runs."""

from collections.abc import Iterable, Mapping
from typing import Any


def run_notes(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Collect what was guessed or left out of the data and the models of runs, each sentence once.

    Args:
        rows: rows of runs on one source, from the store; older ones have no notes.
    """
    return tuple(dict.fromkeys(note for row in rows for note in row.get("notes") or ()))
