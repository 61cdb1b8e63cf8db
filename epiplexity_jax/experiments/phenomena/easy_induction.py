"""Easy induction: rows of a Markov chain, some given and some not (Finzi et al. 2026, Fig. 5c)."""

from epiplexity_jax.experiments.findings import Estimate, Findings
from epiplexity_jax.experiments.measured import Measured

# Bits per sequence, V = 4 and 64 symbols: given rows with counts of pairs for the others (Bayes
# optimal, the floor), and given rows with counts of single symbols; by hidden rows h.
FLOOR = {0: 99.4, 1: 102.4, 2: 105.4, 3: 108.4, 4: 111.5}
UNIGRAM = {0: 99.4, 1: 105.3, 2: 111.2, 3: 117.2, 4: 123.2}


def read(measured: Measured) -> Findings:
    """Read S and H over the number of hidden rows h; sources are `hidden0`, `hidden1`, ...

    Args:
        measured: the runs.
    """
    found = Findings("hidden rows, h")
    counts = sorted(int(name.removeprefix("hidden")) for name in measured.sources)
    known = all(abs(measured.labels(f"hidden{h}") - 64) < 0.5 for h in counts)
    structure = {}
    for h in counts:
        source = f"hidden{h}"
        entropy = measured.per_sequence(source, "data")
        floor = FLOOR.get(h) if known else None
        unit, title = "bits per sequence", "Entropy"
        found.add(f"H, h = {h}", entropy, unit, title, x=h, oracle=floor)
        bits = measured.bits(source, "model")
        structure[h] = found.add(f"S, h = {h}", bits, "bits", "Epiplexity", x=h)
        if floor is None:
            continue
        found.near(f"h = {h}: the loss is within 2 % of the floor", entropy, floor, 0.02)
        if h:
            line = UNIGRAM[h]
            expected = f"h = {h}: the loss is below {line} bits, the line without counts of pairs"
            below = Estimate(line, line, line).above(entropy)
            found.check("sign", expected, f"{entropy} bits per sequence", below)
    if {0, 2} <= set(structure):
        found.greater("S is greater with 2 hidden rows than with none", structure[2], structure[0])
    if {2, 4} <= set(structure):
        found.greater("S is greater with 2 hidden rows than with all", structure[2], structure[4])
    return found
