"""Tables of the benchmarks of S, H and MDL, each from its committed result."""

import re
import statistics
from typing import Any

from docs.markdown import table
from docs.tuning_tables import recipe
from epiplexity_jax.report.edges import edge_codes
from epiplexity_jax.report.numbers import number


def printed(place: str, found: dict[str, Any]) -> str:
    """What the code above a place of the page on one number printed."""
    return f"```text\n{found['printed'][place]}```\n"


def mup(found: dict[str, Any]) -> str:
    """Best base learning rates, and what one rate for all costs, with its standard error."""
    every = [row["bits_per_token"] for row in found["rows"]]
    shared = min(every[0], key=lambda rate: sum(by[rate] for by in every))

    heads = ("size", "best rate", "bits at the best", "seeds differ by", f"at {shared}", "more")
    rows = []
    for row in found["rows"]:
        best = f"{row['best_rate']:g}"
        seeds, others = row["by_seed"][best], row["by_seed"][shared]
        more = [other - one for one, other in zip(seeds, others, strict=True)]
        error = statistics.stdev(more) / len(more) ** 0.5
        rows.append(
            (
                f"width {row['width']} depth {row['depth']}",
                *(best, f"{statistics.mean(seeds):.3f}", f"{max(seeds) - min(seeds):.3f}"),
                f"{statistics.mean(others):.3f}",
                "" if best == shared else f"{statistics.mean(more):.3f} ± {error:.3f}",
            )
        )
    return table(heads, rows)


def tuning(found: dict[str, Any]) -> str:
    """Recipes beside the one that tuning chose: changes of S and MDL on the tuned size."""
    rows = []
    for row in found["rows"]:
        chosen, published = row["chosen"], row["published"]
        rows.append((row["source"], f"tuned: {recipe(chosen)}", "", ""))
        changes = (
            published["model_bits"] / chosen["epiplexity_bits"] - 1.0,
            (1.0 + row["published_over_best"]) / (1.0 + row["over_best"]) - 1.0,  # of one seed
        )
        rows.append((row["source"], f"published: {recipe(published)}", *map(_change, changes)))
        for one in row["neighbours"]:
            changes = one["epiplexity_change"], one["mdl_change"]
            rows.append((row["source"], recipe(one), *map(_change, changes)))
    return table(("source", "recipe", "S", "MDL"), rows)


def procedures(found: dict[str, Any]) -> str:
    """Errors and coverage of each procedure, one row for each number of sizes."""
    heads = ("procedure", "sizes", "S: median, 95 %", "MDL: median, 95 %", "S, H, MDL covered")
    rows = []
    for row in found["rows"]:
        errors = [
            f"{row[f'{name}_error_median']:.1%}, {row[f'{name}_error_95']:.1%}"
            for name in ("epiplexity", "mdl")
        ]
        covered = [f"{row[f'{name}_coverage']:.0%}" for name in ("epiplexity", "entropy", "mdl")]
        rows.append((f"`{row['procedure']}`", str(row["sizes"]), *errors, ", ".join(covered)))
    return table(heads, rows)


def window(found: dict[str, Any]) -> str:
    """S and MDL by the window of the averages, at two rates."""
    rows = []
    for row in sorted(found["rows"], key=lambda row: row["learning_rate"]):
        lengths = (
            f"{_bits(row['switch_bits'])} ± {_bits(row['switch_stderr_bits'])}",
            *(_bits(row[name]) for name in ("paired_bits", "switch_mdl_bits", "paired_mdl_bits")),
        )
        step = str(row["switch_step"]) if row["switch_step"] >= 0 else "never"
        rows.append((f"{row['learning_rate']:g}", row["window"], *lengths, step))
    for one in found["spreads"]:
        spreads = (f"{one['switch']:.1%}", f"{one['paired']:.1%}", "", "", "")
        rows.append((f"{one['learning_rate']:g}", "spread, but for 150 steps", *spreads))
    heads = ("rate", "window", "S, switch", "S, paired", "MDL, switch", "MDL, paired")
    return table((*heads, "averaged from step"), rows)


def rank(found: dict[str, Any]) -> str:
    """False separations of equal sources and right ones of others, by errors and value."""
    cells: dict[tuple[str, int, float], list[dict[str, Any]]] = {}
    for row in found["rows"]:
        cells.setdefault((row["errors"], row["sources"], row["case"]), []).append(row)
    rows = []
    for (errors, sources, case), own in cells.items():
        for by in dict.fromkeys(row["by"] for row in own):
            each = [row for row in own if row["by"] == by]
            inside = [row for row in each if row["open"] < 0.5] or each
            true = statistics.mean(row["true_difference"] for row in inside)
            half = statistics.median(row["median_half_width"] for row in inside)
            rows.append(
                (
                    *(errors, f"{sources}", by, "equal" if case == 1.0 else f"{true:+.1%}"),
                    f"{max(row['any_separated'] for row in each):.1%}",
                    f"{max(row['any_beyond'] for row in each):.1%}",
                    "" if case == 1.0 else f"{statistics.mean(r['rightly'] for r in inside):.0%}",
                    f"{half:.1%}",
                )
            )
    heads = ("errors", "sources", "by", "true difference", "any separated", "beyond half-width")
    return table((*heads, "separated rightly", "half-width"), rows)


def rank_example(found: dict[str, Any]) -> str:
    """The order of three automata at five budgets."""
    rows = []
    for row in found["automata"]["rank"]:
        low, high = row["rank_interval"]
        first, last = row["value_interval"]
        ends = ("open" if end is None else _bits(end) for end in (first, last))
        rows.append(
            (
                _bits(row["compute_flops"]) if row["rank"] == 1 else "",
                f"{low}" if low == high else f"{low} to {high}",
                *(row["source"], _bits(row["value"]), " to ".join(ends), row["group"]),
                row["status"],
            )
        )
    return table(("T", "rank", "source", "S_T, bits", "95 %", "group", "status"), rows)


def rank_six(found: dict[str, Any]) -> str:
    """Six kinds of data at three budgets, in order."""
    rows = []
    for row in found["six"]["rank"]:
        ends = ["open" if end is None else _bits(end) for end in row["value_interval"]]
        status = " ".join(filter(None, (row["status"], edge_codes(row["flags"]))))
        rows.append(
            (
                _bits(row["compute_flops"]) if row["rank"] == 1 else "",
                *(row["source"], _bits(row["value"])),
                "open" if set(ends) == {"open"} else " to ".join(ends),
                *(row["group"], status),
            )
        )
    return table(("T", "source", "S_T, bits", "95 %", "group", "status"), rows)


def rank_controls(found: dict[str, Any]) -> str:
    """Noise and a cipher, in words."""
    known = found["summary"]
    return (
        "Noise beside a cipher, both under the tuned observer, in 20 trained sweeps at five "
        f"budgets, by S, H and MDL: {known['controls_separated']} of {known['controls']} pairs "
        "are separated.\n"
    )


def planner(found: dict[str, Any]) -> str:
    """S_T and H_T of plans for budgets, beside those of full grids."""
    rows = []
    for case in found["cases"]:
        for row in case["rows"]:
            cells = [row["source"], _bits(row["compute_flops"])]
            for name in ("epiplexity_bits", "entropy_bits"):
                low, high = row[name]["plan_interval"] or (None, None)
                ends = " to ".join("open" if end is None else _bits(end) for end in (low, high))
                inside = "yes" if row[f"{name}_inside"] else "**no**"
                both = _bits(row[name]["plan"]), _bits(row[name]["grid"])
                cells += [f"{both[0]} ({ends})", both[1], inside]
            rows.append(cells)
    heads = ("S_T, plan", "grid", "inside", "H_T, plan", "grid", "inside")
    return table(("source", "T", *heads), rows)


def planner_cost(found: dict[str, Any]) -> str:
    """Sizes and FLOPs of plans and grids."""
    rows = []
    for case in found["cases"]:
        sizes = (max(case["sizes"][kind].values()) for kind in ("plan", "grid"))
        flops = (_bits(case["flops"][kind]) for kind in ("plan", "grid"))
        names = ("share", "share_of_own_sizes", "share_of_grid_within_budgets")
        shares = (f"{case[name]:.0%}" for name in names)
        rows.append((case["case"], *map(str, sizes), *flops, *shares))
    heads = ("sizes, plan", "grid", "FLOPs, plan", "grid", "share", "of own sizes", "within T")
    return table(("", *heads), rows)


def planner_rates(found: dict[str, Any]) -> str:
    """Tuned rates, and the best of a sweep of rates."""
    rows = []
    for row in [one for case in found["cases"] for one in case["rates"]]:
        best = f"{row['best_rate']:g}" if row["learnt"] else "nothing learnt"
        more = f"{row['over_best']:+.1%}" if row["learnt"] else ""
        steps = f"{row['steps']:,}"
        rows.append((row["source"], row["size"], steps, f"{row['tuned_rate']:g}", best, more))
    return table(("source", "size", "steps", "tuned rate", "best rate", "MDL above the best"), rows)


def _change(change: float | None) -> str:
    return "diverged" if change is None else f"{change:+.1%}"


def _bits(bits: float) -> str:
    return re.sub(r"e\+0*", "e", f"{bits:.3g}")


def published(found: dict[str, Any]) -> str:
    """S and H of three automata over T, beside what was read off the published figure."""
    known = {(row["source"], row["compute_flops"]): row for row in found["published"]}
    rows, lengths = [], ("epiplexity_bits", "entropy_bits")
    for row in found["rows"]:
        own, there = [number(row[name]) for name in lengths], ["", ""]
        if read_off := known.get((row["source"], row["compute_flops"])):
            there = [number(read_off.get(name)) for name in lengths]
        edges = edge_codes(set(row["flags"]) - {"smallest_size", "largest_size", "edge_size"})
        size = "" if row["status"] == "untrained" else row["size"]
        status = f"{row['status']} {edges}".strip()
        name = row["source"].replace("rule", "rule ")
        rows.append((name, number(row["compute_flops"]), *own, size, status, *there))
    heads = ("source", "T, FLOPs", "S, bits", "H, bits", "size", "status", "published S", "H")
    passed = found["checks"]
    failed = [sentence for sentence, holds in passed.items() if not holds]
    said = f"{len(passed) - len(failed)} of {len(passed)} expectations hold."
    if failed:
        said += f" **Fails**: {'; '.join(failed)}."
    return f"{table(heads, rows)}\n{said}\n"
