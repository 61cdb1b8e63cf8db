"""Names that training programs give to columns, and what they hold.

A name is known as it stands, or by its words: the last one says what is counted, those before it
may be any of the usual prefixes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKENS = (
    *("label_tokens", "tokens", "tokens_seen", "num_tokens", "n_tokens", "train_tokens"),
    *("total_tokens", "tokens_trained", "tokens_processed", "tokens_consumed", "consumed_tokens"),
    *("num_input_tokens_seen", "seen_tokens", "cumulative_tokens", "token"),
    "time_token",
)
_STEPS = (
    *("step", "steps", "global_step", "train_step", "trainer_global_step", "train_global_step"),
    *("iteration", "iterations", "iter", "it", "update", "updates", "num_updates", "batch"),
    "time_batch",
)
_LOSSES = (
    *("loss", "train_loss", "training_loss", "loss_train", "train_loss_step", "lm_loss", "nll"),
    *("train_nll", "cross_entropy", "train_cross_entropy", "ce_loss", "bpb", "train_bpb"),
    "loss_train_total",
)
_HELDOUT = (
    *("heldout_loss", "eval_loss", "val_loss", "valid_loss", "validation_loss", "test_loss"),
    *("loss_eval", "loss_val", "eval_nll", "val_nll", "val_bpb", "eval_bpb"),
)
_EPOCHS = ("epoch", "epochs", "train_epoch", "trainer_epoch", "num_epochs", "current_epoch")
_OTHER_AXES = (
    *_EPOCHS,
    *("time", "wall_time", "walltime", "seconds", "minutes", "hours", "elapsed", "elapsed_time"),
    *("relative_time", "relative_time_process", "runtime", "timestamp", "date", "samples"),
    *("samples_seen", "num_samples", "consumed_samples", "examples", "examples_seen", "sequences"),
    *("flops", "total_flos"),
)
_PREFIXES = {
    *("train", "training", "trainer", "trn", "learning", "learner", "metrics", "metric", "stats"),
    *("throughput", "perf", "progress", "counters", "optim", "optimizer", "model", "data", "log"),
    *("global", "current", "num", "n", "number", "count", "of", "cum", "cumulative", "running"),
    *("history", "online", "mean", "avg", "average", "reduced", "main"),
}
_TOKEN_WORDS = {
    *("label", "labels", "input", "seen", "total", "trained", "processed", "consumed", "so", "far"),
    *("target", "trainable"),
}
_LOSS_WORDS = {
    "lm",
    "language",
    "modeling",
    "ce",
    "cross",
    "entropy",
    "xent",
    "nll",
    "token",
    "step",
}
_LOSS_WORDS |= {"per", "next", "batch", "loss", "clm", "raw", "ent"}
_HELDOUT_WORDS = {"eval", "evaluation", "val", "valid", "validation", "heldout", "test", "dev"}
_LAST_LOSS = {"loss", "nll", "bpb", "xent"}
_LAST_STEPS = {"step", "steps", "iteration", "iterations", "iter", "iters", "updates", "update"}


@dataclass(frozen=True)
class Role:
    """A kind of column.

    Attributes:
        what: noun phrase for messages.
        option: which names one.
        known: names in full.
    """

    what: str
    option: str
    known: Sequence[str]


TOKENS = Role("label tokens", "--tokens-column", _TOKENS)
STEPS = Role("steps", "--step-column", _STEPS)
LOSSES = Role("training losses", "--loss-column", _LOSSES)
HELDOUT = Role("held-out losses", "--heldout-column (or --floor)", _HELDOUT)


def candidates(names: Sequence[str], role: Role) -> list[str]:
    """Columns that may have a role: those known in full, else those known by their words."""
    known = [name for name in names if plain_name(name) in role.known]
    return known or [name for name in names if role is _by_words(name)]


def is_heldout(name: str) -> bool:
    """Return whether a name is that of held-out losses.

    >>> is_heldout("val/loss"), is_heldout("train/lm_loss")
    (True, False)
    """
    return bool(candidates([name], HELDOUT))


def is_epoch(name: str) -> bool:
    """Return whether a column counts epochs."""
    return plain_name(name) in _EPOCHS


def is_other_axis(name: str) -> bool:
    """Return whether a column is an axis of neither tokens nor steps."""
    return plain_name(name) in _OTHER_AXES


def plain_name(name: str) -> str:
    """A column's name in lower case, one "_" between words, without its unit.

    >>> plain_name("train/Loss"), plain_name("_step"), plain_name("loss_nats")
    ('train_loss', 'step', 'loss')
    """
    return re.sub(r"_(nats|bits)(_per_token)?$", "", words_of(name))


def words_of(name: str) -> str:
    """The words of a name in lower case, with "_" between them.

    >>> words_of("train/CrossEntropyLoss"), words_of("metricName")
    ('train_cross_entropy_loss', 'metric_name')
    """
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")


def unit_of(name: str) -> str | None:
    """The unit that a column's name says: nats, bits or bits per byte.

    >>> unit_of("loss_bits"), unit_of("val/bpb"), unit_of("loss")
    ('bits', 'bits per byte', None)
    """
    plain = words_of(name)
    if re.search(r"(^|_)(bpb|bits_per_byte)$", plain):
        return "bits per byte"
    found = re.search(r"(^|_)(nats|bits)(_per_token)?$", plain)
    return found.group(2) if found else None


def _by_words(name: str) -> Role | None:
    """The role that the words of a name give it, if any."""
    words = plain_name(name).split("_")
    last, rest = words[-1], set(words[:-1])
    if "vs" in rest:
        return None
    if words[-2:] == ["cross", "entropy"]:
        last, rest = "loss", set(words[:-2])
    if last in ("epoch", "avg", "mean", "step") and "loss" in rest:
        last = "loss"
    if {"tokens", "token"} & set(words) and set(words) <= (
        _PREFIXES | _TOKEN_WORDS | {"tokens", "token"}
    ):
        return TOKENS
    if last in _LAST_LOSS and (rest & _HELDOUT_WORDS or {"held", "out"} <= rest):
        others = rest - _HELDOUT_WORDS
        return HELDOUT if others <= _PREFIXES | _LOSS_WORDS | {"epoch", "held", "out"} else None
    if last in _LAST_LOSS and rest <= _PREFIXES | _LOSS_WORDS:
        return LOSSES
    if last in _LAST_STEPS and rest <= _PREFIXES:
        return STEPS
    return None
