"""The record of a requential run: sums of KL, held-out losses of student and teacher."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.coding import certified_length
from epiplexity_jax.engine.recorder import Outcome, Recorder, added
from epiplexity_jax.engine.state import StepStatus

Values = jax.Array | np.ndarray


class RequentialInfo(NamedTuple):
    """Sums of one iteration over the label tokens of a batch, [] float32 each, and its status.

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
    """

    kl: Values
    kl_var: Values
    kl_raw: Values
    kl_raw_var: Values
    log_ratio: Values
    log_ratio_var: Values
    student_loss: Values
    teacher_loss: Values
    teacher_loss_var: Values
    status: Values


# Columns of a history: the field of `RequentialInfo` that each sums.
SUMS = {
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
_CERTIFIED = {"certified_sum_bits": "kl", "certified_raw_sum_bits": "kl_raw"}


@dataclass
class RequentialRecorder(Recorder):
    """Collects one requential run on the host; every sum is float64.

    A step is an iteration, in which the student learns one batch. The online losses are those of
    the teacher on real data.

    Attributes:
        teacher_steps: iterations in which the teacher learnt, too.
    """

    teacher_steps: int = 0
    _sums: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys((*SUMS, *_CERTIFIED), 0.0)
    )

    _SCORED: ClassVar[tuple[str, ...]] = (
        *("heldout", "heldout_raw", "teacher_heldout", "teacher_heldout_raw"),
    )

    def add_steps(self, first: int, *columns: np.ndarray) -> None:
        """Add iterations up to one that is not finite: fields of `RequentialInfo`, [n] each."""
        if self.status is not RunStatus.FINISHED or self.ended:
            return
        info = RequentialInfo(*(column.astype(np.float64) for column in columns))
        ran = int((info.status != StepStatus.NOT_RUN).sum())
        bad = np.flatnonzero(info.status[:ran] == StepStatus.NOT_FINITE)
        good = int(bad[0]) if len(bad) else ran
        learnt = info.status[:good] != StepStatus.WAITED
        for name, source in SUMS.items():
            values = getattr(info, source)[:good]
            real = source.startswith("teacher")
            self._sums[name] = added(self._sums[name], values[learnt] if real else values)
        for name, source in _CERTIFIED.items():
            messages = certified_length(getattr(info, source)[:good, None])[:, 0]  # of each alone
            self._sums[name] = added(self._sums[name], messages)
        self.steps_done += good
        self.teacher_steps += int(learnt.sum())
        if good:
            self.last_loss = float(info.student_loss[good - 1]) / self.accounting.step_labels
        if len(bad):
            self._end(f"loss, KL or gradient is not finite in iteration {self.steps_done + 1}")

    def add_record(self, step: int, losses: np.ndarray, last: bool = False) -> None:
        """Add a record point: student (EMA, raw), teacher (EMA, raw); see `Recorder.add_record`.

        A member whose teacher was done before `step` has its last record point where it ended.
        """
        if self.status is not RunStatus.FINISHED or self.ended:
            return
        super().add_record(self.steps_done if last else step, losses, last)

    def _counted(self, step: int) -> dict[str, object]:
        acc = self.accounting
        return {
            "train_tokens": step * acc.step_tokens,
            "label_tokens": step * acc.step_labels,
            "teacher_tokens": self.teacher_steps * acc.step_tokens,
            **self._sums,
        }

    def _restore(self, row: Mapping[str, Any]) -> None:
        self._sums = {name: float(row[name]) for name in self._sums}
        self.teacher_steps = round(row["teacher_tokens"] / self.accounting.step_tokens)

    def _spent(self, row: Mapping[str, Any]) -> float:
        acc = self.accounting
        train, evaluate = acc.cost.train_flops_per_token, acc.cost.eval_flops_per_token
        # Every iteration samples from the teacher and scores the EMA student on the sample.
        student = row["train_tokens"] * (train + (1 + acc.sampling_passes) * evaluate)
        return student + row["teacher_tokens"] * train + self._eval_flops

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
