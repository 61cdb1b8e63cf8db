"""Tic-tac-toe in two orders, solved exactly (the small analogue of Finzi et al. 2026, Fig. 4c)."""

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.two_orders import (
    SERIES,
    add_orders,
    ask_no_shorter,
    ask_which_costs_more,
)

GAME_BITS = 17.5405  # entropy of a uniformly random game, whichever is read first; exact


def read(measured: Measured) -> Findings:
    """Read the codes of both orders; sources are `moves_first` and `board_first`.

    Args:
        measured: the runs.
    """
    found = Findings("time bound T, FLOPs", log_x=True)
    add_orders(found, measured, "game")
    ends = {name: measured.per_sequence(name, "data") for name in SERIES}
    for name, series in SERIES.items():
        found.near(
            f"after the last step a game costs {GAME_BITS} bits, within 1 %: {series}",
            ends[name],
            GAME_BITS,
            0.01,
        )
    ask_no_shorter(found, ends, GAME_BITS)
    structure = {name: measured.bits(name, "model") for name in SERIES}
    found.greater(
        "after the last step S is greater where the board comes first",
        structure["board_first"],
        structure["moves_first"],
    )
    ask_which_costs_more(found, measured)
    return found
