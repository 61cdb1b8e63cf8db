"""The columns of a store: name, type, unit and meaning, for anything that reads Parquet."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from epiplexity_jax.base.columns import OwnColumn

SCHEMA_VERSION = 4
MEMBER, TUNING = "member", "tuning"  # roles of runs


class Column(NamedTuple):
    """One column; `unit` may be empty, `null` is True where a value may be missing."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str
    null: bool = False


_TEXT, _INT, _FLOAT, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_TEXTS, _FLOATS, _INTS = (pa.list_(kind) for kind in (_TEXT, _FLOAT, _INT))

_LAYOUT = "microbatch, scored sequences, devices, platform and XLA flags"
_RATIO = "training FLOPs per token by XLA's count, over the family's own"
_SPLIT = "unit held out of a finite source: windows, documents or a file"
_EXCHANGEABLE = "training and held-out sequences are one random sample"
_VERBATIM = "share of held-out sequences that occur verbatim in the training part"
RUNS = (
    Column("run_id", _TEXT, "", "hash of all that decides the run's numbers"),
    Column("lineage", _TEXT, "", "the same hash without the number of steps"),
    Column("member", _TEXT, "", "hash without the seed, which its seeds share", null=True),
    Column("current", _FLAG, "", "whether the store's latest config asks for this run"),
    Column("source", _TEXT, "", "name of the source in the latest config that asks for it"),
    Column("family", _TEXT, "", "kind of the family"),
    Column("size", _TEXT, "", "the member's size in words"),
    Column("width", _INT, "", "width of its layers", null=True),
    Column("depth", _INT, "", "number of its blocks", null=True),
    Column("order", _INT, "tokens", "length of its context", null=True),
    Column("seed", _INT, "", "the member's seed"),
    Column("params", _INT, "parameters", "N, embeddings included"),
    Column("learning_rate", _FLOAT, "", "base learning rate", null=True),
    Column("estimator", _TEXT, "", "how the model is coded"),
    Column("variant", _TEXT, "", "the run's own variant of the estimator"),
    Column("variants", _TEXTS, "", "variants that its history allows"),
    Column("floor", _TEXT, "", "the config's floor"),
    Column("status", _TEXT, "", "finished or diverged"),
    Column("message", _TEXT, "", "why the run ended early; empty when it did not"),
    Column("steps", _INT, "steps", "asked for; of the teacher where there is one"),
    Column("steps_done", _INT, "steps", "trained with finite losses; a student's iterations"),
    Column("teacher_steps", _INT, "steps", "of the teacher; in the others it waited", null=True),
    Column("batch_size", _INT, "sequences", "of a step"),
    Column("warmup_steps", _INT, "steps", "of linear warm-up", null=True),
    Column("ema_growth", _FLOAT, "", "the average's window as a share of the steps", null=True),
    Column("max_kl", _FLOAT, "nats/token", "cap of a requential code", null=True),
    Column("role", _TEXT, "", "member, or tuning: trained to choose a recipe", null=True),
    Column("recipes", _INT, "", "number of recipes that its own was chosen from", null=True),
    Column("vocab_size", _INT, "symbols", "V, without the start token"),
    Column("length", _INT, "tokens", "L, of a sequence"),
    Column("label_tokens_per_step", _INT, "tokens", "paid for in a step, on average"),
    Column("train_tokens_per_step", _INT, "tokens", "inputs and labels of a step"),
    Column("tokens_per_label", _FLOAT, "", "r, (input + label tokens) / label tokens"),
    Column("train_flops_per_token", _FLOAT, "FLOPs", "of training, per input or label token"),
    Column("eval_flops_per_token", _FLOAT, "FLOPs", "of evaluation, per input or label token"),
    Column("flops", _TEXT, "", "who counted them: declared or compiled", null=True),
    Column("flops_ratio", _FLOAT, "", _RATIO, null=True),
    Column("entropy_rate_nats", _FLOAT, "nats/token", "of the source, where known", null=True),
    Column("rate_is_unbounded", _FLAG, "", "only unlimited compute comes near the rate", null=True),
    Column("bytes_per_token", _FLOAT, "bytes", "of original data, per label token", null=True),
    Column("replays", _INT, "", "how often training may read each sequence", null=True),
    Column("heldout_tokens", _INT, "tokens", "held-out labels at the last record point"),
    Column("heldout_split", _TEXT, "", _SPLIT, null=True),
    Column("heldout_exchangeable", _FLAG, "", _EXCHANGEABLE, null=True),
    Column("heldout_verbatim_share", _FLOAT, "", _VERBATIM, null=True),
    Column("record_tokens", _INT, "tokens", "held-out labels of one eval batch"),
    Column("test_tokens", _FLOAT, "tokens", "the config's, if it names them", null=True),
    Column("source_fingerprint", _TEXT, "", "hash of the data or the generator's parameters"),
    Column(
        "notes",
        _TEXTS,
        "",
        "guesses about the data and the model, and what was left out",
        null=True,
    ),
    Column("data_order", _TEXT, "", "hash; equal where the same batches are read", null=True),
    Column("wall_seconds", _FLOAT, "s", "of the run's share of its wave"),
    Column("devices", _TEXT, "", "that trained it"),
    Column("config", _TEXT, "", "file of sweeps/ that asked for it first", null=True),
    Column("config_source", _TEXT, "", "name of the source in that config", null=True),
    Column("identity", _TEXT, "", "all that run_id is a hash of, as JSON", null=True),
    Column("layout", _TEXT, "", f"{_LAYOUT}, as JSON", null=True),
    Column("version", _TEXT, "", "of epiplexity_jax"),
    Column("jax_version", _TEXT, "", "of JAX"),
    Column("python_version", _TEXT, "", "of Python"),
    Column("created", _TEXT, "", "when the run was committed, UTC"),
)

_FINAL = "of the final model on the same sequences, on all in the last row; with turns"
_TURN = "0: the record subset is the first eval batch; else the turn's number, with sequences of it"
_HELDOUT = "of the EMA weights; the full held-out set in the last row, else the record subset"

HISTORIES = (
    Column("run_id", _TEXT, "", "the run"),
    Column("step", _INT, "steps", "taken before this record point; 0 is the untrained model"),
    Column("train_tokens", _INT, "tokens", "D so far, inputs and labels"),
    Column("label_tokens", _INT, "tokens", "labels so far"),
    Column("teacher_tokens", _INT, "tokens", "that a teacher was trained on so far"),
    Column("spent_flops", _FLOAT, "FLOPs", "computed so far, evaluation included"),
    Column("online_loss_sum_nats", _FLOAT, "nats", "losses of all real labels learnt so far"),
    Column("online_loss_sum_var", _FLOAT, "nats^2", "variance of that sum"),
    Column("heldout_loss_nats", _FLOAT, "nats/token", _HELDOUT),
    Column("heldout_loss_stderr", _FLOAT, "nats/token", "its standard error, from the blocks"),
    Column("heldout_block_losses_nats", _FLOATS, "nats/token", "EMA, per block, record subset"),
    Column("heldout_final_block_losses_nats", _FLOATS, "nats/token", _FINAL, null=True),
    Column("heldout_raw_loss_nats", _FLOAT, "nats/token", "the same of the raw weights"),
    Column("heldout_raw_loss_stderr", _FLOAT, "nats/token", "its standard error"),
    Column("heldout_raw_block_losses_nats", _FLOATS, "nats/token", "raw, per block, record subset"),
    Column("heldout_raw_final_block_losses_nats", _FLOATS, "nats/token", _FINAL, null=True),
    Column("heldout_turn", _INT, "", _TURN, null=True),
)

_COMPONENT = "by component of a mix, else of the whole"
STREAMS = (
    Column("run_id", _TEXT, "", "the run"),
    Column("first_step", _INT, "steps", "number of the block's first step, from 1"),
    Column("last_step", _INT, "steps", "number of its last step; of a student its iterations"),
    Column("label_tokens", _INT, "tokens", "real labels learnt up to the block's end"),
    Column("online_loss_nats", _FLOAT, "nats", "losses of its real labels, raw weights"),
    Column("online_loss_groups_nats", _FLOATS, "nats", "the same by group"),
    Column("component_loss_nats", _FLOATS, "nats", f"the same {_COMPONENT}"),
    Column("component_label_tokens", _INTS, "tokens", "real labels in the block, by component"),
    Column("group_label_tokens", _INTS, "tokens", "by group, where they vary", null=True),
)


def history_columns(own: Sequence[OwnColumn]) -> tuple[Column, ...]:
    """The columns of a history: those of every run, then its estimator's own."""
    return HISTORIES + _own_columns(own)


def stream_columns(own: Sequence[OwnColumn]) -> tuple[Column, ...]:
    """The columns of a stream: those of every run, then its estimator's own."""
    return STREAMS + _own_columns(own)


def _own_columns(own: Sequence[OwnColumn]) -> tuple[Column, ...]:
    kinds = (_FLOAT, _FLOATS)
    return tuple(Column(c.name, kinds[c.blocks], c.unit, c.meaning, null=True) for c in own)


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The columns as an Arrow schema that carries units, meanings and the schema's version."""
    fields = [
        pa.field(c.name, c.type, c.null, {"unit": c.unit, "meaning": c.meaning}) for c in columns
    ]
    return pa.schema(fields, {"epiplexity_jax_schema": str(SCHEMA_VERSION)})


def checked_row(row: dict[str, Any]) -> dict[str, Any]:
    """A run's row with every column present, in order.

    Raises:
        ValueError: when a column is unknown or a required one is missing.
    """
    known = {column.name for column in RUNS}
    if extra := set(row) - known:
        raise ValueError(f"unknown columns of a run: {', '.join(sorted(extra))}")
    missing = [c.name for c in RUNS if not c.null and row.get(c.name) is None]
    if missing:
        raise ValueError(f"a run lacks {', '.join(missing)}")
    return {column.name: row.get(column.name) for column in RUNS}


def checked_columns(
    run_id: str,
    history: Mapping[str, np.ndarray],
    schema: tuple[Column, ...],
    what: str = "history",
) -> dict[str, list[Any]]:
    """A run's history with every column present, in order; a run that never recorded has none.

    Args:
        run_id: the run's id.
        history: its columns.
        schema: the columns that it may have.
        what: noun for the message; a stream is checked alike.

    Raises:
        ValueError: when a column is unknown, a required one is missing or they differ in length.
    """
    known = {column.name for column in schema} - {"run_id"}
    if extra := set(history) - known:
        raise ValueError(f"unknown columns of a {what}: {', '.join(sorted(extra))}")
    points = len(next(iter(history.values()), ()))
    if any(len(values) != points for values in history.values()):
        raise ValueError(f"columns of a {what} differ in length")
    missing = known - set(history) - {column.name for column in schema if column.null}
    if points and missing:
        raise ValueError(f"a {what} lacks {', '.join(sorted(missing))}")
    columns: dict[str, list[Any]] = {"run_id": [run_id] * points}
    for name, kind, _, _, null in schema[1:]:
        values = list(history.get(name, [None] * points))
        if null and kind == _FLOAT:  # no number is null to other readers, not NaN
            values = [None if v is None or np.isnan(v) else v for v in values]
        columns[name] = values
    return columns
