"""Warning on declared FLOPs that are far from the compiler's count."""

from collections.abc import Iterable, Mapping
from typing import Any

_APART = 0.1  # relative difference that passes without a word


def flops_warnings(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Make a sentence where T counts declared FLOPs that XLA's count differs from by over 10 %.

    Args:
        rows: rows of runs on one source, from the store; older ones may lack the ratio.
    """
    found = {
        row["size"]: row["flops_ratio"]
        for row in rows
        if row.get("flops") == "declared" and row.get("flops_ratio") is not None
    }
    apart = {size: ratio for size, ratio in found.items() if abs(ratio - 1.0) > _APART}
    if not apart:
        return ()
    size = max(apart, key=lambda size: abs(apart[size] - 1.0))
    return (
        f"T counts the FLOPs that the family declares; XLA counts {apart[size]:.2f} times as many "
        f"for training {size}; training.flops=compiled takes its count",
    )
