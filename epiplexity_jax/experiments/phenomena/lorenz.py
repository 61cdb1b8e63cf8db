"""The Lorenz system: what chaos makes of a start (Finzi et al. 2026, Fig. 11)."""

import math
from itertools import pairwise

from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured

ALONE = "without"
# Bits of the quantised invariant measure, (4, 4, 4) bits a coordinate: 2e5 samples.
MEASURE_BITS, MEASURE_ERROR = 7.553, 0.05
_SOON, _LATE = 0.1, 30.0
_NOTHING = 0.1  # bits
_SAVED = 3.0  # bits that the start is expected to save at the earliest time


def read(measured: Measured) -> Findings:
    """Read the state's code given the start and without it; sources `with_<time>` and `without`.

    Args:
        measured: the runs; times are in Lyapunov times.
    """
    found = Findings("time to the predicted state, Lyapunov times", log_x=True)
    times = sorted(float(n.removeprefix("with_")) for n in measured.sources if n != ALONE)
    alone = measured.per_sequence(ALONE, "data")
    structure_alone = measured.bits(ALONE, "model")
    saved: dict[float, Estimate] = {}
    for time in times:
        source = f"with_{time:g}"
        given = measured.per_sequence(source, "data")
        saved[time] = measured.difference(ALONE, source, "data")
        structure = measured.bits(source, "model")
        rows = {"given the start": (given, structure), "alone": (alone, structure_alone)}
        for series, (entropy, epiplexity) in rows.items():
            name = f"{series}, time {time:g}"
            oracle = MEASURE_BITS if series == "alone" and _is_measured(measured) else None
            place = {"x": time, "series": series}
            title = "Entropy of the state"
            found.add(f"H {name}", entropy, "bits per state", title, oracle=oracle, **place)
            found.add(f"S {name}", epiplexity, "bits", "Epiplexity", **place)
        place = {"x": time, "series": "given the start"}
        title = "What the start saves"
        found.add(f"saved, time {time:g}", saved[time], "bits per state", title, **place)
    _checks(found, measured, saved, alone)
    return found


def _is_measured(measured: Measured) -> bool:
    """Return whether the cells are those whose entropy was computed beforehand."""
    config = measured.config["sources"][ALONE]
    standard = config.get("measure", "invariant") == "invariant"
    return standard and list(config.get("bits", (4, 4, 4))) == [4, 4, 4]


def _checks(
    found: Findings, measured: Measured, saved: dict[float, Estimate], alone: Estimate
) -> None:
    if _is_measured(measured):
        entropy = f"the entropy of the measure, {MEASURE_BITS} bits"
        least = MEASURE_BITS - MEASURE_ERROR
        expected = f"alone, a state costs no less than {entropy}"
        found.check("oracle", expected, f"{alone} bits", alone.inside(least, math.inf))
        found.near(f"alone, a state costs within 2 % of {entropy}", alone, MEASURE_BITS, 0.02)
    if _SOON in saved:
        statement = f"at {_SOON:g} Lyapunov times the start saves more than {_SAVED:g} bits"
        found.greater(statement, saved[_SOON], _SAVED)
    if _LATE in saved:
        last = saved[_LATE]
        statement = f"at {_LATE:g} Lyapunov times it saves nothing, within {_NOTHING} bits"
        found.check("sign", statement, f"{last} bits", last.inside(-_NOTHING, _NOTHING))
    times = sorted(saved)
    if len(times) > 1:
        falls = all(saved[a].value >= saved[b].value - 0.02 for a, b in pairwise(times))
        shown = ", ".join(f"{saved[time].value:.3g}" for time in times)
        found.check("sign", "the saving falls with time, within 0.02 bits", shown, falls)
    middle = [time for time in times if _SOON < time < 4.0]
    if middle:
        most = max(middle, key=lambda time: measured.bits(f"with_{time:g}", "model").value)
        statement = "at a middle time S given the start is above S alone: a map is learnt"
        mapped = measured.bits(f"with_{most:g}", "model")
        found.greater(f"{statement} (time {most:g})", mapped, measured.bits(ALONE, "model"))
