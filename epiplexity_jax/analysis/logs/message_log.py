"""KL values of the messages of a requential code that somebody else recorded.

Axis letters: T message.
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from epiplexity_jax.analysis.logs.layout import Layout
from epiplexity_jax.analysis.logs.layouts.package import COUNTS, KL
from epiplexity_jax.analysis.logs.table import LogTable
from epiplexity_jax.analysis.shapes import AnyColumn, Values
from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.base.units import bits_to_nats

_USED = {"unit", "loss_divisor", "inputs_per_label", "bytes_per_token"}
_LEAST_COUNTS = 3  # that are called sums so far


@dataclass(frozen=True, eq=False, kw_only=True)
class MessageLog:
    """The messages by which a student was sent, each one batch sampled from its teacher.

    Attributes:
        name: name in messages.
        kl_nats: [T] KL(teacher || student) of each message before the student learns it, mean per
            label token, nats.
        label_tokens: [T] label tokens of each message.
        final_nats: held-out loss of the final student, nats per label token, or None.
        data_tokens: label tokens of the dataset that the file measures, or None.
        tokens_per_label: r, (input + label tokens) / label tokens.
        notes: sentences of reading the file.

    Raises:
        DataError: when a message has a KL that no message has, or no whole number of tokens.
    """

    name: str
    kl_nats: Values
    label_tokens: AnyColumn
    final_nats: float | None = None
    data_tokens: float | None = None
    tokens_per_label: float = 1.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Turn the columns into float64 arrays and refuse what is no message."""
        for field in ("kl_nats", "label_tokens"):
            object.__setattr__(self, field, np.asarray(getattr(self, field), dtype=np.float64))
        kl, tokens = self.kl_nats, self.label_tokens
        if kl.ndim != 1 or kl.shape != tokens.shape or not kl.size:
            raise DataError(
                f"{self.name}: kl_nats and label_tokens must be columns of one length, got shapes "
                f"{kl.shape} and {tokens.shape}"
            )
        for wrong, column, values in (
            (~np.isfinite(kl), "is no finite KL; did training diverge there?", kl),
            (kl < 0, "is negative, and a KL never is", kl),
            (~(tokens >= 1), "is no positive number of label tokens", tokens),
            (tokens != np.floor(tokens), "is no whole number of label tokens", tokens),
        ):
            if wrong.any():
                i = int(np.argmax(wrong))
                raise DataError(f"{self.name}: message {i + 1}: {values[i]:g} {column}")

    @property
    def sums_nats(self) -> Values:
        """[T] KL of each message, summed over its label tokens, nats."""
        return self.kl_nats * self.label_tokens

    @property
    def total_tokens(self) -> float:
        """Label tokens of all messages."""
        return math.fsum(self.label_tokens.tolist())


def log_of(file: str, table: LogTable, layout: Layout) -> MessageLog:
    """The messages of a table.

    Args:
        file: its name, for messages.
        table: its columns `kl_values` and `token_counts`.
        layout: unit and input tokens, where options say them.

    Raises:
        ConfigError: when an option is given that only losses have.
    """
    for field in fields(layout):
        if field.name not in _USED and getattr(layout, field.name) != field.default:
            raise ConfigError(
                f"--{field.name.replace('_', '-')}: {file} holds the KL of messages and no losses, "
                "so there is nothing for it to choose; leave it out"
            )
    hints, notes = table.hints, list(table.notes)
    unit = layout.unit or hints.unit
    if unit is None:
        notes.append("there is no loss_unit, so nats are read, as the package does (--unit)")
    elif hints.unit not in (None, unit):
        notes.append(f"{unit} are read, as --unit says, against the file's loss_unit")
    scale = bits_to_nats(1.0) if unit == "bits" else 1.0
    counts = np.asarray(table.columns[COUNTS], dtype=np.float64)
    if counts.size >= _LEAST_COUNTS and np.all(counts == counts[0] * np.arange(1, counts.size + 1)):
        notes.append(
            f"{COUNTS} rise by {counts[0]:g} from message to message, as tokens so far do; each is "
            "read as the tokens of its own message, as the package does"
        )
    return MessageLog(
        name=file,
        kl_nats=np.asarray(table.columns[KL], dtype=np.float64)
        * (scale / (layout.loss_divisor or 1.0)),
        label_tokens=counts,
        final_nats=None if hints.final_loss is None else hints.final_loss * scale,
        data_tokens=hints.data_tokens,
        tokens_per_label=1.0 + (layout.inputs_per_label or 0.0),
        notes=tuple(notes),
    )
