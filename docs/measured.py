"""Write the tables of PAGES from the committed results of the benchmarks.

Run: make docs  (or python docs/measured.py); nothing is measured here.
"""

import json
import re
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
PAGES = tuple(
    DOCS / name
    for name in ("speed.md", "large-runs.md", "measure.md", "requential.md", "what-moves-s.md")
)
RESULTS = DOCS.parent / "benchmarks" / "results"
MARKED = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def steps(found: dict[str, Any]) -> str:
    """End to end, one row a size."""
    rows = [r for r in found["rows"] if r["members"] == found["cores"]]
    taught = {r["size"]: r for r in rows if r["method"] == "requential"}
    heads = ("size", "prequential, ms", "plain loop, ms", "ratio", "on one batch")
    return _table(
        (*heads, "of the peak", "requential, ms", "its ratio"),
        (
            (
                row["size"],
                f"{row['engine_ms']:.1f}",
                f"{row['plain_ms']:.0f}",
                f"{row['plain_over_engine']:.1f}",
                f"{row['given_over_engine']:.1f}",
                f"{row['peak_share']:.0%}",
                f"{taught[row['size']]['engine_ms']:.1f}",
                f"{taught[row['size']]['plain_over_engine']:.1f}",
            )
            for row in rows
            if row["method"] == "prequential"
        ),
    )


def parts(found: dict[str, Any]) -> str:
    """Where the time goes, in shares of a whole member-step."""
    names = ("gradient", "sampling", "student", "update", "data", "evaluation")
    rows = []
    for row in found["rows"]:
        if row["members"] == found["cores"]:
            by, whole = row["parts_ms"], row["engine_ms"]
            shares = [f"{by[name] / whole:.1%}" if name in by else "" for name in names]
            rest = f"{1 - sum(by[name] for name in names if name in by) / whole:.1%}"
            rows.append((row["size"], row["method"], *shares, rest, f"{row['compile_s']:.1f}"))
    return _table(("size", "", *names, "rest", "compiling, s"), rows)


def operations(found: dict[str, Any]) -> str:
    """What the parts of a step compute, in shares of the time of their operations."""
    kinds = list(dict.fromkeys(kind for row in found["rows"] for kind in row["shares"]))
    rows = [
        (
            *(row["size"], row["what"]),
            *(f"{row['shares'].get(kind, 0.0):.0%}" for kind in kinds),
            *(f"{row['operations']:,}", f"{row['us_each']:.1f}"),
        )
        for row in found["rows"]
    ]
    return _table(("size", "", *kinds, "operations", "µs each"), rows)


def ways(found: dict[str, Any]) -> str:
    """What each of the engine's ways is worth, by size."""
    each = found["rows"]
    rows = [
        (
            way,
            *(f"{row['factor'][way]:.2f}" for row in each),
            f"{max(row['apart'][way] for row in each):.0e}",
        )
        for way in each[0]["factor"]
    ]
    return _table(("put back", *(row["size"] for row in each), "gradients apart"), rows)


def members(found: dict[str, Any]) -> str:
    """Milliseconds of a member-step by members, of one size."""
    rows = [r for r in found["rows"] if r["size"] == _ONE_SIZE]
    counts = sorted({row["members"] for row in rows})
    by = {(row["method"], row["members"]): f"{row['engine_ms']:.1f}" for row in rows}
    methods = ("prequential", "requential")
    heads = ("ms a member-step", *(f"{n} member" + "s" * (n > 1) for n in counts))
    return _table(heads, ((m, *(by.get((m, n), "") for n in counts)) for m in methods))


def slices(found: dict[str, Any]) -> str:
    """Milliseconds of a step by tokens of a slice."""
    tokens = ("256", "512", "1024", "2048", "4096")
    rows = []
    for row in found["rows"]:
        by = row["ms_by_slice_tokens"]
        name = f"{row['family']}, {row['size']}, V = {row['vocab_size']}, L = {row['length']}"
        whole = by[str(row["batch"] * row["length"])]
        rows.append((name, *(f"{by[t]:.1f}" for t in tokens), f"{whole:.1f}"))
    return _table(("", *tokens, "whole"), rows)


def requential_cost(found: dict[str, Any]) -> str:
    """Both methods on one configuration."""
    names = {"as published": "automaton", "half conditional": "automaton"}
    rows = []
    for row in found["rows"]:
        family = "" if row["family"] == "transformer" else f", {row['family']}"
        what = names.get(row["what"], "noise over 96 symbols") + family
        times = (f"{row[f'{method}_ms']:.1f}" for method in ("prequential", "requential"))
        published = f"{row['published_ms']:.0f}" if "published_ms" in row else ""
        rows.append(
            (
                f"{what}, {row['size']}",
                str(row["length"]),
                str(row["batch"]),
                *times,
                f"{row['ratio']:.2f}",
                published,
            )
        )
    heads = ("length", "batch", "prequential, ms", "requential, ms", "ratio", "PyTorch, ms")
    return _table(("", *heads), rows)


def scaling(found: dict[str, Any]) -> str:
    """Exponents."""
    rows = []
    for row in found["rows"]:
        by = row["us_per_token"]
        first, *_, last = by
        time, flops = row["exponent"], row["flops_exponent"]
        rows.append(
            (
                f"{row['varied']}, {first} to {last}",
                f"{by[first]:.2f} to {by[last]:.2f}",
                f"{time['fitted']:.2f} ({time['last_two']:.2f})",
                f"{flops['fitted']:.2f} ({flops['last_two']:.2f})",
            )
        )
    return _table(("varied", "µs a token", "exponent of the time", "of the FLOPs"), rows)


def shares(found: dict[str, Any]) -> str:
    """Data, evaluation and host."""
    names = ("data", "evaluation", "host")
    rows = (
        (row["config"], *(f"{row[f'{name}_share']:.1%}" for name in names)) for row in found["rows"]
    )
    return _table(("config", *names), rows)


def rows(found: dict[str, Any]) -> str:
    """Rows out of grain in four ways."""
    return _table(
        ("rows", "way", "opening, s", "rows a second", "reading, of a step's time"),
        (
            (
                f"{row['rows']}, {row['length']} tokens",
                row["way"],
                f"{row['open_seconds']:.1f}",
                f"{row['rows_per_second']:,}",
                f"{row['step_share']:.1%} ({low:.1%} to {high:.1%})",
            )
            for row in found["rows"]
            for low, high in [row["step_share_range"]]
        ),
    )


def startup(found: dict[str, Any]) -> str:
    """First and second start."""
    names = ("import_s", "with_jax_s", "first_step_s", "sweep_s", "misses")
    rows = ((f"{kind} cache", *(f"{by[n]:g}" for n in names)) for kind, by in _starts(found))
    heads = ("import, s", "with JAX, s", "first step, s", "sweep of two steps, s", "compiled")
    return _table(("", *heads), rows)


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
    return _table(heads, rows)


def sinks(found: dict[str, Any]) -> str:
    """What trackers cost."""
    (bare,) = [row for row in found["rows"] if row["tracker"] == "none"]
    rows = []
    for row in found["rows"]:
        low, high = row["quartiles"]
        ratio = "" if row is bare else f"{row['overhead']:+.1%} ({low:+.1%} to {high:+.1%})"
        more = "" if row is bare else f"{row['cpu_s'] - bare['cpu_s']:+.2f}"
        told = f"{row['told_ms']:.1f}"
        seconds = (f"{row['train_s']:.1f}", ratio, f"{row['end_s']:.2f}", more)
        rows.append((row["tracker"], *seconds, told))
    heads = ("training, s", "more than without", "end, s", "processor, s more", "telling, ms")
    return _table(("tracker", *heads), rows)


def memory(found: dict[str, Any]) -> str:
    """Estimated, compiled and used memory."""
    twice = {(r["size"], r["estimator"]): r for r in found["rows"] if r["rematerialised"]}
    heads = ("parameters", "", "estimate", "compiled", "used", "compiled with blocks twice")
    rows = []
    for row in found["rows"]:
        if not row["rematerialised"]:
            sizes = [row[f"{name}_mib"] for name in ("estimate", "compiled", "used")]
            sizes.append(twice[row["size"], row["estimator"]]["compiled_mib"])
            rows.append((row["size"], row["estimator"], *(f"{size:,.0f}" for size in sizes)))
    return _table(heads, rows)


def checkpoints(found: dict[str, Any]) -> str:
    """What a checkpoint costs."""
    heads = ("parameters", "", "MiB", "training waits, s", "written in, s", "sweep longer by, s")
    rows = [
        (
            *(f"2 x {row['params']:,}", row["estimator"], f"{row['mib']:,.0f}"),
            *(f"{row['blocked_s']:.2f}", f"{row['written_s']:.1f}"),
            f"{row['lost_s']:+.1f}",
            f"{max(row['blocked_s'] + row['written_s'], row['lost_s']) / found['interval_s']:.2%}",
        )
        for row in found["rows"]
    ]
    return _table((*heads, "of the time, at most"), rows)


def weak_scaling(found: dict[str, Any]) -> str:
    """Largest differences by devices and way to divide the work."""
    by_way: dict[str, dict[int, float]] = {}
    for row in found["rows"]:
        by_way.setdefault(row["way"], {})[row["devices"]] = row["difference"]
    counts = sorted({row["devices"] for row in found["rows"]})
    rows = [
        (way, *(f"{each[n]:.1e}" if n in each else "" for n in counts))
        for way, each in by_way.items()
    ]
    return _table(("shared out", *(f"{n} device{'s' * (n > 1)}" for n in counts)), rows)


def rounding(found: dict[str, Any]) -> str:
    """How far apart a member is on one device and on one of two."""
    names = ("heldout", "heldout_in_errors", "online_sum", "kl_sum")
    rows = [(f"{row['steps']:,}", *(f"{row[n]:.1e}" for n in names)) for row in found["long"]]
    heads = ("steps", "held-out loss", "in its standard errors", "online sum", "sum of KLs")
    return _table(heads, rows)


def tuning(found: dict[str, Any]) -> str:
    """Recipes beside the one that tuning chose: changes of S and MDL on the tuned size."""
    rows = []
    for row in found["rows"]:
        chosen, published = row["chosen"], row["published"]
        rows.append((row["source"], f"tuned: {_recipe(chosen)}", "", ""))
        changes = (
            published["model_bits"] / chosen["epiplexity_bits"] - 1.0,
            published["mdl_bits"] / chosen["mdl_bits"] - 1.0,
        )
        rows.append((row["source"], f"published: {_recipe(published)}", *map(_change, changes)))
        for one in row["neighbours"]:
            changes = one["epiplexity_change"], one["mdl_change"]
            rows.append((row["source"], _recipe(one), *map(_change, changes)))
    return _table(("source", "recipe", "S", "MDL"), rows)


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
    return _table((*heads, "averaged from step"), rows)


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
    return _table(("source", "T", *heads), rows)


def planner_cost(found: dict[str, Any]) -> str:
    """Sizes and FLOPs of plans and grids."""
    rows = []
    for case in found["cases"]:
        sizes = (max(case["sizes"][kind].values()) for kind in ("plan", "grid"))
        flops = (_bits(case["flops"][kind]) for kind in ("plan", "grid"))
        shares = (f"{case[name]:.0%}" for name in ("share", "share_of_grid_within_budgets"))
        rows.append((case["case"], *map(str, sizes), *flops, *shares))
    heads = ("sizes, plan", "grid", "FLOPs, plan", "grid", "share", "of a grid within T")
    return _table(("", *heads), rows)


def planner_rates(found: dict[str, Any]) -> str:
    """Tuned rates, and the best of a sweep of rates."""
    rows = []
    for row in [one for case in found["cases"] for one in case["rates"]]:
        best = f"{row['best_rate']:g}" if row["learnt"] else "nothing learnt"
        more = f"{row['over_best']:+.1%}" if row["learnt"] else ""
        steps = f"{row['steps']:,}"
        rows.append((row["source"], row["size"], steps, f"{row['tuned_rate']:g}", best, more))
    return _table(
        ("source", "size", "steps", "tuned rate", "best rate", "MDL above the best"), rows
    )


_ONE_SIZE = "width 32 depth 1"
_RECIPE = {
    "learning_rate": "rate",
    "warmup_steps": "warm-up",
    "batch_size": "batch",
    "ema_growth": "window",
}
TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "steps": ("steps", steps),
    "parts": ("steps", parts),
    "operations": ("operations", operations),
    "ways": ("ways", ways),
    "members": ("steps", members),
    "slices": ("slices", slices),
    "requential_cost": ("requential_cost", requential_cost),
    "scaling": ("scaling", scaling),
    "shares": ("shares", shares),
    "rows": ("rows", rows),
    "startup": ("startup", startup),
    "mup": ("mup", mup),
    "sinks": ("sinks", sinks),
    "memory": ("memory", memory),
    "checkpoints": ("checkpoints", checkpoints),
    "weak_scaling": ("weak_scaling", weak_scaling),
    "rounding": ("weak_scaling", rounding),
    "tuning": ("tuning", tuning),
    "window": ("window", window),
    "planner": ("planner", planner),
    "planner_cost": ("planner", planner_cost),
    "planner_rates": ("planner", planner_rates),
}


def _starts(found: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    return [("empty", found["cold"]), ("its own", found["warm"])]


def _recipe(values: dict[str, Any]) -> str:
    return ", ".join(f"{word} {values[name]:g}" for name, word in _RECIPE.items() if name in values)


def _change(change: float | None) -> str:
    return "diverged" if change is None else f"{change:+.1%}"


def _bits(bits: float) -> str:
    return re.sub(r"e\+0*", "e", f"{bits:.3g}")


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def filled(page: str) -> str:
    """The page with every marked table as the results have it; empty where there are none yet."""

    def table(match: re.Match[str]) -> str:
        result, make = TABLES[match[2]]
        path = RESULTS / f"{result}.json"
        written = make(json.loads(path.read_text("utf-8"))) if path.is_file() else ""
        return f"{match[1]}\n{written}\n{match[3]}"

    return MARKED.sub(table, page)


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(filled(each.read_text("utf-8")), encoding="utf-8")
