"""Warning on held-out sequences that training may have read."""

from collections.abc import Iterable, Mapping
from typing import Any

_MOST = 0.05  # share of held-out sequences that passes without a word


def verbatim_warnings(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Make a sentence where more than 5 % of held-out sequences occur verbatim in training data.

    Args:
        rows: rows of runs on one source, from the store; older ones may lack the share.
    """
    known = [row for row in rows if row.get("heldout_verbatim_share") is not None]
    if not known:
        return ()
    worst = max(known, key=lambda row: row["heldout_verbatim_share"])
    share = worst["heldout_verbatim_share"]
    if share <= _MOST:
        return ()
    each = worst["label_tokens_per_step"] / worst["batch_size"]
    count = round(worst["heldout_tokens"] / each)  # about, where their labels vary
    return (
        f"{share:.1%} of {count:,} held-out sequences occur verbatim in the training part, so H_T "
        "is lower than on new data; set heldout.duplicates: drop, or remove repeats from the data",
    )
