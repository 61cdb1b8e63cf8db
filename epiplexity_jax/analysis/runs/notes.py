"""Notes on the data and the models of runs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from epiplexity_jax.analysis.runs.flops import flops_warnings
from epiplexity_jax.analysis.runs.verbatim import verbatim_warnings


def notes_of(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Collect all that results on one source repeat: warnings on its data and FLOPs, and notes.

    Args:
        rows: rows of runs on the source, from the store.
    """
    return (*verbatim_warnings(rows), *flops_warnings(rows), *run_notes(rows))


def run_notes(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Collect what was guessed or left out of the data and the models of runs, each sentence once.

    Args:
        rows: rows of runs on one source, from the store; older ones have no notes.
    """
    return tuple(dict.fromkeys(note for row in rows for note in row.get("notes") or ()))
