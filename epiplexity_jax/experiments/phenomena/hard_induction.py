"""Hard induction: bits of the start that the model must find (Finzi et al. 2026, Fig. 5b)."""

from itertools import pairwise

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured


def read(measured: Measured) -> Findings:
    """Read S and H over the number of hidden bits h; sources are `hidden0`, `hidden1`, ...

    Args:
        measured: the runs.
    """
    found = Findings("hidden bits, h")
    counts = sorted(int(name.removeprefix("hidden")) for name in measured.sources)
    structure = {}
    for h in counts:
        source = f"hidden{h}"
        entropy = measured.per_sequence(source, "data")
        unit = "bits per sequence"
        found.add(f"H, h = {h}", entropy, unit, "Entropy", x=h, oracle=float(h))
        structure[h] = found.add(
            f"S, h = {h}", measured.bits(source, "model"), "bits", "Epiplexity", x=h
        )
        low = entropy.low is None or entropy.low <= max(1.1 * h, h + 0.5)
        found.check(
            "oracle",
            f"h = {h}: the loss comes within 10 % (or half a bit) of h bits, and not below",
            f"{entropy} bits per sequence",
            low and (entropy.high is None or entropy.high >= h),
        )
    for less, more in pairwise(counts):
        found.greater(f"S rises from h = {less} to h = {more}", structure[more], structure[less])
    return found
