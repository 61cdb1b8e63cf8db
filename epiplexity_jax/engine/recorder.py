"""The record of a run: per-step losses summed in float64, held-out losses at record points."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.engine.heldout import HeldoutLayout, mean_and_stderr
from epiplexity_jax.engine.state import StepStatus
from epiplexity_jax.families.spec import Cost

History = dict[str, np.ndarray]

# Of the exact variant: NaN but at the last record point.
EXACT = ("exact_loss_sum_nats", "exact_raw_loss_sum_nats", "exact_loss_sum_var")


_NOT_SAVED = ("accounting", "_rows")


def added(total: float, values: np.ndarray) -> float:
    """A sum in float64, one value after the other: the same however they are cut into pieces.

    >>> added(1.0, np.array([0.5, 0.25]))
    1.75
    """
    return float(np.add.accumulate(np.concatenate([[total], values.astype(np.float64)]))[-1])


@dataclass(frozen=True)
class Accounting:
    """Tokens and FLOPs of a step and of an evaluation.

    Attributes:
        batch_size: B sequences a step.
        label_tokens: label tokens of a sequence.
        total_tokens: input and label tokens of a sequence, the start token counted.
        cost: FLOPs per token.
        layout: the held-out set's.
        num_weight_sets: how often an evaluation scores a tile (2: EMA and raw weights; 1: counts).
        sampling_passes: forward passes that drawing a sequence from the model takes.
    """

    batch_size: int
    label_tokens: int
    total_tokens: int
    cost: Cost
    layout: HeldoutLayout
    num_weight_sets: int = 2
    sampling_passes: int = 1

    @property
    def step_tokens(self) -> int:
        """Input and label tokens of a batch."""
        return self.batch_size * self.total_tokens

    @property
    def step_labels(self) -> int:
        """Label tokens of a batch."""
        return self.batch_size * self.label_tokens


@dataclass(frozen=True)
class Outcome:
    """The end of a run.

    Attributes:
        status: finished or diverged.
        message: why it ended early, or what is to be said of its end; else empty.
        steps_done: steps, of a student its iterations, whose losses were finite.
        teacher_steps: steps of a teacher, where there is one.
    """

    status: RunStatus
    message: str
    steps_done: int
    teacher_steps: int | None = None


@dataclass(frozen=True)
class RecorderState:
    """A recorder between two steps, as plain values: see `Recorder.saved`.

    Attributes:
        values: its fields, numbers and texts.
        rows: its record points as columns.
    """

    values: Mapping[str, Any]
    rows: History


@dataclass
class Recorder:
    """Collects one run on the host; every sum is float64.

    Attributes:
        accounting: what a step counts.
        status: FINISHED until a loss is not finite.
        message: why the run ended early, or empty.
        steps_done: steps whose loss was finite.
        ended: whether the last record point is in.
    """

    accounting: Accounting
    status: RunStatus = RunStatus.FINISHED
    message: str = ""
    steps_done: int = 0
    last_loss: float = math.nan
    ended: bool = False
    _loss_sum: float = 0.0
    _loss_var: float = 0.0
    _eval_flops: float = 0.0
    _rows: list[dict[str, object]] = field(default_factory=list)

    # Columns of the weights that a record point scores; counts have one set, which stands for all.
    _SCORED: ClassVar[tuple[str, ...]] = ("heldout", "heldout_raw")

    @classmethod
    def resume(cls, accounting: Accounting, history: History, grid: np.ndarray) -> "Recorder":
        """Go on from a shorter run's history.

        Values that only the end of a run has are dropped, unless the grid ends there too.

        Args:
            accounting: of the longer run.
            history: of the shorter run; rows off the grid are left out.
            grid: record points of the longer run.
        """
        recorder = cls(accounting)
        last = len(history["step"]) - 1
        history = {name: column for name, column in history.items() if name not in EXACT}
        recorder.steps_done = int(history["step"][last])
        recorder._restore({name: column[last] for name, column in history.items()})
        for i in np.flatnonzero(np.isin(history["step"], grid)):
            row = {name: column[i] for name, column in history.items()}
            whole = row["step"] == grid[-1]  # a last row covers the full held-out set
            if not whole:
                for which in cls._SCORED:
                    mean, stderr = mean_and_stderr(np.asarray(row[f"{which}_block_losses_nats"]))
                    row |= {f"{which}_loss_nats": mean, f"{which}_loss_stderr": stderr}
            tiles = accounting.layout.tiles if whole else 1
            recorder._eval_flops += tiles * recorder._tile_flops()
            row["spent_flops"] = recorder._spent(row)
            recorder._rows.append(row)
        return recorder

    def saved(self) -> RecorderState:
        """State from which `restored` makes the same recorder, to the last bit."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_SAVED}
        return RecorderState(values, self.history())

    @classmethod
    def restored(cls, accounting: Accounting, saved: RecorderState) -> "Recorder":
        """A recorder as it was when `saved` was called."""
        recorder = cls(accounting)
        for name, value in saved.values.items():
            setattr(recorder, name, value)
        recorder.status = RunStatus(recorder.status)
        columns = saved.rows
        count = len(next(iter(columns.values()), ()))
        recorder._rows = [{name: c[i] for name, c in columns.items()} for i in range(count)]
        return recorder

    def add_steps(
        self, first: int, loss_sums: np.ndarray, loss_vars: np.ndarray, status: np.ndarray
    ) -> None:
        """Add the steps first, first+1, ... up to one that is not finite.

        Args:
            first: number of the first.
            loss_sums: [n] nats over the label tokens of each batch.
            loss_vars: [n] nats^2, their variances.
            status: [n] `StepStatus`.
        """
        if self.status is not RunStatus.FINISHED:
            return
        sums = loss_sums.astype(np.float64)
        bad = np.flatnonzero(status == StepStatus.NOT_FINITE)
        good = bad[0] if len(bad) else len(sums)
        self._loss_sum = added(self._loss_sum, sums[:good])
        self._loss_var = added(self._loss_var, loss_vars[:good])
        self.steps_done = first + int(good)
        if good:
            self.last_loss = float(sums[good - 1]) / self.accounting.step_labels
        if len(bad):
            self._end(f"loss or gradient is not finite at step {self.steps_done + 1}")

    def add_record(self, step: int, losses: np.ndarray, last: bool = False) -> None:
        """Add a record point.

        Args:
            step: steps taken before it.
            losses: [W, tiles, S] nats per sequence of W sets of weights; EMA first, then raw
                (counts have one set, which stands for both).
            last: whether the run ends here; `losses` then hold the whole held-out set, else its
                first tile.
        """
        if self.status is not RunStatus.FINISHED:
            return
        if not np.isfinite(losses).all():
            self._end(f"held-out loss is not finite after step {step}")
            if step:
                return  # the untrained model's row stays: a history has at least one
        self.ended = last
        self._add_row(step, losses)

    def _add_row(self, step: int, losses: np.ndarray) -> None:
        acc = self.accounting
        row: dict[str, object] = {"step": step, **self._counted(step)}
        for i, which in enumerate(self._SCORED):
            scored = losses[min(i, len(losses) - 1)]
            mean, stderr = mean_and_stderr(acc.layout.block_means(scored, acc.label_tokens))
            row[f"{which}_loss_nats"] = mean
            row[f"{which}_loss_stderr"] = stderr
            row[f"{which}_block_losses_nats"] = acc.layout.block_means(scored[:1], acc.label_tokens)
        self._eval_flops += losses.shape[1] * self._tile_flops()
        row["spent_flops"] = self._spent(row)
        self._rows.append(row)

    def _counted(self, step: int) -> dict[str, object]:
        """Tokens and sums up to a record point."""
        acc = self.accounting
        return {
            "train_tokens": step * acc.step_tokens,
            "label_tokens": step * acc.step_labels,
            "teacher_tokens": 0,
            "online_loss_sum_nats": self._loss_sum,
            "online_loss_sum_var": self._loss_var,
        }

    def _restore(self, row: Mapping[str, Any]) -> None:
        """Take up the sums of the last record point of a shorter run."""
        self._loss_sum = float(row["online_loss_sum_nats"])
        self._loss_var = float(row["online_loss_sum_var"])

    def add_exact(self, loss_sums: np.ndarray, loss_vars: np.ndarray) -> None:
        """Add training batches that the final model scored again, to the last record point.

        Args:
            loss_sums: [W, n] nats over the label tokens of each batch; EMA first, then raw.
            loss_vars: [W, n] nats^2, their variances.
        """
        if self.status is not RunStatus.FINISHED:
            return
        if not np.isfinite(loss_sums).all():
            self._end("the final model's loss on its training data is not finite")
            return
        sums, variances = (a.astype(np.float64).sum(axis=1) for a in (loss_sums, loss_vars))
        for row in self._rows:
            row |= {name: row.get(name, math.nan) for name in EXACT}
        added = (sums[0], sums[-1], variances[0])
        for name, value in zip(EXACT, added, strict=True):
            before = float(self._rows[-1][name])  # type: ignore[arg-type]
            self._rows[-1][name] = float(value) + (0.0 if math.isnan(before) else before)
        acc = self.accounting
        tokens = acc.num_weight_sets * loss_sums.shape[1] * acc.step_tokens
        self._eval_flops += tokens * acc.cost.eval_flops_per_token
        self._rows[-1]["spent_flops"] = self._spent(self._rows[-1])

    def outcome(self, steps: int) -> Outcome:
        """The end of a run that was asked for `steps` batches."""
        del steps
        return Outcome(self.status, self.message, self.steps_done)

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """The record points so far, columns of the history each."""
        return self._rows

    def history(self) -> History:
        """The record points as columns; block losses are [R, blocks]."""
        names = self._rows[0] if self._rows else {}
        return {name: np.stack([np.asarray(row[name]) for row in self._rows]) for name in names}

    def _end(self, message: str) -> None:
        self.status, self.message = RunStatus.DIVERGED, message

    def _tile_flops(self) -> float:
        acc = self.accounting
        tokens = acc.num_weight_sets * acc.layout.tile * acc.total_tokens
        return tokens * acc.cost.eval_flops_per_token

    def _spent(self, row: Mapping[str, Any]) -> float:
        """FLOPs up to a record point, of which tokens are counted already."""
        trained = row["train_tokens"] * self.accounting.cost.train_flops_per_token
        return trained + self._eval_flops
