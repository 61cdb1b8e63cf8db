"""Maps that make or destroy structure (Finzi et al. 2026, section 5.1)."""

import math

from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured

_NAMES = {
    "text": "text",
    "reversed": "text, reversed",
    "encrypted": "text, encrypted",
    "noise": "noise",
    "computed": "rule 54 of noise, given it",
    "sorted": "noise, sorted",
}


def read(measured: Measured) -> Findings:
    """Read S and H of text and of noise, and of what maps make of them.

    Args:
        measured: the runs; sources are text, reversed, encrypted, noise, computed and sorted.
    """
    found = Findings("data")
    for source, name in _NAMES.items():
        rate = measured.per_sequence(source, "data").scaled(1.0 / measured.labels(source))
        found.add(f"H, {name}", rate, "bits per token", "Entropy", x=name)
        found.add(f"S, {name}", measured.bits(source, "model"), "bits", "Epiplexity", x=name)
    for source in ("encrypted", "noise"):
        one = measured.at(source, measured.largest(source))
        expected = f"{_NAMES[source]}: nothing is learnt"
        found.check("oracle", expected, str(one.status), one.status == ResultStatus.UNTRAINED)
    bits = measured.frontier("encrypted").uniform_bits / measured.sequences
    encrypted = measured.per_sequence("encrypted", "data")
    found.near("encrypted text costs log2 V bits per token, within 1 %", encrypted, bits, 0.01)
    expected = "a rule applied to noise has structure, which noise has not: S is above 0"
    found.greater(expected, measured.bits("computed", "model"), 0.0)
    _sorted(found, measured)
    forward, backward = (measured.per_sequence(name, "data") for name in ("text", "reversed"))
    difference = measured.difference("reversed", "text", "data").scaled(1.0 / forward.value)
    found.notes.append(
        f"reversed text costs {100 * difference.value:.2f} % more than text "
        f"({backward} against {forward} bits per sequence); no sign is expected at this size"
    )
    return found


def _sorted(found: Findings, measured: Measured) -> None:
    """Add the check on sorted noise, whose entropy is that of a multiset."""
    rate = measured.entropy_rate("sorted")
    if rate is None:
        return
    length = measured.labels("sorted")
    uniform = measured.frontier("sorted").uniform_bits / measured.sequences
    saved = math.lgamma(length + 1) / math.log(2)
    expected = (
        f"sorted noise costs the entropy of its multiset, within 2 %: at most log2 {length:g}! = "
        f"{saved:.1f} bits less than the {uniform:g} of noise"
    )
    found.near(expected, measured.per_sequence("sorted", "data"), rate, 0.02)
