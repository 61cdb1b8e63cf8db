"""Second-order pairs: what a first answer says about a second (Johnson et al. 2024)."""

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured

_NAMES = {
    "coin": "fair coin",
    "prg": "keyed function",
    "teacher": "noisy teacher",
}
_GAPS = {"coin": 0.0, "prg": 1.0, "teacher": 0.0}
_NEAR = 0.03  # bits


def read(measured: Measured) -> Findings:
    """Read one answer and two of each kind; sources are `coin1`, `coin2`, `prg1` and so on.

    Args:
        measured: the runs.
    """
    found = Findings("origin of the answers")
    for origin, name in _NAMES.items():
        one, two = f"{origin}1", f"{origin}2"
        first = measured.per_sequence(one, "data")
        gap = measured.combined({one: 2.0, two: -1.0}, "data")
        rate = None if origin == "prg" else measured.entropy_rate(one)
        unit = "bits per answer"
        found.add(f"H(y1 | x), {name}", first, unit, "One answer", x=name, oracle=rate)
        title = "What the first says about the second"
        found.add(f"gap, {name}", gap, "bits", title, x=name, oracle=_GAPS[origin])
        structure = measured.bits(two, "model")
        found.add(f"S, {name}", structure, "bits", "Epiplexity of both answers", x=name)
        expected = f"{name}: the gap H(y2 | x) - H(y2 | x, y1) is {_GAPS[origin]:g} bits"
        limits = _GAPS[origin] - _NEAR, _GAPS[origin] + _NEAR
        found.check("oracle", f"{expected}, within {_NEAR}", f"{gap}", gap.inside(*limits))
    for origin in ("coin", "prg"):
        first = measured.per_sequence(f"{origin}1", "data")
        expected = f"{_NAMES[origin]}: one answer costs 1 bit, within 1 %"
        found.near(expected, first, 1.0, 0.01)
    rate = measured.entropy_rate("teacher1")
    if rate is not None:
        first = measured.per_sequence("teacher1", "data")
        found.near(
            "noisy teacher: one answer costs its mean entropy, within 5 %", first, rate, 0.05
        )
    return found
