"""Tables of the benchmarks of transfer, each from its committed result."""

import statistics
from typing import Any

from docs.markdown import table
from epiplexity_jax.report.numbers import number

_WORDS = {True: "holds", False: "**fails**", None: "open"}
_ORDERS = {"moves_first": "moves first", "board_first": "board first"}


def games(found: dict[str, Any]) -> str:
    """Accuracy of members of each order on questions about games, beside scratch."""
    heads = ("question", "learns", "size", "read", "accuracy", "from scratch", "seeds differ by")
    rows = []
    for row in found["table"]:
        own = [r for r in found["rows"] if all(r[k] == row[k] for k in _KEYS)]
        spread = max(r["accuracy"] for r in own) - min(r["accuracy"] for r in own)
        learns = {"readout": "the readout", "all": "all"}[row["train"]]
        names = (row["question"], learns, row["size"], _ORDERS[row["order"]])
        shares = (row["accuracy"], row["scratch_accuracy"], spread)
        rows.append((*names, *(f"{share:.3f}" for share in shares)))
    return table(heads, rows) + "\n" + _checks(found)


_KEYS = ("question", "train", "size", "order")


def generalisation(found: dict[str, Any]) -> str:
    """Structure, and accuracy on what training draws and on what it does not."""
    heads = ("trained on", "S of 1e6 labels, bits", "accuracy", "accuracy on what is new")
    rows = [_row(row) for row in (*found["grammar"], *found["lengths"])]
    return table(heads, rows) + "\n" + _checks(found)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    error = row["model_bits_std"] / len(row["accuracy"]) ** 0.5
    bits = f"{number(row['model_bits'])} ± {number(error, 2)}"
    return row["source"], bits, _mean(row["accuracy"]), _mean(row["new_accuracy"])


def _mean(values: list[float]) -> str:
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values) / len(values) ** 0.5:.3f}"


def _checks(found: dict[str, Any]) -> str:
    said = [f"- {_WORDS[holds]}: {what}" for what, holds in found["checks"].items()]
    return "\n".join(said) + "\n"
