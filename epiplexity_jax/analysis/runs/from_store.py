"""Curves from the runs of a store, estimator by estimator."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from epiplexity_jax.analysis.runs.curve import Curve, Exact, Messages, Online, StepCost
from epiplexity_jax.analysis.runs.heldout import HeldoutLosses
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import checks
from epiplexity_jax.store import StoredRun

_SAME_IN_ROW = (
    *("run_id", "source", "family", "size", "width", "depth", "order", "seed", "params"),
    *("vocab_size", "learning_rate", "batch_size", "estimator", "variant", "floor"),
    *("status", "entropy_rate_nats", "bytes_per_token"),
)


Reader = Callable[[StoredRun], Curve]


class Reading(NamedTuple):
    """The ways in which runs of an estimator are read as curves.

    Attributes:
        curve: function from a stored run to its curve.
        others: such functions for the same training, by the estimator that would have recorded it.
    """

    curve: Reader
    others: Mapping[str, Reader] = MappingProxyType({})


def read_prequential(run: StoredRun) -> Curve:
    """The curve of a run that learns from data: its online and held-out losses."""
    return _curve(run, online=_online(run.history), exact=_exact(run.history))


def read_requential(run: StoredRun) -> Curve:
    """The curve of a requential student: its messages. The online losses are its teacher's."""
    teacher = read_teacher(run) if _replays(run) == 1 else None
    return _curve(run, messages=_messages(run.history), teacher=teacher)


def read_teacher(run: StoredRun) -> Curve:
    """The teacher of a requential run as a run of its own, for its prequential length.

    Its steps are those in which it did not wait.

    Raises:
        ConfigError: when it read data more than once.
    """
    row, history = run.row, run.history
    if _replays(run) > 1:
        raise ConfigError(
            f"estimator: the data of source {row['source']!r} is replayed, and a prequential "
            "length of it needs the exact variant, which is not recorded of a teacher"
        )
    steps = np.rint(history["teacher_tokens"] / row["train_tokens_per_step"]).astype(np.int64)
    # Where it waited all the time between record points, the later one holds the same model.
    kept = np.flatnonzero(np.diff(steps, append=steps[-1] + 1) > 0)
    history = {name: np.asarray(column)[kept] for name, column in history.items()}
    described = _described(run)
    described |= {"estimator": "prequential", "variant": "switch", "floor": "ema"}
    learnt = history.get("teacher_label_tokens")
    return Curve(
        **described,
        variants=("switch", "paired", "online"),
        steps=steps[kept],
        labels=None if learnt is None else np.asarray(learnt, np.float64),
        ema=_heldout(history, "teacher_heldout", row.get("batch_size")),
        raw=_optional_heldout(history, "teacher_heldout_raw", row.get("batch_size")),
        online=_online(history),
    )


READINGS: dict[str, Reading] = {
    "prequential": Reading(read_prequential),
    "requential": Reading(read_requential, {"prequential": read_teacher}),
}


def curve_from(run: StoredRun) -> Curve:
    """The curve of a stored run; an estimator without a reading of its own is prequential."""
    return _reading(run).curve(run)


def curves_by_estimator(run: StoredRun) -> dict[str, Reader]:
    """Readers of a run by the estimator whose curve they give; its own, and of its training."""
    return {run.row["estimator"]: curve_from, **_reading(run).others}


def _reading(run: StoredRun) -> Reading:
    return READINGS.get(run.row["estimator"], READINGS["prequential"])


def _curve(run: StoredRun, **parts: Any) -> Curve:
    history, batch_size = run.history, run.row.get("batch_size")
    raw = _optional_heldout(history, "heldout_raw", batch_size)
    return Curve(
        **_described(run),
        variants=_variants(run, raw),
        steps=history["step"],
        labels=_labels(history, run.row["label_tokens_per_step"]),
        ema=_heldout(history, "heldout", batch_size),
        raw=raw,
        **parts,
    )


def _described(run: StoredRun) -> dict[str, Any]:
    """Description of a run and cost of its steps, as arguments of `Curve`."""
    row = run.row
    same: dict[str, Any] = {name: row.get(name) for name in _SAME_IN_ROW}
    return same | {
        "member_id": row.get("member"),
        "message": row.get("message") or "",
        "cost": StepCost(**{one.name: row[one.name] for one in fields(StepCost)}),
        "rate_is_unbounded": bool(row.get("rate_is_unbounded")),
        "replays": _replays(run),
        "recipes": row.get("recipes") or 1,
        # Older stores held out windows at random.
        "fresh": _replays(run) == 1 and row.get("heldout_exchangeable") is not False,
    }


def _variants(run: StoredRun, raw: HeldoutLosses | None) -> tuple[str, ...]:
    """Variants that a run's history allows; stores of before the switch do not name it."""
    named = tuple(run.row["variants"])
    unnamed = "switch" not in named and {"paired", "ema_student"} & set(named)
    return ("switch", *named) if unnamed and raw is not None else named


def _replays(run: StoredRun) -> int:
    return run.row.get("replays") or 1


def _labels(history: Mapping[str, Any], per_step: int) -> np.ndarray | None:
    """Label tokens so far, None where every step has as many as the row says."""
    labels = np.asarray(history.get("label_tokens", ()), np.float64)
    if not labels.size or np.array_equal(labels, per_step * np.asarray(history["step"])):
        return None
    return labels


def _online(history: Mapping[str, Any]) -> Online:
    return Online(history["online_loss_sum_nats"], history["online_loss_sum_var"])


def _messages(history: Mapping[str, Any]) -> Messages:
    columns = (
        *("kl_sum_nats", "kl_sum_var", "kl_raw_sum_nats", "kl_raw_sum_var"),
        *("certified_sum_bits", "certified_raw_sum_bits"),
    )
    return Messages(*(np.asarray(history[name], dtype=np.float64) for name in columns))


def _exact(history: Mapping[str, Any]) -> Exact | None:
    """None where the final model did not score the training data."""
    names = ("exact_loss_sum_nats", "exact_raw_loss_sum_nats", "exact_loss_sum_var")
    if not history.keys() >= set(names):
        return None
    return Exact(*(float(history[name][-1]) for name in names))


def _heldout(history: Mapping[str, Any], name: str, batch_size: int | None) -> HeldoutLosses:
    column = f"{name}_block_losses_nats"
    blocks = checks.numbers(column, history.get(column, np.zeros(0)))
    several = blocks.ndim == 2 and blocks.shape[1] > 1
    finals = history.get(f"{name}_final_block_losses_nats") if several else None
    return HeldoutLosses(
        history[f"{name}_loss_nats"],
        np.nan_to_num(np.asarray(history[f"{name}_loss_stderr"], dtype=np.float64)),
        blocks if several else None,
        finals_nats=finals,
        turns=None if finals is None else history["heldout_turn"],
        batch_size=batch_size,
    )


def _optional_heldout(
    history: Mapping[str, Any], name: str, batch_size: int | None
) -> HeldoutLosses | None:
    """None when the columns are absent or empty (a family without an average has one model)."""
    losses = history.get(f"{name}_loss_nats")
    if losses is None or np.all(np.isnan(np.asarray(losses, dtype=np.float64))):
        return None
    return _heldout(history, name, batch_size)
