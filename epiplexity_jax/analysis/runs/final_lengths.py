"""Lengths of a stored run's final model, as its row is printed and logged."""

import math
from collections.abc import Mapping
from typing import Any

from epiplexity_jax.analysis.runs.from_store import curve_from
from epiplexity_jax.analysis.runs.lengths import score
from epiplexity_jax.store import StoredRun


def final_lengths(
    row: Mapping[str, Any], history: Mapping[str, Any], test_tokens: float | None
) -> dict[str, float | None]:
    """Lengths of a run's last record point, as its row's own variant and floor have them.

    Args:
        row: the run's row in the store.
        history: its history in the store.
        test_tokens: label tokens of the dataset; None: a code that switches weights chooses the
            step for as many as it was trained on, as tuning does.

    Returns:
        `model_bits`, and where the test tokens are known `data_bits`; None where it diverged.
    """
    trained = float(row["steps_done"] * row["label_tokens_per_step"])
    found = run_row(StoredRun(dict(row), dict(history)), test_tokens or max(trained, 1.0))
    known = ("model_bits", "data_bits") if test_tokens else ("model_bits",)
    return {name: found[name] for name in known}


def run_row(
    run: StoredRun,
    test_tokens: float | None,
    variant: str | None = None,
    floor: str | None = None,
) -> dict[str, Any]:
    """A run's row, and the lengths of its final model; see `Runs.rows`.

    Args:
        run: the run.
        test_tokens: label tokens of the dataset; None: no length is known.
        variant: None is the row's own.
        floor: None is the row's own.
    """
    row, history = run.row, run.history
    variant, floor = variant or row["variant"], floor or row["floor"]
    found: dict[str, Any] = dict.fromkeys(("model_bits", "data_bits", "mdl_bits"))
    heldout = certified = None
    if len(history.get("step", ())):
        heldout = float(history[f"heldout{'_raw' if floor == 'raw' else ''}_loss_nats"][-1])
    if row["status"] == "finished" and test_tokens is not None:
        scored = score(curve_from(run), test_tokens, variant, floor)
        found = {name: float(getattr(scored, name)[-1]) for name in found}
        if math.isfinite(scored.certified_bits[-1]):
            certified = float(scored.certified_bits[-1])
    return row | {
        "variant": variant,
        "floor": floor,
        "test_tokens": test_tokens,
        "train_tokens": row["steps_done"] * row["train_tokens_per_step"],
        "heldout_loss_nats": heldout,
        "certified_bits": certified,
        **found,
    }
