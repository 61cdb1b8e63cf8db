"""The record of a requential run: sums of KL, held-out losses of student and teacher."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool

from epiplexity_jax.base.columns import OwnColumn
from epiplexity_jax.coding import certified_length
from epiplexity_jax.engine.recorder import Outcome, Recorder, added
from epiplexity_jax.engine.state import StepStatus


class RequentialInfo(NamedTuple):
    """Sums of one iteration over the label tokens of a batch, [] float32 each, and its status.

    Plural fields are the same of each sequence, [B].

    Attributes:
        kl: nats, KL(EMA teacher || EMA student before its update), exact over the vocabulary at
            every position of the sample.
        kl_var: nats^2, variance of `kl` from the spread between sequences.
        kl_raw: nats, the same against the raw student; kl_raw_var: its variance.
        log_ratio: nats, log Q(z) - log P(z) of the sample under the EMA student: the same mean as
            `kl` and a larger variance, log_ratio_var.
        student_loss: nats, of the raw student on the sample, before its update.
        teacher_loss: nats, of the raw teacher on the real batch before its update, and its
            variance teacher_loss_var; 0 where it waited.
        status: [] int32, a `StepStatus`.
        teacher_losses: [B] nats, whose sum is `teacher_loss`; kls and kls_raw: those of `kl` and
            `kl_raw`.
        labels: [B] label tokens, which the engine fills in; None where all have as many.
    """

    kl: Any
    kl_var: Any
    kl_raw: Any
    kl_raw_var: Any
    log_ratio: Any
    log_ratio_var: Any
    student_loss: Any
    teacher_loss: Any
    teacher_loss_var: Any
    status: Any
    teacher_losses: Any
    kls: Any
    kls_raw: Any
    labels: Any = None


_KL = "sum of KL from teacher to student over the messages so far"
_FINAL = "its final weights' on the same sequences, with turns"
_TEACHER = "like heldout_loss_nats, of the teacher"
COLUMNS = (
    OwnColumn("teacher_label_tokens", "tokens", "real labels that it learnt, where labels vary"),
    OwnColumn("kl_sum_nats", "nats", f"{_KL}, EMA student"),
    OwnColumn("kl_sum_var", "nats^2", "variance of that sum"),
    OwnColumn("kl_raw_sum_nats", "nats", f"{_KL}, raw student"),
    OwnColumn("kl_raw_sum_var", "nats^2", "variance of that sum"),
    OwnColumn("log_ratio_sum_nats", "nats", "log Q - log P of the samples, EMA"),
    OwnColumn("log_ratio_sum_var", "nats^2", "variance of that sum"),
    OwnColumn("certified_sum_bits", "bits", "certified length, EMA student"),
    OwnColumn("certified_raw_sum_bits", "bits", "certified length, raw student"),
    OwnColumn("student_loss_sum_nats", "nats", "raw student, on the samples"),
    OwnColumn("teacher_heldout_loss_nats", "nats/token", f"{_TEACHER}, EMA"),
    OwnColumn("teacher_heldout_loss_stderr", "nats/token", "its standard error"),
    OwnColumn("teacher_heldout_block_losses_nats", "nats/token", "per block", blocks=True),
    OwnColumn("teacher_heldout_final_block_losses_nats", "nats/token", _FINAL, blocks=True),
    OwnColumn("teacher_heldout_raw_loss_nats", "nats/token", f"{_TEACHER}, raw"),
    OwnColumn("teacher_heldout_raw_loss_stderr", "nats/token", "its error"),
    OwnColumn("teacher_heldout_raw_block_losses_nats", "nats/token", "blocks", blocks=True),
    OwnColumn("teacher_heldout_raw_final_block_losses_nats", "nats/token", _FINAL, blocks=True),
)

_MESSAGES = "KL from teacher to student over the block's messages"
STREAM_COLUMNS = (
    OwnColumn("kl_nats", "nats", f"{_MESSAGES}, EMA student"),
    OwnColumn("kl_groups_nats", "nats", "the same by group", blocks=True),
    OwnColumn("kl_raw_nats", "nats", f"{_MESSAGES}, raw student"),
    OwnColumn("kl_raw_groups_nats", "nats", "the same by group", blocks=True),
)

_CERTIFIED = {"certified_sum_bits": "kl", "certified_raw_sum_bits": "kl_raw"}


@dataclass
class RequentialRecorder(Recorder):
    """Collects one requential run on the host.

    A step is an iteration, in which the student learns one batch. The online losses are those of
    the teacher on real data.
    """

    INFO: ClassVar[Any] = RequentialInfo
    LOSS: ClassVar[str] = "student_loss"
    SUMS: ClassVar[Mapping[str, str]] = {
        "kl_sum_nats": "kl",
        "kl_sum_var": "kl_var",
        "kl_raw_sum_nats": "kl_raw",
        "kl_raw_sum_var": "kl_raw_var",
        "log_ratio_sum_nats": "log_ratio",
        "log_ratio_sum_var": "log_ratio_var",
        "student_loss_sum_nats": "student_loss",
        "online_loss_sum_nats": "teacher_loss",
        "online_loss_sum_var": "teacher_loss_var",
    }
    BLOCKS: ClassVar[Mapping[str, tuple[str, str]]] = {
        "online_loss": ("teacher_loss", "teacher_losses"),
        "kl": ("kl", "kls"),
        "kl_raw": ("kl_raw", "kls_raw"),
    }
    NOT_FINITE: ClassVar[str] = "loss, KL or gradient is not finite in iteration"
    SCORED: ClassVar[tuple[str, ...]] = (
        *("heldout", "heldout_raw", "teacher_heldout", "teacher_heldout_raw"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sums |= dict.fromkeys(_CERTIFIED, 0.0)

    def add_finite(self, info: RequentialInfo) -> None:
        """See `Recorder`."""
        super().add_finite(info)
        for name, source in _CERTIFIED.items():
            messages = certified_length(getattr(info, source)[:, None])[:, 0]  # of each alone
            if info.labels is not None:  # a batch without labels sends nothing
                messages = np.where(info.labels.any(axis=1), messages, 0.0)
            self.sums[name] = added(self.sums[name], messages)
        went_on = info.status != StepStatus.WAITED
        self.teacher_steps += int(went_on.sum())
        if info.labels is not None:
            self.teacher_labels += int(info.labels[went_on].sum())

    def labels_so_far(self, step: int) -> dict[str, int]:
        """See `Recorder`; the teacher learns no labels while it waits."""
        found = super().labels_so_far(step)
        if self.accounting.task.labels_vary:
            found["teacher_label_tokens"] = self.teacher_labels
        return found

    def learnt(self, info: RequentialInfo) -> tuple[Bool[np.ndarray, " steps"], int]:
        """See `Recorder`: where the teacher waited it read nothing."""
        return info.status != StepStatus.WAITED, self.teacher_steps

    def _spent(self, row: Mapping[str, Any]) -> float:
        acc = self.accounting
        # Every iteration samples from the teacher and scores the EMA student on the sample.
        sampled = (1 + acc.sampling_passes) * acc.cost.eval_flops_per_token
        student = row["train_tokens"] * (acc.cost.train_flops_per_token + sampled)
        teacher = row["teacher_tokens"] * acc.cost.train_flops_per_token
        return student + teacher + self._eval_flops

    def outcome(self, steps: int) -> Outcome:
        """See `Recorder.outcome`; the message says so where the teacher did not get to its end."""
        message = self.message
        if not message and self.teacher_steps < steps and self.steps_done:
            waited = self.steps_done - self.teacher_steps
            message = (
                f"the teacher took {self.teacher_steps} of {steps} steps in {self.steps_done} "
                f"iterations and waited in the others ({waited / self.steps_done:.0%}); a higher "
                "max_kl or max_iterations lets it go on"
            )
        return Outcome(self.status, message, self.steps_done, self.teacher_steps)
