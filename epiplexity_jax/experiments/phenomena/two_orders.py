"""Games in two orders, moves before the final board and after it: what several phenomena share."""

from collections.abc import Mapping, Sequence

from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import add_curves, shared_budgets
from epiplexity_jax.report.numbers import number

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


def ask_which_costs_more(found: Findings, measured: Measured, budgets: Sequence[float]) -> None:
    """Add the check that the order with the board first costs more while both are being learnt.

    The budget may be any of those, so the intervals hold at all of them at once.

    Args:
        found: receives the check.
        measured: the runs.
        budgets: FLOPs.
    """
    looks = len(budgets)
    pairs = [measured.compared("board_first", "moves_first", t, "H", looks) for t in budgets]
    apart = [pair for pair in pairs if pair.larger == "board_first"]
    best = max(apart or pairs, key=lambda pair: pair.difference)
    more = Estimate(best.difference, *(best.difference_interval or (None, None)))
    unsure = "" if apart else " (not resolved)"
    found.check(
        "sign",
        "at some budget H is greater where the board comes first, beyond the error",
        f"at {number(best.compute_flops)} FLOPs {more.scaled(1.0 / measured.sequences)} bits per "
        f"game more{unsure}",
        True if apart else (None if best.difference > 0 else False),
    )
