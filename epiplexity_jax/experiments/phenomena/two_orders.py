"""Games in two orders, moves before the final board and after it: what several phenomena share."""

import math
from collections.abc import Mapping, Sequence

from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import add_curves, shared_budgets

SERIES = {"moves_first": "moves, then board", "board_first": "board, then moves"}
_BUDGETS = 10


def add_orders(
    found: Findings, measured: Measured, sequence: str, published: Sequence[float] = ()
) -> list[float]:
    """Add the code of both orders over budgets, and return the budgets.

    Args:
        found: receives the values.
        measured: the runs; sources are `moves_first` and `board_first`.
        sequence: noun for one of the data's sequences.
        published: budgets of published values.
    """
    budgets = shared_budgets(measured, _BUDGETS, published)
    unit = f"bits per {sequence}"
    units = {"mdl": unit, "epiplexity": "bits", "entropy": unit}
    add_curves(found, measured, SERIES, budgets, units)
    return budgets


def ask_no_shorter(found: Findings, ends: Mapping[str, Estimate], bits: float) -> None:
    """Add the checks that no order has a code below the entropy of a game.

    Args:
        found: receives the checks.
        ends: bits per game after the last step, by source.
        bits: the entropy.
    """
    for name, series in SERIES.items():
        least = ends[name].high
        found.check(
            "oracle",
            f"no code is shorter than {bits} bits, within the error: {series}",
            f"{ends[name]}",
            None if least is None else least >= bits,
        )


def ask_which_costs_more(found: Findings, measured: Measured) -> None:
    """Add the check that the order with the board first costs more while both are being learnt.

    Models of one size are compared, by paired seeds, as no budget has its optimum between sizes of
    which there are two.

    Args:
        found: receives the check.
        measured: the runs.
    """
    step, more = measured.half_way("board_first", "moves_first")
    holds = more.inside(0.0, math.inf)
    unsure = " (not resolved)" if holds is None else ""
    found.check(
        "sign",
        "half-way through training H is greater where the board comes first",
        f"after {step:,} steps {more} bits per game more{unsure}",
        holds,
    )
