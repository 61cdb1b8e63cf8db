"""Facts of the held-out data and the FLOPs of runs on one source, from their store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunFacts:
    """Facts of runs on one source, for their results.

    Attributes:
        heldout_split: "windows", "documents" or "file"; None where examples are drawn or it is not
            known.
        heldout_verbatim_share: share of held-out sequences that occur verbatim in the training
            part, the largest of all runs; None where it is not known.
        flops_ratios: XLA's count of training FLOPs over the declared one, by number of parameters,
            where T counts the declared ones.
    """

    heldout_split: str | None = None
    heldout_verbatim_share: float | None = None
    flops_ratios: Mapping[int, float] = field(default_factory=dict)

    def of_model(self, params: int) -> dict[str, Any]:
        """Fields of a result whose model has so many parameters, by name."""
        return {
            "heldout_split": self.heldout_split,
            "heldout_verbatim_share": self.heldout_verbatim_share,
            "flops_ratio": self.flops_ratios.get(params),
        }


def facts_of(rows: Iterable[Mapping[str, Any]]) -> RunFacts:
    """Collect the facts of runs on one source.

    Args:
        rows: rows of the runs, from the store; older ones may lack columns.
    """
    rows = list(rows)
    splits = {row.get("heldout_split") for row in rows}
    shares = [row.get("heldout_verbatim_share") for row in rows]
    return RunFacts(
        splits.pop() if len(splits) == 1 else None,
        max((share for share in shares if share is not None), default=None),
        {
            row["params"]: row["flops_ratio"]
            for row in rows
            if row.get("flops") == "declared" and row.get("flops_ratio") is not None
        },
    )
