"""Tables of how well intervals hold and how large errors are, from committed results."""

import statistics
from typing import Any

from docs.markdown import table


def coverage(found: dict[str, Any]) -> str:
    """Least coverage of any value at any budget, by errors, seeds and sizes, and the widths."""
    cells: dict[tuple[str, int], dict[int, list[dict[str, Any]]]] = {}
    for row in found["rows"]:
        own = cells.setdefault((row["errors"], row["seeds"]), {})
        own.setdefault(row["sizes"], []).append(row)
    sizes = sorted({row["sizes"] for row in found["rows"]})
    rows = []
    for (errors, seeds), by_size in cells.items():
        least = [f"{min(row['coverage'] for row in by_size[count]):.1%}" for count in sizes]
        every = [row["ratio"] for own in by_size.values() for row in own if row["ratio"]]
        ends = f"{min(every):.2g}, {statistics.median(every):.2g}, {max(every):.2g}"
        rows.append((errors, f"{seeds}", *least, ends))
    heads = ("errors", "seeds", *(f"{count} sizes" for count in sizes))
    known = found["summary"]
    said = (
        f"{known['cells_below_0.9']} of {known['cells']} cells lie below 90 %, the least has "
        f"{known['least_coverage']:.1%}. Of {known['two_ended_cells']} cells whose intervals have "
        f"two ends, {known['share_of_ratios_0.8_to_2']:.1%} have a ratio from 0.8 to 2 "
        f"({_within_by(found['rows'])})."
    )
    if known["cells_below_0.9"] or known["share_of_ratios_0.8_to_2"] < 0.9:
        said = f"The expectation **fails**. {said}"
    return f"{table((*heads, 'ratio: least, median, largest'), rows)}\n{said}\n"


def _within_by(rows: list[dict[str, Any]]) -> str:
    """Shares of ratios from 0.8 to 2 by value, and by number of seeds, of cells with two ends."""
    both = [row for row in rows if row["ratio"] is not None]
    words = {"epiplexity": "S", "entropy": "H", "mdl": "MDL"}
    parts = []
    for name in ("value", "seeds"):
        for one in dict.fromkeys(row[name] for row in both):
            ratios = [row["ratio"] for row in both if row[name] == one]
            share = sum(0.8 <= ratio <= 2 for ratio in ratios) / len(ratios)
            parts.append(f"{words.get(one, f'{one} seeds')} {share:.0%}")
    return ", ".join(parts)


def precision(found: dict[str, Any]) -> str:
    """Errors by tokens alone, of S relative to it, and of the floor relative to the plain set's."""
    rows = [
        (
            *(row["source"], row["size"], f"{row['s_bits']:.3g}"),
            *(f"{row['s_share']:.1%}", f"{row['s_share_plain']:.1%}", f"{row['floor_share']:.2f}"),
        )
        for row in found["rows"]
    ]
    heads = ("source", "size", "S, bits", "error of S", "of the paired area", "floor / plain set")
    known = found["simulated"]
    scores = ", ".join(
        f"{name} {known[name]['mean']:+.2f} and {known[name]['std']:.2f}" for name in ("S", "floor")
    )
    failed = [sentence for sentence, holds in found["checks"].items() if not holds]
    said = f"Mean and standard deviation of z in {known['runs']} simulated runs: {scores}."
    if failed:
        said += f" **Fails**, of {len(found['checks'])} expectations: {'; '.join(failed)}."
    return f"{table(heads, rows)}\n{said}\n"


def procedures_on_laws(found: dict[str, Any]) -> str:
    """Largest error of S of each procedure over the laws, by how far sizes are apart."""
    names = dict.fromkeys(row["procedure"] for row in found["rows"])
    worst: dict[tuple[int, str], float] = {}
    for row in found["rows"]:
        case = row["size_factor"], row["procedure"]
        worst[case] = max(worst.get(case, 0.0), row["epiplexity_error_max"])
    factors = sorted({factor for factor, _ in worst})
    rows = [(f"factor {n}", *(f"{worst[n, name]:.0%}" for name in names)) for n in factors]
    return table(("sizes apart", *names), rows)
