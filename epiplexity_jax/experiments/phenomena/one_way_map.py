"""A one-way map read in two orders (Finzi et al. 2026, Fig. 4a).

Rule 30 is left-permutive: given X, every cell of Y depends on 2 k + 1 neighbours; given Y, the
first cells of X depend on cells around the whole ring. Both orders of a sequence have n bits.
"""

from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured
from epiplexity_jax.report.numbers import number

# Bits per sequence above n of a reader that predicts X_i from X_<i and Y_<=i: H(Y) plus the sum of
# H(X_i | X_<i, Y_<=i), less n. Of rule 30, by n and steps, exact (enumeration of all states).
NO_LOOK_AHEAD = {(8, 2): 2.5051, (12, 2): 3.8086, (16, 2): 4.9476, (16, 8): 7.3164}
_MEMORISED = 8  # cells, whose 256 states a model can memorise, which closes the gap
_LEARNT = 1.05  # of n, above which the forward order counts as not learnt


def read(measured: Measured) -> Findings:
    """Read forward and reversed order at every number of cells; sources are `forward12` and so on.

    Args:
        measured: the runs.
    """
    cells = sorted(int(name.removeprefix("forward")) for name in _forward(measured))
    found = Findings("cells of the ring, n")
    gaps: dict[int, Estimate] = {}
    for n in cells:
        forward, reverse = f"forward{n}", f"reverse{n}"
        gap = measured.difference(reverse, forward, "data")
        for order, source in (("X then Y", forward), ("Y then X", reverse)):
            entropy = measured.per_sequence(source, "data").scaled(1.0 / n)
            found.add(
                f"H {order}, n = {n}",
                entropy,
                "bits per bit of X",
                "Entropy of a sequence",
                x=n,
                series=order,
                oracle=1.0,
            )
            structure = measured.bits(source, "model")
            name = f"S {order}, n = {n}"
            found.add(name, structure, "bits", "Epiplexity", x=n, series=order)
        learnt = _forward_checks(found, measured, n)
        found.add(
            f"gap, n = {n}",
            gap,
            "bits per sequence",
            "What the other order costs more",
            x=n,
            series="Y then X",
            oracle=_bound(measured, n),
        )
        if learnt:
            gaps[n] = gap
            _gap_checks(found, measured, n, gap)
    most = max(gaps, default=0)
    larger = [n for n in gaps if n > _MEMORISED]
    for least in dict.fromkeys((*larger[:1], *sorted(gaps)[:1])):
        if least < most:
            expected = f"the gap grows with n: {most} cells against {least}"
            found.greater(expected, gaps[most], gaps[least])
    return found


def _bound(measured: Measured, n: int) -> float | None:
    """The gap of a reader without look-ahead at the config's steps; None where it is not known."""
    return NO_LOOK_AHEAD.get((n, int(measured.config["sources"][f"forward{n}"]["steps"])))


def _forward(measured: Measured) -> list[str]:
    return [name for name in measured.sources if name.startswith("forward")]


def _forward_checks(found: Findings, measured: Measured, n: int) -> bool:
    """Add the checks on the order X, Y; return whether it was learnt."""
    entropy = measured.per_sequence(f"forward{n}", "data")
    learnt = entropy.value <= _LEARNT * n
    if learnt:
        found.near(f"n = {n}: X then Y costs n bits, within 2 %", entropy, n, 0.02)
    else:
        reverse = measured.per_sequence(f"reverse{n}", "data")
        shown = f"no comparison; Y then X {reverse} against X then Y {entropy} bits per sequence"
        found.check("guard", f"n = {n}: X then Y is learnt", shown, False)
    return learnt


def _gap_checks(found: Findings, measured: Measured, n: int, gap: Estimate) -> None:
    """Add the checks on the gap between the orders at one number of cells."""
    if n > _MEMORISED:
        found.greater(f"n = {n}: Y then X costs more", gap, 0.0)
    if (most := _bound(measured, n)) is not None:
        expected = f"n = {n}: the gap is between 0 and that of a reader without look-ahead"
        shown = f"{gap}, without look-ahead {number(most)}"
        found.check("oracle", expected, shown, gap.inside(0.0, most))
    codes = [measured.per_sequence(f"{order}{n}", "mdl") for order in ("reverse", "forward")]
    same = (codes[0].value > codes[1].value) == (gap.value > 0)
    resolved = codes[0].apart(codes[1]) and not (gap.low or 0.0) <= 0.0 <= (gap.high or 0.0)
    found.check(
        "sign",
        f"n = {n}: the two-part codes have the order of the entropies",
        f"Y then X {codes[0]}, X then Y {codes[1]} bits per sequence",
        same if resolved else None,
    )
