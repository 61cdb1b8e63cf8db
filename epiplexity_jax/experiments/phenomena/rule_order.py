"""Two cellular automata whose order depends on the budget (Finzi et al. 2026, Fig. 3)."""

from collections.abc import Sequence

from epiplexity_jax.analysis.ranking.differences import Difference
from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.experiments.phenomena.curves import (
    TITLES,
    add_curves,
    part_of,
    shared_budgets,
)
from epiplexity_jax.report.numbers import number, with_interval

_BUDGETS, _PUBLISHED = 10, (1e13, 1e14, 1e15, 1e17)
_RULES = ("rule15", "rule30", "rule54")


def read(measured: Measured) -> Findings:
    """Read S_T and H_T of rules 15, 30 and 54 over budgets, and where 15 and 54 change places.

    Args:
        measured: the runs; sources are `rule15`, `rule30` and `rule54`.
    """
    found = Findings("time bound T, FLOPs", log_x=True)
    budgets = shared_budgets(measured, _BUDGETS, _PUBLISHED)
    series = {name: name.replace("rule", "rule ") for name in _RULES}
    add_curves(
        found,
        measured,
        series,
        budgets,
        {"epiplexity": "bits", "entropy": "bits per sequence", "mdl": "bits per sequence"},
    )
    _peak(found, measured, budgets)
    _order_checks(found, measured, budgets)
    last = {name: measured.at(name, budgets[-1]).entropy_bits_per_token for name in _RULES}
    top = f"at {number(budgets[-1])} FLOPs"
    noise = f"{last['rule30']:.4f} bits per cell, rule 15 {last['rule15']:.4f}"
    expected = f"{top} rule 30 is noise where rule 15 is learnt: H above 0.99 and below 0.5"
    is_learnt = last["rule15"] < 0.5
    found.check("sign", expected, noise, last["rule30"] > 0.99 if is_learnt else None)
    rates = [last[name] for name in ("rule15", "rule54", "rule30")]
    shown = ", ".join(f"{rate:.4f}" for rate in rates)
    found.check("sign", f"{top} H of rules 15 < 54 < 30", shown, rates == sorted(set(rates)))
    return found


def _peak(found: Findings, measured: Measured, budgets: Sequence[float]) -> None:
    """Add the largest S of rule 15 of those at some budgets, which is biased upwards."""
    budget = max(budgets, key=lambda each: measured.at("rule15", each).epiplexity_bits)
    place = {"x": budget, "series": "rule 15"}
    peak = part_of(measured.at("rule15", budget), "epiplexity")
    found.add("S rule 15, its peak", peak, "bits", TITLES["epiplexity"], **place)


def _order_checks(found: Findings, measured: Measured, budgets: Sequence[float]) -> None:
    """Add the checks on the order of rules 15 and 54 at low and at high budgets.

    Both are compared as `rank` does: differences of replicates that share their draws. The low
    budget may be any but the last, so intervals there hold at all of them at once.
    """
    *below, top = budgets
    pairs = [measured.compared("rule15", "rule54", t, looks=len(below)) for t in below]
    low = [pair for pair in pairs if pair.larger == "rule15"]
    best = max(low or pairs, key=lambda pair: pair.difference)
    found.check(
        "sign",
        "at some low budget S of rule 15 is above that of rule 54, beyond the error",
        f"at {number(best.compute_flops)} FLOPs {_difference(best)}",
        True if low else (None if best.difference > 0 else False),
    )
    last = measured.compared("rule15", "rule54", top)
    found.check(
        "sign",
        f"at {number(top)} FLOPs S of rule 54 is above that of rule 15",
        _difference(last),
        {"rule54": True, "rule15": False}.get(last.larger or ""),
    )


def _difference(pair: Difference) -> str:
    shown = with_interval(pair.difference, pair.difference_interval)
    unsure = "" if pair.separated else " (not resolved)"
    return f"rule 15 less rule 54: {shown} bits{unsure}"
