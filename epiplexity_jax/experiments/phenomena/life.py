"""The Game of Life: one step, four steps at once, and four steps with the states between."""

import math

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured

# Bits per cell of a model without context, h2 of the share of live cells after k steps from
# density 1/2; k = 1 exact, 4 by 4e6 cells.
WITHOUT_CONTEXT = {1: 0.84647, 4: 0.7919}
_NAMES = {"one": "1 step", "four": "4 steps at once", "four_states": "4 steps, every state"}
_STEPS = {"one": 1, "four": 4}


def read(measured: Measured) -> Findings:
    """Read S and H of the three tasks; sources are `one`, `four` and `four_states`.

    Args:
        measured: the runs.
    """
    found = Findings("task")
    rates = {}
    for source, name in _NAMES.items():
        labels = measured.labels(source)
        rate = measured.per_sequence(source, "data").scaled(1.0 / labels)
        rates[source] = found.add(f"H {name}", rate, "bits per cell", "Entropy", x=name)
        found.add(f"S {name}", measured.bits(source, "model"), "bits", "Epiplexity", x=name)
        found.add(
            f"MDL {name}",
            measured.per_sequence(source, "mdl"),
            "bits per sequence",
            "Two-part code",
            x=name,
        )
    for source, steps in _STEPS.items():
        line = WITHOUT_CONTEXT[steps]
        expected = f"{_NAMES[source]}: no more than {line} bits per cell, those without context"
        found.below(expected, rates[source], line * 1.005, "oracle")
    learnt = found.below("1 step is learnt: below 0.01 bits per cell", rates["one"], 0.01)
    expected = "4 steps at once are not, where 1 step is: above 0.3 bits per cell"
    four = rates["four"]
    if learnt:
        found.check("sign", expected, f"{four}", four.inside(0.3, math.inf))
    else:  # the contrast is none
        why = f"1 step is not {'' if learnt is False else 'known to be '}learnt"
        after_one = "bits per cell after 1 step", rates["one"]
        found.withhold(expected, why, ("4 steps at once", four), after_one)
    expected = "with the states between they are: below 0.01 bits per cell"
    found.below(expected, rates["four_states"], 0.01)
    return found
