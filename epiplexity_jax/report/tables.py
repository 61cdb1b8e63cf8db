"""The tables of the commands, as plain values, and rows as CSV."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from epiplexity_jax.analysis import Decomposition
from epiplexity_jax.base.human import duration
from epiplexity_jax.report.table import Column, Table, numbers, texts


def decomposition_table(results: Sequence[Decomposition]) -> Table:
    """S_T, H_T and MDL_T at every budget, 95 % half widths behind them.

    Bits per byte have a column where they are known and not nearly bits per token.
    """
    per_byte = any(_differs(d.entropy_bits_per_byte, d.entropy_bits_per_token) for d in results)
    rates = ("bits/token", "bits/byte") if per_byte else ("bits/token",)
    lengths = numbers("T, FLOPs", "S_T, bits", "H_T, bits", *rates, "MDL_T", "N", "D")
    table = Table([*texts("source"), *lengths, *texts("status")], caption=_caption(results))
    for i, d in enumerate(results):
        last = i + 1 == len(results) or results[i + 1].source != d.source
        byte = "" if d.entropy_bits_per_byte is None else f"{d.entropy_bits_per_byte:.4f}"
        table.add(
            d.source,
            number(d.compute_flops),
            with_interval(d.epiplexity_bits, d.epiplexity_bits_interval),
            with_interval(d.entropy_bits, d.entropy_bits_interval),
            f"{d.entropy_bits_per_token:.4f}",
            *([byte] if per_byte else []),
            number(d.mdl_bits),
            number(d.params),
            number(d.train_tokens),
            str(d.status),
            end_section=last,
        )
    return table


def floor_table(results: Sequence[Decomposition]) -> Table:
    """S_T and H_T under every variant and floor, budget by budget."""
    caption = f"{results[0].procedure} frontier, {number(results[0].test_tokens)} test tokens"
    lengths = numbers("S_T, bits", "H_T, bits", "bits/token", "MDL_T")
    columns = [*texts("source"), *numbers("T, FLOPs"), *texts("variant", "floor"), *lengths]
    table = Table([*columns, *texts("status")], caption=f"{caption}; ± at 95 %")
    for d, after in zip(results, [*results[1:], None], strict=True):
        table.add(
            d.source,
            number(d.compute_flops),
            d.variant,
            d.floor,
            with_interval(d.epiplexity_bits, d.epiplexity_bits_interval),
            with_interval(d.entropy_bits, d.entropy_bits_interval),
            f"{d.entropy_bits_per_token:.4f}",
            number(d.mdl_bits),
            str(d.status),
            end_section=after is None
            or (d.source, d.compute_flops) != (after.source, after.compute_flops),
        )
    return table


def runs_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a run: its status, losses and lengths."""
    rated = len({row["learning_rate"] for row in rows}) > 1
    certified = any(row["certified_bits"] is not None for row in rows)
    columns = ("certified, bits", "teacher waited") if certified else ()
    rates = ("lr",) if rated else ()
    names = ("seed", *rates, "N", "D", "loss, nats", "model, bits", *columns, "data, bits")
    table = Table(texts("run", "source", "size", "status") + numbers(*names))
    for row in rows:
        table.add(
            row["run_id"][:8],
            row["source"],
            row["size"],
            row["status"],
            str(row["seed"]),
            *((number(row["learning_rate"]),) if rated else ()),
            number(row["params"]),
            number(row["train_tokens"]),
            number(row["heldout_loss_nats"], 5),
            number(row["model_bits"]),
            *((number(row["certified_bits"]), _waited(row)) if certified else ()),
            number(row["data_bits"]),
        )
    return table


def _waited(row: Mapping[str, Any]) -> str:
    """Iterations of a requential run that were the student's alone, as text."""
    if row["teacher_steps"] is None:
        return ""
    return str(row["steps_done"] - row["teacher_steps"])


def plan_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a cohort of a plan; where the compiler counts FLOPs, by how much it differs.

    Memory is that of the compiled program that trains, and what the planner estimated.
    """
    counted = any(map(_recounted, rows))
    differences = ("training vs declared", "evaluation vs declared") if counted else ()
    timed = any("wall_seconds" in row for row in rows)
    times = ("time", "MiB/device", "estimate") if timed else ()
    shared = any(row["data_devices"] > 1 for row in rows)
    again = any(row["rematerialises"] for row in rows)
    counts = (
        "microbatch",
        *(("blocks computed",) if again else ()),
        "members",
        *(("devices each",) if shared else ()),
    )
    counts = (*counts, "waves", "N", "train tokens", "FLOPs")
    names = (*counts, *times, *differences)
    table = Table(texts("cohort", "size", "sources") + numbers(*names))
    for row in rows:
        shares = [
            f"{row[f'{which}_flops_per_token'] / row[f'declared_{which}_flops_per_token'] - 1:+.1%}"
            for which in (("train", "eval") if counted else ())
        ]
        table.add(
            str(row["cohort"]),
            row["size"],
            ", ".join(row["sources"]),
            str(row["microbatch"]),
            *(("twice" if row["rematerialises"] else "once",) if again else ()),
            str(row["members"]),
            *((str(row["data_devices"]),) if shared else ()),
            str(row["waves"]),
            number(row["params"]),
            number(row["train_tokens"]),
            number(row["flops"]),
            *(_time_and_memory(row) if timed else ()),
            *shares,
        )
    return table


def _time_and_memory(row: Mapping[str, Any]) -> tuple[str, ...]:
    sizes = (row["memory_bytes"], row["estimated_memory_bytes"])
    held = ("" if size is None else f"{size / 2**20:,.1f}" for size in sizes)
    return duration(row["wall_seconds"]), *held


def _recounted(row: Mapping[str, Any]) -> bool:
    return row["train_flops_per_token"] != row["declared_train_flops_per_token"]


def kinds_table(kinds: Sequence[Mapping[str, Any]]) -> Table:
    """Kinds of sources or families with their parameters."""
    names = ("kind", "parameter", "type", "default", "meaning")
    table = Table([Column(name, folds=True) for name in names])
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
    flat = [_flat(row) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flat[0]) if flat else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def number(value: float | np.number | None, digits: int = 3) -> str:
    """A number of a few digits, a power of ten where it is long; empty for None.

    >>> number(1234567.0), number(96), number(0.0), number(990.0, 2), number(0.12345)
    ('1.23e6', '96', '0', '990', '0.123')
    """
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e3:
        rounded = float(f"{value:.{digits}g}")
        return f"{rounded:g}"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def with_interval(value: float, interval: Sequence[float] | None) -> str:
    """A value and how far its interval reaches to either side.

    >>> with_interval(2.0e6, (1.8e6, 2.2e6)), with_interval(0.0, (0.0, 40.0))
    ('2e6 ±2e5', '0 +40')
    """
    if interval is None:
        return number(value)
    down, up = value - interval[0], interval[1] - value
    if math.isclose(down, up, rel_tol=1e-3, abs_tol=1e-9 * abs(value)):
        return f"{number(value)} ±{number(up, 2)}"
    sides = [f"+{number(up, 2)}" if up else "", f"-{number(down, 2)}" if down else ""]
    return " ".join([number(value), *filter(None, sides)])


def _differs(one: float | None, other: float) -> bool:
    return one is not None and not math.isclose(one, other, rel_tol=0.01)


def _caption(results: Sequence[Decomposition]) -> str:
    if not results:
        return ""
    d = results[0]
    variants = "/".join(dict.fromkeys(r.variant for r in results))
    return (
        f"{d.estimator}, {variants}, floor {d.floor}, {d.procedure} frontier, "
        f"{number(d.test_tokens)} test tokens; ± at 95 %"
    )


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key.endswith("_interval"):
            low, high = value if value is not None else (None, None)
            flat |= {f"{key}_low": low, f"{key}_high": high}
        elif isinstance(value, list | tuple):
            flat[key] = "; ".join(map(str, value))
        else:
            flat[key] = value
    return flat
