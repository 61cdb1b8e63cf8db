"""The tables of the commands, as plain values, and rows as CSV."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any

from epiplexity_jax.analysis import Decomposition
from epiplexity_jax.base.human import duration
from epiplexity_jax.report.edges import (
    edge_legend,
    edge_words,
    growth_cell,
    growth_line,
    status_cell,
)
from epiplexity_jax.report.frames import flat_row
from epiplexity_jax.report.numbers import number, with_interval
from epiplexity_jax.report.table import Table, TableColumn

Cell = Callable[[Any], str]

_TEXTS = {"source", "variant", "floor", "status", "run", "size", "cohort", "sources"}

_RESULT: dict[str, Cell] = {
    "source": attrgetter("source"),
    "T, FLOPs": lambda d: number(d.compute_flops),
    **{name: attrgetter(name) for name in ("variant", "floor")},
    "S_T, bits": lambda d: with_interval(d.epiplexity_bits, d.epiplexity_bits_interval),
    "H_T, bits": lambda d: with_interval(d.entropy_bits, d.entropy_bits_interval),
    "bits/token": lambda d: _rate(d.entropy_bits_per_token),
    "bits/byte": lambda d: _rate(d.entropy_bits_per_byte),
    "MDL_T": lambda d: _bound(d.mdl_bits, d.mdl_bits_interval),
    "certified S_T": lambda d: number(d.certified_bits),
    "certified MDL_T": lambda d: number(d.certified_mdl_bits),
    "N": lambda d: number(d.params),
    "D": lambda d: number(d.train_tokens),
    "status": status_cell,
}

# What a narrow terminal does without: the first is the sum of two lengths, the second bits/token.
_SPARE = ("MDL_T", "H_T, bits", "certified MDL_T", "D", "N", "bits/byte")


def _bound(bits: float, interval: Sequence[float | None] | None) -> str:
    """A length, as an upper bound where its interval has no lower end."""
    at_most = interval is not None and interval[0] is None
    return f"≤ {number(bits)}" if at_most else number(bits)


def _waited(row: Mapping[str, Any]) -> str:
    """Iterations of a requential run that were the student's alone, as text."""
    if row["teacher_steps"] is None:
        return ""
    return str(row["steps_done"] - row["teacher_steps"])


_RUN: dict[str, Cell] = {
    "run": lambda row: row["run_id"][:8],
    **{name: itemgetter(name) for name in ("source", "size", "status")},
    "seed": lambda row: str(row["seed"]),
    "lr": lambda row: number(row["learning_rate"]),
    "batch": lambda row: str(row["batch_size"]),
    "N": lambda row: number(row["params"]),
    "D": lambda row: number(row["train_tokens"]),
    "loss, nats": lambda row: number(row["heldout_loss_nats"], 5),
    "model, bits": lambda row: number(row["model_bits"]),
    "certified, bits": lambda row: number(row["certified_bits"]),
    "teacher waited": _waited,
    "data, bits": lambda row: number(row["data_bits"]),
}

_NAMED = ("source", "size", "learning_rate", "seed")

_RECIPE: dict[str, Cell] = {
    **{name: itemgetter(name) for name in ("source", "size")},
    "rate": lambda row: number(row["learning_rate"]),
    "warm-up": lambda row: str(row["warmup_steps"]),
    "batch": lambda row: str(row["batch_size"]),
    "window": lambda row: number(row["ema_growth"]),
    "cap": lambda row: number(row["max_kl"]),
    "D": lambda row: number(row["train_tokens"]),
    "seeds": lambda row: str(len(row["mdl_bits_by_seed"])),
    "S, bits": lambda row: number(row["epiplexity_bits"], 4),
    "MDL, bits": lambda row: number(row["mdl_bits"], 5) or "diverged",
    "chosen": lambda row: "chosen" if row["chosen"] else "",
}

_COHORT: dict[str, Cell] = {
    "cohort": lambda row: str(row["cohort"]),
    "size": lambda row: row["size"],
    "sources": lambda row: ", ".join(row["sources"]),
    "microbatch": lambda row: str(row["microbatch"]),
    "blocks computed": lambda row: "twice" if row["rematerialises"] else "once",
    "members": lambda row: str(row["members"]),
    "devices each": lambda row: str(row["data_devices"]),
    "waves": lambda row: str(row["waves"]),
    "N": lambda row: number(row["params"]),
    "train tokens": lambda row: number(row["train_tokens"]),
    "FLOPs": lambda row: number(row["flops"]),
    "time": lambda row: duration(row["wall_seconds"]),
    "MiB/device": lambda row: _mebibytes(row["memory_bytes"]),
    "estimate": lambda row: _mebibytes(row["estimated_memory_bytes"]),
    "training vs declared": lambda row: _difference(row, "train"),
    "evaluation vs declared": lambda row: _difference(row, "eval"),
}


def decomposition_table(results: Sequence[Decomposition]) -> Table:
    """S_T, H_T and MDL_T at every budget, 95 % half widths behind them.

    Bits per byte have a column where they are known and not nearly bits per token.
    """
    hidden = {"variant", "floor"}
    if not any(_differs(d.entropy_bits_per_byte, d.entropy_bits_per_token) for d in results):
        hidden |= {"bits/byte"}
    return _table(
        results, _RESULT, hidden | _uncertified(results), attrgetter("source"), _caption(results)
    )


def result_table(d: Decomposition) -> Table:
    """The values of one decomposition with their intervals, its model and its status in words."""
    growth = d.saturation
    values = {
        "S_T, bits": with_interval(d.epiplexity_bits, d.epiplexity_bits_interval),
        "H_T, bits": with_interval(d.entropy_bits, d.entropy_bits_interval),
        "H_T, bits/token": _rate(d.entropy_bits_per_token),
        "H_T, bits/byte": _rate(d.entropy_bits_per_byte),
        "MDL_T, bits": with_interval(d.mdl_bits, d.mdl_bits_interval),
        "certified S_T, bits": number(d.certified_bits),
        "certified MDL_T, bits": number(d.certified_mdl_bits),
        "d log S/d log T": "" if growth is None else growth_cell(growth, d.saturation_interval),
        "resolution of S_T, bits": number(d.resolution_bits),
        "model": d.member,
        "N": number(d.params) if d.params else "",
        "D": number(d.train_tokens) if d.train_tokens else "",
        "status": str(d.status).replace("_", " "),
        "edges": edge_words(d.flags),
    }
    title = f"{d.source} at T = {number(d.compute_flops)} FLOPs"
    table = Table([TableColumn(title), TableColumn("value")], caption=_choices([d]))
    for name, value in values.items():
        if value:
            table.add(name, value)
    return table


def floor_table(results: Sequence[Decomposition]) -> Table:
    """S_T and H_T under every variant and floor, budget by budget."""
    budget = attrgetter("source", "compute_flops")
    hidden = {"bits/byte", "N", "D"} | _uncertified(results)
    caption = "\n".join(filter(None, (_method(results[0]), edge_legend(results))))
    return _table(results, _RESULT, hidden, budget, caption)


def recipe_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a recipe that was tried, the longest runs and the shortest codes first."""
    hidden = {"cap"} if all(row["max_kl"] is None for row in rows) else set()
    return _table(rows, _RECIPE, hidden, itemgetter("source"))


def _uncertified(results: Sequence[Decomposition]) -> set[str]:
    """Columns that only requential results have."""
    known = any(d.certified_bits is not None for d in results)
    return set() if known else {"certified S_T", "certified MDL_T"}


def runs_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a run: its status, losses and lengths."""
    hidden = {"lr"} if len({row["learning_rate"] for row in rows}) < 2 else set()
    if len({tuple(row[name] for name in _NAMED) for row in rows}) == len(rows):
        hidden |= {"batch"}  # else it tells members of one size apart
    if all(row["certified_bits"] is None for row in rows):
        hidden |= {"certified, bits", "teacher waited"}
    return _table(rows, _RUN, hidden)


def plan_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a cohort of a plan; where the compiler counts FLOPs, by how much it differs.

    Memory is that of the compiled program that trains, and what the planner estimated.
    """
    hidden = set()
    if not any(row["rematerialises"] for row in rows):
        hidden |= {"blocks computed"}
    if not any(row["data_devices"] > 1 for row in rows):
        hidden |= {"devices each"}
    if not any("wall_seconds" in row for row in rows):
        hidden |= {"time", "MiB/device", "estimate"}
    if not any(map(_recounted, rows)):
        hidden |= {"training vs declared", "evaluation vs declared"}
    return _table(rows, _COHORT, hidden)


def _table(
    rows: Sequence[Any],
    cells: Mapping[str, Cell],
    hidden: set[str],
    section: Callable[[Any], Any] | None = None,
    caption: str = "",
) -> Table:
    """The cells that are not hidden; a section ends where its value changes."""
    shown = {name: cell for name, cell in cells.items() if name not in hidden}
    # An interval stays on one line; the headings over single numbers may take two.
    folded = set() if section else (shown.keys() - _TEXTS) | {"sources"}
    table = Table(
        [
            TableColumn(
                n,
                "left" if n in _TEXTS else "right",
                n in folded,
                _SPARE.index(n) + 1 if section and n in _SPARE else 0,
            )
            for n in shown
        ],
        caption=caption,
    )
    sections = [] if section is None else [section(row) for row in rows]
    for i, row in enumerate(rows):
        ends = sections[i : i + 1] != sections[i + 1 : i + 2]
        table.add(*(cell(row) for cell in shown.values()), end_section=ends)
    return table


def _rate(bits: float | None) -> str:
    return "" if bits is None else f"{bits:.4f}"


def _mebibytes(size: int | None) -> str:
    return "" if size is None else f"{size / 2**20:,.1f}"


def _difference(row: Mapping[str, Any], which: str) -> str:
    flops = f"{which}_flops_per_token"
    return f"{row[flops] / row[f'declared_{flops}'] - 1:+.1%}"


def _recounted(row: Mapping[str, Any]) -> bool:
    return row["train_flops_per_token"] != row["declared_train_flops_per_token"]


def kinds_table(kinds: Sequence[Mapping[str, Any]]) -> Table:
    """Kinds of sources or families with their parameters."""
    names = ("kind", "parameter", "type", "default", "meaning")
    table = Table([TableColumn(name, folds=True) for name in names])
    for kind in kinds:
        table.add(kind["kind"], "", "", "", kind["summary"])
        for i, p in enumerate(kind["parameters"], start=1):
            plain = str(p["default"])
            default = "required" if p["required"] else plain if plain.isprintable() else repr(plain)
            last = i == len(kind["parameters"])
            table.add("", p["name"], p["type"], default, p["description"], end_section=last)
    return table


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; an interval becomes two columns, a list of words one cell.

    >>> print(csv_text([{"a": 1.5, "a_interval": [1, 2], "b": ["x", "y"]}]), end="")
    a,a_interval_low,a_interval_high,b
    1.5,1,2,x; y
    """
    flat = [{key: _joined(one) for key, one in flat_row(row).items()} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flat[0]) if flat else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _differs(one: float | None, other: float) -> bool:
    return one is not None and not math.isclose(one, other, rel_tol=0.01)


def _caption(results: Sequence[Decomposition]) -> str:
    if not results:
        return ""
    top = max(r.compute_flops for r in results)
    lines = (_choices(results), edge_legend(results), growth_line(results, top))
    return "\n".join(filter(None, lines))


def _choices(results: Sequence[Decomposition]) -> str:
    """The choices by which results were measured, in one line."""
    d, variants = results[0], "/".join(dict.fromkeys(r.variant for r in results))
    recipes = "/".join(dict.fromkeys(r.recipe.kind for r in results if r.recipe))
    recipe = f", {recipes} recipe" if recipes else ""
    estimators = "/".join(dict.fromkeys(r.estimator for r in results))
    floors = "/".join(dict.fromkeys(r.floor for r in results))
    tokens = "/".join(dict.fromkeys(number(r.test_tokens) for r in results))
    return f"{estimators}, {variants}, floor {floors}{recipe}, {_method(d, tokens)}"


def _method(d: Decomposition, tokens: str = "") -> str:
    tokens = tokens or number(d.test_tokens)
    return f"{d.procedure} frontier, {tokens} test tokens; ± at 95 %"


def _joined(value: Any) -> Any:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else value
