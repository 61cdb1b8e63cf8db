"""The Lorenz system: what chaos makes of a start (Finzi et al. 2026, Fig. 11)."""

import math
from itertools import pairwise

from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured

ALONE = "without"
# Bits of the quantised invariant measure, (4, 4, 4) bits a coordinate: 2e5 samples.
MEASURE_BITS, MEASURE_ERROR = 7.553, 0.05
_SOON, _MIDDLE, _LATE = 0.1, (0.5, 1.0, 2.0), 30.0
_GONE = 4.0  # of the times, the first after ln(box / cell) + 1 = 3.8 Lyapunov times
_NOTHING = 0.1  # bits
_SAVED = 3.0  # bits that the start is expected to save at the earliest time
_RISE = 0.02  # bits by which the saving may rise from one time to the next
_SAME = 0.1  # of S alone, within which S given the start is the same


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
        if f"with_{_LATE:g}" in measured.sources:
            given = measured.per_sequence(f"with_{_LATE:g}", "data")
            expected = f"given the start {_LATE:g} Lyapunov times before, no less either"
            found.check("oracle", expected, f"{given} bits", given.inside(least, math.inf))
        found.near(f"alone, a state costs within 2 % of {entropy}", alone, MEASURE_BITS, 0.02)
    if _SOON in saved:
        statement = f"at {_SOON:g} Lyapunov times the start saves more than {_SAVED:g} bits"
        found.greater(statement, saved[_SOON], _SAVED)
    if _GONE in saved:
        gone = saved[_GONE]
        statement = f"at {_GONE:g} Lyapunov times the saving has vanished, within {_NOTHING} bits"
        found.check("sign", statement, f"{gone} bits", gone.inside(-math.inf, _NOTHING))
    if _LATE in saved:
        last = saved[_LATE]
        statement = f"at {_LATE:g} Lyapunov times it saves nothing, within {_NOTHING} bits"
        found.check("sign", statement, f"{last} bits", last.inside(-_NOTHING, _NOTHING))
        _same_structure(found, measured)
    _falls(found, measured, saved)
    structure_alone = measured.bits(ALONE, "model")
    for time in filter(saved.__contains__, _MIDDLE):
        expected = f"at {time:g} Lyapunov times S given the start is above S alone: a map is learnt"
        found.greater(expected, measured.bits(f"with_{time:g}", "model"), structure_alone)


def _same_structure(found: Findings, measured: Measured) -> None:
    """Add the check that nothing is left to learn at the last time, by paired differences."""
    alone = measured.bits(ALONE, "model")
    more = measured.difference(f"with_{_LATE:g}", ALONE, "model").scaled(measured.sequences)
    most = _SAME * abs(alone.value)
    at = f"at {_LATE:g} Lyapunov times"
    expected = f"{at} S is the same with the start and without, within {100 * _SAME:g} %"
    shown = f"{more} bits more than the {alone} alone"
    found.check("sign", expected, shown, more.inside(-most, most))


def _falls(found: Findings, measured: Measured, saved: dict[float, Estimate]) -> None:
    """Add the check that the saving never rises, by the paired difference of each two times."""
    times = sorted(saved)
    if len(times) < 2:
        return
    falls = [
        measured.difference(f"with_{late:g}", f"with_{early:g}", "data").inside(-_RISE, math.inf)
        for early, late in pairwise(times)
    ]
    shown = ", ".join(f"{saved[time]}" for time in times)
    holds = False if False in falls else None if None in falls else True
    expected = f"the saving falls with time: no later one is greater by {_RISE:g} bits"
    found.check("sign", expected, shown, holds)
