"""Tables of the search for a recipe, from its committed result."""

from typing import Any

from docs.markdown import table

_WORDS = {
    "learning_rate": "rate",
    "warmup_steps": "warm-up",
    "batch_size": "batch",
    "ema_growth": "window",
}


def recipe(values: dict[str, Any]) -> str:
    """A recipe, or the part of it that is there, in words."""
    return ", ".join(f"{word} {values[name]:g}" for name, word in _WORDS.items() if name in values)


def grid(found: dict[str, Any]) -> str:
    """The tuned recipe beside the best of a grid and the published one.

    MDL of one seed; by means of three the best of the grid's first recipes stands beside.
    """
    rows = []
    for row in found["rows"]:
        best, over = row["best"], row["over_best"]
        rows.append(
            (
                *(row["source"], f"{best['mdl_bits']:.3e} ({recipe(best)})"),
                f"{row['published_over_best']:+.0%}",
                f"{over:+.2%} ({recipe(row['chosen'])})",
                f"{row['over_best_of_seeds']:+.2%} ({recipe(row['best_of_seeds'])})",
                f"{row['share']:.1%}",
            )
        )
    heads = (
        *("source", "MDL, bits: best of the grid", "published recipe", "tuned"),
        *("by means of three seeds", "FLOPs / grid's"),
    )
    failed = [name for name, holds in found["checks"].items() if not holds]
    said = f"**Fails**, of {len(found['checks'])} expectations: {'; '.join(failed)}."
    return f"{table(heads, rows)}\n{said}\n" if failed else table(heads, rows)


def twice(found: dict[str, Any]) -> str:
    """Two tunings of each source that share no seed and no starting point."""
    rows = []
    for row in found["rows"]:
        pair = row["twice"]
        one, other = (
            recipe(chosen) + (" (edge)" if "edge_batch" in pair["rows"][0]["flags"][i] else "")
            for i, chosen in enumerate(pair["recipes"])
        )
        lengths = [budget["epiplexity_bits"] for budget in pair["rows"]]
        apart = max(abs(a - b) / min(a, b) for a, b in lengths)
        known = sum(budget["agree"] is not None for budget in pair["rows"])
        agree = sum(bool(budget["agree"]) for budget in pair["rows"])
        said = "open" if not known else f"{agree} of {known}"
        most = f"{apart:.0%}"
        rows.append((row["source"], one, other, said, most))
    heads = ("source", "one tuning", "the other", "budgets at which S agrees", "S apart by at most")
    return table(heads, rows)


def least_over(found: dict[str, Any]) -> str:
    """MDL and S by rate and batch, the best of the other values, at one budget."""
    least = found["rows"][0]["mdl_bits"]
    batches = sorted({row["batch_size"] for row in found["rows"]})
    rows = []
    for rate in sorted({row["learning_rate"] for row in found["rows"]}):
        own = [row for row in found["rows"] if row["learning_rate"] == rate]
        best = [next(row for row in own if row["batch_size"] == batch) for batch in batches]
        rows.append(
            (
                f"{rate:g}",
                *(f"{one['mdl_bits'] / least - 1:+.1%}, {one['model_bits']:.2e}" for one in best),
            )
        )
    return table(("rate", *(f"batch {batch}" for batch in batches)), rows)


def at_budget(found: dict[str, Any]) -> str:
    """The tuned family beside a grid of recipes at one budget."""
    grid = found["rows"]
    named = {
        "least of the grid": grid[0],
        "least mean of three seeds": found["best_of_seeds"],
        "tuned, mean of three seeds": found["tuned"],
        "published": found["published"],
        "largest of the grid": grid[-1],
    }
    rows = [
        (
            *(name, recipe(row), f"{row['mdl_bits']:.3e}"),
            f"{row['mdl_bits'] / grid[0]['mdl_bits'] - 1:+.2%}",
            f"{row['model_bits']:.3e}",
        )
        for name, row in named.items()
    ]
    alike = [row for row in grid if row["mdl_bits"] <= 1.01 * grid[0]["mdl_bits"]]
    lengths = [row["model_bits"] for row in alike]
    said = (
        f"{len(alike)} of {len(grid)} recipes have an MDL within 1 % of the least; their S goes "
        f"from {min(lengths):.2e} to {max(lengths):.2e}. The search took {found['share']:.1%} of "
        "the grid's FLOPs.\n"
    )
    failed = [name for name, holds in found["checks"].items() if not holds]
    if failed:
        said += f"**Fails**, of {len(found['checks'])} expectations: {'; '.join(failed)}.\n"
    return table(("", "recipe", "MDL, bits", "beside the least", "S, bits"), rows) + "\n" + said
