"""Games of chess in two orders (Finzi et al. 2026, Fig. 4c and 7)."""

from collections.abc import Sequence

from epiplexity_jax.experiments.findings import Estimate, Findings
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
    orders = [measured.at(name, top) for name in ("board_first", "moves_first")]
    entropy = [part_of(one, "entropy", measured.sequences) for one in orders]
    _gap(found, "H", entropy, top, ENTROPY_GAP)
    _gap(found, "S", [part_of(one, "epiplexity") for one in orders], top, STRUCTURE_GAP)
    return found


def _gap(
    found: Findings, letter: str, parts: Sequence[Estimate], top: float, needed: float
) -> None:
    """Add the check on a gap, or a note on it where the budgets are too small to show it.

    Args:
        found: receives it.
        letter: S or H.
        parts: that of the board first, and of the moves first, at the largest budget.
        top: the largest budget, in FLOPs.
        needed: the one from which on the paper's gap is clear.
    """
    if top >= needed:
        expected = f"at {number(top)} FLOPs {letter} is greater where the board comes first"
        found.greater(expected, *parts)
        return
    board, moves = parts
    found.notes.append(
        f"no sign is asked of {letter}: in the paper its gap shows from {number(needed)} FLOPs, "
        f"{number(needed / top, 2)} times the largest budget here, where it is {board} with the "
        f"board first against {moves}"
    )
