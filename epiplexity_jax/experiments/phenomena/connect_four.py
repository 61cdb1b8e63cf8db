"""Connect four in two orders: the harder rung above tic-tac-toe, after Finzi et al. 2026."""

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.two_orders import (
    SERIES,
    add_orders,
    ask_no_shorter,
    ask_which_costs_more,
)
from epiplexity_jax.report.numbers import number

GAME_BITS = 33.3152  # entropy of a uniformly random game on 5 x 4 cells, by a count of positions
_LEARNT = 1.01  # times the entropy, within which an order counts as learnt


def read(measured: Measured) -> Findings:
    """Read the codes of both orders; sources are `moves_first` and `board_first`.

    S of the two orders is compared where both are learnt, as a model that has learnt less holds
    less, whatever there is.

    Args:
        measured: the runs.
    """
    found = Findings("time bound T, FLOPs", log_x=True)
    add_orders(found, measured, "game")
    ends = {name: measured.per_sequence(name, "data") for name in SERIES}
    ask_no_shorter(found, ends, GAME_BITS)
    ask_which_costs_more(found, measured)
    board, moves = (measured.bits(name, "model") for name in ("board_first", "moves_first"))
    expected = "after the last step S is greater where the board comes first"
    if all(end.inside(0.0, _LEARNT * GAME_BITS) for end in ends.values()):
        found.greater(expected, board, moves)
    else:
        above = ", ".join(f"{number(ends[n].value - GAME_BITS)} {s}" for n, s in SERIES.items())
        why = f"not both are learnt within 1 % (bits above the entropy: {above})"
        first, second = ("S of board, then moves", board), ("bits of moves, then board", moves)
        found.withhold(expected, why, first, second)
    return found
