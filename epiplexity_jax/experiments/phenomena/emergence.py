"""Emergence: one jump, or every state in between (Finzi et al. 2026, Fig. 6)."""

import math

from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import add_curves, shared_budgets
from epiplexity_jax.report.numbers import number

_BUDGETS, _PUBLISHED = 10, (7e14, 1.9e15, 3e16, 3.4e16)
_GRID = 200
_BETTER = 10.0  # times shorter, which the finest steps' code is expected to be
_LEARNT = 0.02  # bits per cell of the last state, below which small steps count as learnt


def read(measured: Measured) -> Findings:
    """Read the code of one jump and of many small steps; sources are `states1`, `states2`, ...

    Args:
        measured: the runs.
    """
    found = Findings("time bound T, FLOPs", log_x=True)
    counts = sorted(int(name.removeprefix("states")) for name in measured.sources)
    series = {f"states{n}": _named(n) for n in counts}
    budgets = shared_budgets(measured, _BUDGETS, _PUBLISHED, carried=True)
    units = {
        "mdl": "bits per sequence",
        "epiplexity": "bits",
        "entropy": "bits per sequence",
    }
    add_curves(found, measured, series, budgets, units)
    _checks(found, measured, counts[0], counts[-1])
    found.notes += [
        "intermediate states are paid for, and T counts their tokens",
        "the code of all states is an upper bound of that of the final state alone",
        "beyond the last budget of a curve's own runs its last code is carried on",
    ]
    return found


def _named(states: int) -> str:
    return "one jump" if states == 1 else f"{states} states"


def _checks(found: Findings, measured: Measured, few: int, many: int) -> None:
    jump, steps = f"states{few}", f"states{many}"
    codes = [measured.per_sequence(name, "mdl") for name in (jump, steps)]
    _times_shorter(found, many, *codes)
    rate = measured.per_sequence(steps, "data").scaled(1.0 / measured.labels(jump))
    learnt = found.below(
        f"{many} states have an entropy of nearly 0: below 2 % of a bit per cell of the last",
        rate,
        _LEARNT,
    )
    grid = shared_budgets(measured, _GRID, carried=True)
    jumps, stepped = ([measured.estimate(n, budget) for budget in grid] for n in (jump, steps))
    best = max(one.epiplexity_bits for one in jumps)
    _structure(found, many, measured.bits(steps, "model"), best, (rate, learnt))
    crossed = None  # the least budget from which on the code of small steps is the shorter one
    for budget, one, other in zip(grid, jumps, stepped, strict=True):
        crossed = (crossed or budget) if other.mdl_bits < one.mdl_bits else None
    said = "at no budget" if crossed is None else f"from {number(crossed)} FLOPs"
    shorter = True if codes[0].above(codes[1]) else False if codes[1].above(codes[0]) else None
    found.check(
        "sign",
        "there is a budget below which one jump has the shorter code, and above which it has not",
        f"{many} states are shorter {said}, budgets begin at {number(grid[0])}; after the last "
        f"step {codes[1]} against {codes[0]} bits per sequence",
        shorter and crossed is not None and crossed > grid[0],
    )


def _structure(
    found: Findings,
    many: int,
    structure: Estimate,
    best: float,
    learning: tuple[Estimate, bool | None],
) -> None:
    """Add the check on S of small steps, which is open where they are not learnt, and says so.

    Args:
        found: receives it.
        many: number of states.
        structure: S with every state.
        best: S of one jump at its best budget.
        learning: H with every state per cell of the last, and whether it is nearly 0.
    """
    rate, learnt = learning
    expected = (
        f"once {many} states are learnt, their S is below that of one jump at its best budget"
    )
    if learnt:
        shown = f"{structure} against {number(best)} bits"
        found.check("sign", expected, shown, structure.inside(-math.inf, best))
        return
    state, side = "known to be learnt", "not resolved from"
    if learnt is False:
        state, side = "learnt", "above"
    why = f"{many} states are not {state} (H {rate} bits per cell, {side} {_LEARNT:g})"
    found.withhold(expected, why, (f"S of {many} states", structure), ("bits of one jump", best))


def _times_shorter(found: Findings, many: int, jump: Estimate, steps: Estimate) -> None:
    """Add the check that the code of small steps is many times shorter than that of one jump.

    Args:
        found: receives it.
        many: number of states.
        jump: bits per sequence in one jump.
        steps: bits per sequence with every state.
    """
    limit = steps.scaled(_BETTER)
    holds = True if jump.above(limit) else False if limit.above(jump) else None
    unsure = " (not resolved)" if holds is None else ""
    found.check(
        "sign",
        f"after the last step the code with {many} states is over {_BETTER:g} times shorter",
        f"{jump} in one jump against {steps} bits per sequence, a factor of "
        f"{number(jump.value / steps.value)}{unsure}",
        holds,
    )
