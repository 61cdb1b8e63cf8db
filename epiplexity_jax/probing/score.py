"""Rows of a transfer, one a member, and rank correlations over them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.base.units import nats_to_bits
from epiplexity_jax.probing.loop import Outcome
from epiplexity_jax.probing.statistics import (
    LEAST_MEMBERS,
    mean_loss,
    rank_correlation,
    rank_correlation_interval,
    wilson,
    with_error,
)

MEMBER, SCRATCH = "member", "scratch"
VALUES, AGAINST = ("accuracy", "loss_nats"), ("model_bits", "params")
_OF_RUN = ("run_id", "member", "source", "size", "seed", "params", "model_bits", "data_bits")
_TAIL = 10  # the last tenth of the steps

Row = dict[str, Any]


def outcome_row(outcome: Outcome) -> Row:
    """Score a member on the target; one whose losses were not finite has a status alone."""
    nats, labels, steps = outcome.train_nats, outcome.train_labels, len(outcome.train_nats)
    tail = slice(max(0, steps - max(1, steps // _TAIL)), steps)
    row: Row = {
        "status": str(RunStatus.FINISHED if outcome.finite else RunStatus.DIVERGED),
        "steps_done": steps,
        "train_loss_nats": None,
        "online_bits": None,
        **dict.fromkeys(("loss_nats", "loss_stderr_nats", "accuracy", "accuracy_interval")),
        "label_accuracy": None,
        "heldout_sequences": len(outcome.nats),
    }
    if not outcome.finite:
        return row
    scored = outcome.labels > 0
    whole = int((outcome.right == outcome.labels)[scored].sum())
    trials = int(scored.sum())
    loss, stderr = mean_loss(outcome.nats, outcome.labels)
    return row | {
        "train_loss_nats": float(nats[tail].sum() / labels[tail].sum()) if steps else None,
        "online_bits": nats_to_bits(float(nats.sum())),
        "loss_nats": loss,
        "loss_stderr_nats": stderr,
        "accuracy": whole / trials,
        "accuracy_interval": wilson(whole, trials),
        "label_accuracy": float(outcome.right.sum() / outcome.labels.sum()),
    }


def member_row(
    run: Mapping[str, Any], store: str, rate: float, outcome: Outcome, scratch: Outcome
) -> Row:
    """The row of a member: its run, its outcome, and what it gains over the untrained weights.

    Args:
        run: its row in the store, with lengths.
        store: folder of the store.
        rate: its learning rate on the target.
        outcome: its outcome.
        scratch: outcome of the weights that it began with before it was trained.
    """
    base = outcome_row(scratch)
    row: Row = {
        "kind": MEMBER,
        "store": store,
        **{name: run[name] for name in _OF_RUN},
        "step": run["steps_done"],
        "source_loss_nats": run["heldout_loss_nats"],
        "learning_rate": rate,
        **outcome_row(outcome),
        "scratch_loss_nats": base["loss_nats"],
        "scratch_accuracy": base["accuracy"],
        "gain_nats": None,
        "gain_nats_interval": None,
    }
    if outcome.finite and scratch.finite:
        gain, stderr = mean_loss(scratch.nats - outcome.nats, outcome.labels)
        row |= {"gain_nats": gain, "gain_nats_interval": with_error(gain, stderr)}
    return row


def scratch_row(run: Mapping[str, Any], store: str, rate: float, outcome: Outcome) -> Row:
    """The row of untrained weights.

    Args:
        run: row of a member that began with them.
        store: folder of its store.
        rate: learning rate on the target.
        outcome: their outcome.
    """
    row = member_row(run, store, rate, outcome, outcome)
    unknown = ("run_id", "member", "source", "model_bits", "data_bits", "source_loss_nats")
    return row | {"kind": SCRATCH, "step": 0} | dict.fromkeys(unknown)


def correlations(rows: Sequence[Row]) -> list[Row]:
    """Rank correlations of accuracy and loss with model bits and parameters, over members.

    Seeds of a member are averaged first, so that only members of other sizes, sources, rates or
    numbers of steps count as members. None with fewer than five.

    Args:
        rows: rows of members and of scratch.
    """
    seeds: dict[Any, list[Row]] = {}
    for row in rows:
        if row["kind"] == MEMBER and row["accuracy"] is not None:
            seeds.setdefault((row["member"] or row["run_id"], row["step"]), []).append(row)
    found = []
    for against in AGAINST:
        groups = [own for own in seeds.values() if all(row[against] is not None for row in own)]
        if len(groups) < LEAST_MEMBERS:
            continue
        first = [_mean(own, against) for own in groups]
        for value in VALUES:
            second = [_mean(own, value) for own in groups]
            found.append(
                {
                    "value": value,
                    "against": against,
                    "members": len(groups),
                    "rank_correlation": rank_correlation(first, second),
                    "rank_correlation_interval": rank_correlation_interval(first, second),
                }
            )
    return found


def _mean(rows: Sequence[Row], name: str) -> float:
    return float(np.mean([row[name] for row in rows]))
