"""Games of chess in two orders (Finzi et al. 2026, Fig. 4c and 7)."""

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import part_of
from epiplexity_jax.experiments.phenomena.two_orders import SERIES, add_orders
from epiplexity_jax.report.numbers import number

_PUBLISHED = (1e17,)  # FLOPs of the paper's values
ENTROPY_GAP, STRUCTURE_GAP = 7e15, 2e17  # FLOPs from which on the paper's gaps are clear


def read(measured: Measured) -> Findings:
    """Read the codes of both orders; sources are `moves_first` and `board_first`.

    The paper's signs are checked at budgets at which its curves show them, and not below.

    Args:
        measured: the runs.
    """
    found = Findings("time bound T, FLOPs", log_x=True)
    budgets = add_orders(found, measured, "sequence", _PUBLISHED)
    for name, series in SERIES.items():
        found.greater(
            f"something is learnt: S is above 0, {series}", measured.bits(name, "model"), 0.0
        )
    top = budgets[-1]
    first, second = (measured.at(name, top) for name in SERIES)
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
