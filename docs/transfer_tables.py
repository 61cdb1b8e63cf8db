"""Tables of the benchmarks of transfer, each from its committed result."""

import statistics
from typing import Any

from docs.markdown import table
from epiplexity_jax.report.numbers import number

_WORDS = {True: "holds", False: "**fails**", None: "open"}
_ORDERS = {"moves_first": "moves first", "board_first": "board first"}


def games(found: dict[str, Any]) -> str:
    """Accuracy of members of each order on questions about games, beside scratch."""
    heads = ("question", "learns", "size", "read", "accuracy", "from scratch", "gain", "helps")
    rows = []
    for row in found["table"]:
        learns = {"readout": "the readout", "all": "all"}[row["train"]]
        names = (row["question"], learns, row["size"], _ORDERS[row["order"]])
        shares = (f"{row[key]:.3f}" for key in ("accuracy", "scratch_accuracy"))
        half = row["gain_interval"][1] - row["gain"]
        gain = f"{row['gain']:+.3f} ± {half:.3f}"
        rows.append((*names, *shares, gain, _WORDS[row["helps"]]))
    orders = {what: holds for what, holds in found["checks"].items() if what.startswith("board")}
    return table(heads, rows) + "\n" + _listed(orders)


def generalisation(found: dict[str, Any]) -> str:
    """Structure, and accuracy on what training draws and on what it does not."""
    heads = ("trained on", "S of 1e6 labels, bits", "accuracy", "accuracy on what is new")
    rows = [_row(row) for row in (*found["grammar"], *found["lengths"])]
    return table(heads, rows) + "\n" + _listed(found["checks"])


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    error = row["model_bits_std"] / len(row["accuracy"]) ** 0.5
    bits = f"{number(row['model_bits'])} ± {number(error, 2)}"
    return row["source"], bits, _mean(row["accuracy"]), _mean(row["new_accuracy"])


def _mean(values: list[float]) -> str:
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values) / len(values) ** 0.5:.3f}"


def _listed(checks: dict[str, bool | None]) -> str:
    return "".join(f"- {_WORDS[holds]}: {what}\n" for what, holds in checks.items())
