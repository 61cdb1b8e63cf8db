"""Tic-tac-toe in two orders, solved exactly (the small analogue of Finzi et al. 2026, Fig. 4c)."""

import numpy as np

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import add_curves, part_of, shared_budgets
from epiplexity_jax.report.numbers import number

GAME_BITS = 17.5405  # entropy of a uniformly random game, whichever is read first; exact
_BUDGETS = 10
_GRID = 100
_SERIES = {"moves_first": "moves, then board", "board_first": "board, then moves"}


def read(measured: Measured) -> Findings:
    """Read the codes of both orders; sources are `moves_first` and `board_first`.

    Args:
        measured: the runs.
    """
    found = Findings("time bound T, FLOPs", log_x=True)
    budgets = shared_budgets(measured, _BUDGETS)
    units = {"mdl": "bits per game", "epiplexity": "bits", "entropy": "bits per game"}
    add_curves(found, measured, _SERIES, budgets, units)
    ends = {name: measured.per_sequence(name, "data") for name in _SERIES}
    for name, series in _SERIES.items():
        found.near(
            f"after the last step a game costs {GAME_BITS} bits, within 1 %: {series}",
            ends[name],
            GAME_BITS,
            0.01,
        )
        least = ends[name].high
        found.check(
            "oracle",
            f"no code is shorter than {GAME_BITS} bits, within the error: {series}",
            f"{ends[name]}",
            None if least is None else least >= GAME_BITS,
        )
    structure = {name: measured.bits(name, "model") for name in _SERIES}
    found.greater(
        "after the last step S is greater where the board comes first",
        structure["board_first"],
        structure["moves_first"],
    )
    _entropy_check(found, measured)
    return found


def _entropy_check(found: Findings, measured: Measured) -> None:
    """Add the check that the order with the board first costs more while both are being learnt."""
    grid = shared_budgets(measured, _GRID)
    lengths = {
        name: [measured.estimate(name, budget).entropy_bits for budget in grid] for name in _SERIES
    }
    gaps = np.subtract(lengths["board_first"], lengths["moves_first"])
    budget = grid[int(gaps.argmax())]
    first, second = (
        part_of(measured.at(name, budget), "entropy", measured.sequences)
        for name in ("moves_first", "board_first")
    )
    apart = second.above(first)
    found.check(
        "sign",
        "at some budget H is greater where the board comes first",
        f"at {number(budget)} FLOPs {second} against {first} bits per game",
        True if apart else (None if gaps.max() > 0 else False),
    )
