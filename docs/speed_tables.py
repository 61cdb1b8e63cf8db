"""Tables of the speed benchmarks, each from its committed result."""

from typing import Any

from docs.markdown import table

_ONE_SIZE = "width 32 depth 1"


def steps(found: dict[str, Any]) -> str:
    """End to end, one row a size."""
    rows = [r for r in found["rows"] if r["members"] == found["cores"]]
    taught = {r["size"]: r for r in rows if r["method"] == "requential"}
    heads = ("size", "prequential, ms", "plain loop, ms", "ratio", "on one batch")
    return table(
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
    return table(("size", "", *names, "rest", "compiling, s"), rows)


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
    return table(("size", "", *kinds, "operations", "µs each"), rows)


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
    return table(("put back", *(row["size"] for row in each), "gradients apart"), rows)


def members(found: dict[str, Any]) -> str:
    """Milliseconds of a member-step by members, of one size."""
    rows = [r for r in found["rows"] if r["size"] == _ONE_SIZE]
    counts = sorted({row["members"] for row in rows})
    by = {(row["method"], row["members"]): f"{row['engine_ms']:.1f}" for row in rows}
    methods = ("prequential", "requential")
    heads = ("ms a member-step", *(f"{n} member" + "s" * (n > 1) for n in counts))
    return table(heads, ((m, *(by.get((m, n), "") for n in counts)) for m in methods))


def slices(found: dict[str, Any]) -> str:
    """Milliseconds of a step by tokens of a slice."""
    tokens = ("256", "512", "1024", "2048", "4096")
    rows = []
    for row in found["rows"]:
        by = row["ms_by_slice_tokens"]
        name = f"{row['family']}, {row['size']}, V = {row['vocab_size']}, L = {row['length']}"
        whole = by[str(row["batch"] * row["length"])]
        rows.append((name, *(f"{by[t]:.1f}" for t in tokens), f"{whole:.1f}"))
    return table(("", *tokens, "whole"), rows)


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
    return table(("", *heads), rows)


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
    return table(("varied", "µs a token", "exponent of the time", "of the FLOPs"), rows)


def shares(found: dict[str, Any]) -> str:
    """Data, evaluation and host."""
    names = ("data", "evaluation", "host")
    rows = (
        (row["config"], *(f"{row[f'{name}_share']:.1%}" for name in names)) for row in found["rows"]
    )
    return table(("config", *names), rows)


def rows(found: dict[str, Any]) -> str:
    """Rows out of grain in four ways."""
    return table(
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
    return table(("", *heads), rows)


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
    return table(("tracker", *heads), rows)


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
    return table(heads, rows)


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
    return table((*heads, "of the time, at most"), rows)


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
    return table(("shared out", *(f"{n} device{'s' * (n > 1)}" for n in counts)), rows)


def rounding(found: dict[str, Any]) -> str:
    """How far apart a member is on one device and on one of two."""
    names = ("heldout", "heldout_in_errors", "online_sum", "kl_sum")
    rows = [(f"{row['steps']:,}", *(f"{row[n]:.1e}" for n in names)) for row in found["long"]]
    heads = ("steps", "held-out loss", "in its standard errors", "online sum", "sum of KLs")
    return table(heads, rows)


def pages(found: dict[str, Any]) -> str:
    """Sizes of pages, and times until the first text and until every chart is drawn."""
    rows = []
    for one in found["pages"]:
        runs = one.get("runs")
        name = one["page"] if runs is None else f"{one['page']} of {runs} runs"
        size = f"{one['bytes'] / 1e6:.2g} MB"
        rows.append((name, size, f"{one['first_paint_s']:.2f} s", f"{one['drawn_s']:.2f} s"))
    return table(("page", "size", "first text", "every chart"), rows)


def _starts(found: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    return [("empty", found["cold"]), ("its own", found["warm"])]
