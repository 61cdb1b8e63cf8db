"""The record of a run: per-step losses summed in float64, held-out losses at record points."""

import math
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int64, Shaped

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.engine.accounting import Accounting
from epiplexity_jax.engine.blocks import BlockColumns, BlockSums
from epiplexity_jax.engine.components import StreamComponents
from epiplexity_jax.engine.heldout import BlockMeans, mean_and_stderr
from epiplexity_jax.engine.state import StepInfo, StepStatus

History = dict[str, np.ndarray]
StepValues = Shaped[np.ndarray, "steps ..."]
Records = Int64[np.ndarray, " records"]
SetColumns = Float[np.ndarray, "sets steps"]

TURN = "heldout_turn"
"""The turn of a record point, where record points take turns over the held-out set."""
# Of the exact variant: NaN but at the last record point.
EXACT = ("exact_loss_sum_nats", "exact_raw_loss_sum_nats", "exact_loss_sum_var")
_NOT_SAVED = ("accounting", "rows", "components", "blocks")
_ONE_COMPONENT = StreamComponents()


def added(total: float, values: Float[np.ndarray, " steps"]) -> float:
    """A sum in float64, one value after the other: the same however they are cut into chunks.

    >>> added(1.0, np.array([0.5, 0.25]))
    1.75
    """
    return float(np.add.accumulate(np.concatenate([[total], values.astype(np.float64)]))[-1])


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
        blocks: its sums by block; None where they are not kept.
    """

    values: Mapping[str, Any]
    rows: History
    blocks: BlockColumns | None = None


@dataclass
class Recorder:
    """Collects one run on the host; every sum is float64.

    Attributes:
        accounting: what a step counts.
        status: FINISHED until a loss is not finite.
        message: why the run ended early, or empty.
        steps_done: steps whose loss was finite.
        teacher_steps: steps in which a teacher learnt, where there is one.
        last_loss: nats per label token of the last step.
        ended: whether the last record point is in.
        label_tokens: labels learnt so far, of a student those of its samples; teacher_labels: real
            labels that a teacher learnt. Counted where they vary only.
        sums: the columns of `SUMS` up to the last step.
        rows: the record points so far, columns of the history each.
        components: components of the source that the run reads.
        blocks: sums by block; None where a shorter run that it continues has not kept them.
    """

    accounting: Accounting
    status: RunStatus = RunStatus.FINISHED
    message: str = ""
    steps_done: int = 0
    teacher_steps: int = 0
    last_loss: float = math.nan
    ended: bool = False
    label_tokens: int = 0
    teacher_labels: int = 0
    sums: dict[str, float] = field(init=False)
    _eval_flops: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    components: StreamComponents = _ONE_COMPONENT
    blocks: BlockSums | None = field(init=False)

    INFO: ClassVar[Any] = StepInfo  # of a method's step
    LOSS: ClassVar[str] = "loss_sum"  # its field that progress shows
    # Columns of a history: the field that each sums.
    SUMS: ClassVar[Mapping[str, str]] = {
        "online_loss_sum_nats": "loss_sum",
        "online_loss_sum_var": "loss_var",
    }
    # Sums by block: the fields of a step's sum and of its sequences' losses; real data first.
    BLOCKS: ClassVar[Mapping[str, tuple[str, str]]] = {"online_loss": ("loss_sum", "losses")}
    NOT_FINITE: ClassVar[str] = "loss or gradient is not finite at step"
    # Columns of the weights that a record point scores; counts have one set, which stands for all.
    SCORED: ClassVar[tuple[str, ...]] = ("heldout", "heldout_raw")

    def __post_init__(self) -> None:
        self.sums = dict.fromkeys(self.SUMS, 0.0)
        acc, count = self.accounting, self.components.count
        labels = None if acc.task.labels_vary else acc.task.label_tokens
        self.blocks = BlockSums(list(self.BLOCKS), acc.batch_size, labels, count)

    @classmethod
    def resume(
        cls,
        accounting: Accounting,
        history: History,
        grid: Records,
        blocks: BlockColumns | None = None,
        components: StreamComponents = _ONE_COMPONENT,
    ) -> "Recorder":
        """Go on from a shorter run's history.

        Values that only the end of a run has are dropped, unless the grid ends there too.

        Args:
            accounting: what a step of the longer run counts.
            history: the shorter run's history; rows off the grid are left out.
            grid: record points of the longer run.
            blocks: the shorter run's sums by block; without them the longer one keeps none.
            components: components of the source.
        """
        recorder = cls(accounting, components=components)
        recorder._restore_blocks(blocks)
        recorder.steps_done = int(history["step"][-1])
        recorder.teacher_steps = round(history["teacher_tokens"][-1] / accounting.step_tokens)
        if accounting.task.labels_vary:
            recorder.label_tokens = int(history["label_tokens"][-1])
            learnt = history.get("teacher_label_tokens", history["label_tokens"])
            recorder.teacher_labels = int(learnt[-1])
        recorder.sums = {name: float(history[name][-1]) for name in recorder.sums}
        at_end = set(EXACT)
        if history["step"][-1] != grid[-1]:  # another model is the final one
            at_end |= {_final(which) for which in cls.SCORED}
        history = {name: column for name, column in history.items() if name not in at_end}
        for i in np.flatnonzero(np.isin(history["step"], grid)):
            row = {name: column[i] for name, column in history.items()}
            last = row["step"] == grid[-1]  # a last row covers the full held-out set
            for which in () if last else cls.SCORED:
                row |= _mean(which, row[f"{which}_block_losses_nats"])
            batches = len(accounting.turn(int(row["step"])).batches)
            recorder._append(row, accounting.layout.eval_batches if last else batches)
        return recorder

    def saved(self) -> RecorderState:
        """State from which `restored` makes the same recorder, to the last bit."""
        names = [f.name for f in fields(self) if f.name not in _NOT_SAVED]
        values = {n: copy(getattr(self, n)) for n in names}
        return RecorderState(values, self.history(), self.block_columns())

    @classmethod
    def restored(
        cls,
        accounting: Accounting,
        saved: RecorderState,
        components: StreamComponents = _ONE_COMPONENT,
    ) -> "Recorder":
        """A recorder as it was when `saved` was called.

        Args:
            accounting: the same.
            saved: its state.
            components: components of the source.
        """
        recorder = cls(accounting, components=components)
        recorder._restore_blocks(saved.blocks)
        for name, value in saved.values.items():
            setattr(recorder, name, copy(value))
        recorder.status = RunStatus(recorder.status)
        points = zip(*saved.rows.values(), strict=True)
        recorder.rows = [dict(zip(saved.rows, point, strict=True)) for point in points]
        return recorder

    def add_steps(self, *columns: StepValues | None) -> None:
        """Add the next steps, up to one that is not finite: fields of `INFO`, [n] each."""
        if self.status is not RunStatus.FINISHED or self.ended:
            return
        info = self.INFO(*(None if c is None else c.astype(np.float64) for c in columns))
        bad = np.flatnonzero(info.status == StepStatus.NOT_FINITE)
        good = int(bad[0] if len(bad) else (info.status != StepStatus.NOT_RUN).sum())
        self.add_finite(self.INFO(*(None if c is None else c[:good] for c in info)))
        self.steps_done += good
        labels = self._step_labels(info, good - 1) if good else 0
        if labels:
            self.last_loss = float(getattr(info, self.LOSS)[good - 1]) / labels
        if len(bad):
            self._end(f"{self.NOT_FINITE} {self.steps_done + 1}")

    def add_finite(self, info: Any) -> None:
        """Add the fields of `INFO` of steps that are finite, [n] float64 each, to `sums`."""
        for name, source in self.SUMS.items():
            self.sums[name] = added(self.sums[name], getattr(info, source))
        if info.labels is not None:
            self.label_tokens += int(info.labels.sum())
        if self.blocks is not None:
            self._add_blocks(self.blocks, info)

    def _add_blocks(self, blocks: BlockSums, info: Any) -> None:
        learnt, before = self.learnt(info)
        names = zip(*self.BLOCKS.values(), strict=True)
        totals, losses = ([getattr(info, name) for name in each] for each in names)
        read = self.components.read(before, int(learnt.sum()))
        blocks.add(self.steps_done, totals, losses, learnt, read, info.labels)

    def _step_labels(self, info: Any, step: int) -> int:
        return self.accounting.step_labels if info.labels is None else int(info.labels[step].sum())

    def labels_so_far(self, step: int) -> dict[str, int]:
        """Columns of a record point after so many steps that count label tokens."""
        acc = self.accounting
        varied = acc.task.labels_vary
        return {"label_tokens": self.label_tokens if varied else step * acc.step_labels}

    def learnt(self, info: Any) -> tuple[Bool[np.ndarray, " steps"], int]:
        """Flags of the steps that read a batch of real data [n], and how many were read before."""
        return np.ones(len(info.status), bool), self.steps_done

    def add_record(
        self,
        step: int,
        losses: Float[np.ndarray, "sets eval_batches sequences"],
        last: bool = False,
    ) -> None:
        """Add a record point.

        Args:
            step: steps taken before it; those of the member where it has ended before.
            losses: [W, eval batches, S] nats per sequence of W sets of weights; EMA first, then
                raw (counts have one set, which stands for both).
            last: whether the run ends here; `losses` then hold the whole held-out set, else the
                eval batches of the record point's turn.
        """
        if self.status is not RunStatus.FINISHED or self.ended:
            return
        step = self.steps_done if last else step
        if not np.isfinite(losses).all():
            self._end(f"held-out loss is not finite after step {step}")
            if step:
                return  # the untrained model's row stays: a history has at least one
        self.ended = last
        acc, turn = self.accounting, self.accounting.turn(step)
        batches = range(losses.shape[1]) if last else turn.batches
        row = {
            "step": step,
            "train_tokens": step * acc.step_tokens,
            **self.labels_so_far(step),
            "teacher_tokens": self.teacher_steps * acc.step_tokens,
            **self.sums,
        }
        for i, which in enumerate(self.SCORED):
            scored = losses[min(i, len(losses) - 1)]
            row |= _mean(which, acc.block_means(scored, batches))
            own = scored[list(turn.batches)] if last else scored
            row[f"{which}_block_losses_nats"] = acc.block_means(own, turn.batches)
        if acc.layout.takes_turns:
            row[TURN] = turn.number
        self._append(row, losses.shape[1])
        if last and acc.layout.takes_turns:
            self._add_finals(losses)

    def _add_finals(self, losses: Float[np.ndarray, "sets eval_batches sequences"]) -> None:
        """Add the final model's losses on the eval batches of each record point; all at the last.

        Record points that score different sequences are compared through them.
        """
        acc = self.accounting
        for row in self.rows:
            batches = list(acc.turn(int(row["step"])).batches)
            if row is self.rows[-1]:
                batches = list(range(losses.shape[1]))
            for i, which in enumerate(self.SCORED):
                scored = losses[min(i, len(losses) - 1)]
                row[_final(which)] = acc.block_means(scored[batches], batches)

    def _append(self, row: dict[str, Any], eval_batches: int) -> None:
        acc = self.accounting
        self._eval_flops += eval_batches * acc.eval_flops(acc.layout.eval_batch_size)
        row["spent_flops"] = self._spent(row)
        self.rows.append(row)

    def add_exact(self, loss_sums: SetColumns, loss_vars: SetColumns) -> None:
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
        for row in self.rows:
            row |= {name: row.get(name, math.nan) for name in EXACT}
        last = self.rows[-1]
        for name, value in zip(EXACT, (sums[0], sums[-1], variances[0]), strict=True):
            last[name] = float(value) + (0.0 if math.isnan(last[name]) else last[name])
        acc = self.accounting
        self._eval_flops += acc.eval_flops(loss_sums.shape[1] * acc.batch_size)
        last["spent_flops"] = self._spent(last)

    def outcome(self, steps: int) -> Outcome:
        """The end of a run that was asked for `steps` batches."""
        return Outcome(self.status, self.message, self.steps_done)

    def history(self) -> History:
        """The record points as columns; block losses are [R, blocks]."""
        names = self.rows[0] if self.rows else {}
        return {name: np.stack([np.asarray(row[name]) for row in self.rows]) for name in names}

    def block_columns(self) -> BlockColumns | None:
        """Sums by block up to the last step, the columns of a stream file; None without them."""
        return None if self.blocks is None else self.blocks.columns(self.steps_done)

    def _restore_blocks(self, columns: BlockColumns | None) -> None:
        if columns is None:
            self.blocks = None
        elif self.blocks is not None:
            self.blocks.restore(columns)

    def _end(self, message: str) -> None:
        self.status, self.message = RunStatus.DIVERGED, message

    def _spent(self, row: Mapping[str, Any]) -> float:
        """FLOPs up to a record point, of which tokens are counted already."""
        trained = row["train_tokens"] * self.accounting.cost.train_flops_per_token
        return trained + self._eval_flops


def _final(which: str) -> str:
    return f"{which}_final_block_losses_nats"


def _mean(which: str, block_means: BlockMeans) -> dict[str, float]:
    mean, stderr = mean_and_stderr(block_means)
    return {f"{which}_loss_nats": mean, f"{which}_loss_stderr": stderr}
