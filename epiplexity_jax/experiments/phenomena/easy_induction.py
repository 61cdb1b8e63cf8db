"""Easy induction: rows of a Markov chain, some given and some not (Finzi et al. 2026, Fig. 5c)."""

from epiplexity_jax.experiments.findings import Findings
from epiplexity_jax.experiments.measured import Measured

# Bits per sequence by its symbols (64 of an alphabet of 4, 512 of one of 8), then by hidden rows h.
# The floor has given rows, and counts of pairs for the others, which is Bayes-optimal; the line
# without pairs has counts of single symbols. By simulation of the two predictors, errors below 1.
FLOOR = {
    64: {0: 99.4, 1: 102.4, 2: 105.4, 3: 108.4, 4: 111.5},
    512: {0: 1267.1, 2: 1287.1, 4: 1307.1, 6: 1327.1, 8: 1347.1},
}
WITHOUT_PAIRS = {
    64: {0: 99.4, 1: 105.3, 2: 111.2, 3: 117.2, 4: 123.2},
    512: {0: 1267.1, 2: 1328.5, 4: 1389.8, 6: 1451.1, 8: 1511.8},
}


def read(measured: Measured) -> Findings:
    """Read S and H over the number of hidden rows h; sources are `hidden0`, `hidden1`, ...

    Args:
        measured: the runs.
    """
    found = Findings("hidden rows, h")
    counts = sorted(int(name.removeprefix("hidden")) for name in measured.sources)
    length = round(measured.labels(f"hidden{counts[0]}"))
    floors, lines = FLOOR.get(length, {}), WITHOUT_PAIRS.get(length, {})
    structure = {}
    for h in counts:
        source = f"hidden{h}"
        entropy = measured.per_sequence(source, "data")
        floor = floors.get(h)
        unit, title = "bits per sequence", "Entropy"
        found.add(f"H, h = {h}", entropy, unit, title, x=h, oracle=floor)
        bits = measured.bits(source, "model")
        structure[h] = found.add(f"S, h = {h}", bits, "bits", "Epiplexity", x=h)
        if floor is None:
            continue
        found.near(f"h = {h}: the loss is within 2 % of the floor", entropy, floor, 0.02)
        if h:
            line = lines[h]
            expected = f"h = {h}: the loss is below {line} bits, the line without counts of pairs"
            found.below(expected, entropy, line)
    middle = counts[-1] // 2
    if middle in structure:
        for end, words in ((counts[0], "none"), (counts[-1], "all")):
            expected = f"S is greater with {middle} hidden rows than with {words}"
            found.greater(expected, structure[middle], structure[end])
    return found
