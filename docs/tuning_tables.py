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
        lengths = [budget["epiplexity_bits"] for budget in pair["rows"] if budget["agree"]]
        apart = max((abs(a - b) / min(a, b) for a, b in lengths), default=None)
        known = sum(budget["agree"] is not None for budget in pair["rows"])
        agree = sum(bool(budget["agree"]) for budget in pair["rows"])
        said = "an open side at every budget" if not known else f"{agree} of {known}"
        most = "" if apart is None else f"{apart:.0%}"
        rows.append((row["source"], one, other, said, most))
    heads = ("source", "one tuning", "the other", "budgets at which S agrees", "S apart by at most")
    return table(heads, rows)
