"""Hard induction: bits of the start that the model must find (Finzi et al. 2026, Fig. 5b)."""

import math
from itertools import pairwise

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured

_NEAR, _NEAR_NOTHING = 1.1, 0.05  # times h, and bits where h is 0


def read(measured: Measured) -> Findings:
    """Read S and H over the number of hidden bits h; sources are `hidden0`, `hidden1`, ...

    Args:
        measured: the runs.
    """
    found = Findings("hidden bits, h")
    counts = sorted(int(name.removeprefix("hidden")) for name in measured.sources)
    structure, waits = {}, {}
    for h in counts:
        source = f"hidden{h}"
        entropy = measured.per_sequence(source, "data")
        unit = "bits per sequence"
        found.add(f"H, h = {h}", entropy, unit, "Entropy", x=h, oracle=float(h))
        structure[h] = found.add(
            f"S, h = {h}", measured.bits(source, "model"), "bits", "Epiplexity", x=h
        )
        near = _NEAR * h if h else _NEAR_NOTHING
        within = "10 %" if h else f"{_NEAR_NOTHING:g} bits"
        expected = f"h = {h}: the loss comes within {within} of h bits"
        found.below(expected, entropy, near, "oracle")
        found.check(
            "oracle",
            f"h = {h}: the loss is not below h bits, within the error",
            f"{entropy} bits per sequence",
            None if entropy.high is None else entropy.high >= h - 1e-3,
        )
        steps = measured.steps_to(source, near)
        if math.isfinite(steps.value):
            title = "Steps until the loss is so near to h"
            waits[h] = found.add(f"steps, h = {h}", steps, "steps", title, x=h)
        else:
            found.notes.append(f"h = {h}: the loss of a seed does not come so near within the run")
    for less, more in pairwise(counts):
        found.greater(f"S rises from h = {less} to h = {more}", structure[more], structure[less])
        if {less, more} <= set(waits):
            expected = f"it takes more steps for h = {more} than for h = {less}"
            found.greater(expected, waits[more], waits[less])
    if measured.config.get("estimator", {}).get("kind") == "requential":
        found.notes.append("the loss is the student's, and steps are the student's")
    return found
