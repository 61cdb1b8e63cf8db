"""Games of chess in two orders (Finzi et al. 2026, Fig. 4c and 7)."""

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import add_curves, part_of, shared_budgets
from epiplexity_jax.report.numbers import number

_BUDGETS = 10
_SERIES = {"moves_first": "moves, then board", "board_first": "board, then moves"}
_PUBLISHED = (1e17,)  # FLOPs of the paper's values
ENTROPY_GAP, STRUCTURE_GAP = 7e15, 2e17  # FLOPs from which on the paper's gaps are clear


def read(measured: Measured) -> Findings:
    """Read the codes of both orders; sources are `moves_first` and `board_first`.

    The paper's signs are checked at budgets at which its curves show them, and not below.

    Args:
        measured: the runs.
    """
    found = Findings("time bound T, FLOPs", log_x=True)
    budgets = shared_budgets(measured, _BUDGETS, _PUBLISHED)
    units = {"mdl": "bits per sequence", "epiplexity": "bits", "entropy": "bits per sequence"}
    add_curves(found, measured, _SERIES, budgets, units)
    for name, series in _SERIES.items():
        found.greater(
            f"something is learnt: S is above 0, {series}", measured.bits(name, "model"), 0.0
        )
    top = budgets[-1]
    first, second = (measured.at(name, top) for name in _SERIES)
    at = f"at {number(top)} FLOPs"
    if top >= ENTROPY_GAP:
        parts = (part_of(one, "entropy", measured.sequences) for one in (second, first))
        found.greater(f"{at} H is greater where the board comes first", *parts)
    if top >= STRUCTURE_GAP:
        parts = (part_of(one, "epiplexity") for one in (second, first))
        found.greater(f"{at} S is greater where the board comes first", *parts)
    _say_how_far(found, top)
    return found


def _say_how_far(found: Findings, top: float) -> None:
    """Add a note on the signs that are not asked for, as the budgets are too small for them."""
    gaps = {"H": ENTROPY_GAP, "S": STRUCTURE_GAP}
    for letter, needed in gaps.items():
        if top < needed:
            found.notes.append(
                f"no sign is asked of {letter}: in the paper its gap shows from {number(needed)} "
                f"FLOPs, {number(needed / top, 2)} times the largest budget here"
            )
