"""Numbers of a sweep for trackers: the host has them in any case, and gives them to threads."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.units import nats_to_bits
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.trackers.spec import Plain, Series, Sink
from epiplexity_jax.trackers.worker import Worker

Row = Mapping[str, Any]
Lengths = Callable[[Row, Mapping[str, Any]], Mapping[str, float | None]]

_CONFIG = (
    *("run_id", "source", "family", "size", "params", "learning_rate", "seed"),
    *("estimator", "steps", "batch_size"),
)
_EVERY = 10.0  # seconds between two rates of the sweep
_LONGEST = 60  # characters of a name, before its hash
_CLOSING = 5.0  # seconds that the end waits for all sinks together


class Tracking:
    """Logs to sinks record points, ends of runs and the sweep's rate; none of them can fail it.

    Args:
        sinks: the sinks, each with its name; none: nothing is done.
        store: the store's folder.
        say: called with a sentence on what was given up or left out.
        lengths: function from row and history to final lengths, bits; called in a sink's thread.
    """

    def __init__(
        self,
        sinks: Sequence[tuple[str, Sink]] = (),
        store: Path = Path(),
        say: Callable[[str], None] = lambda text: None,
        lengths: Lengths = lambda row, history: {},
    ):
        self._sinks, self._store, self._say, self._lengths = tuple(sinks), store, say, lengths
        self._workers: list[Worker] = []
        self._last: dict[str, Row] = {}  # record point of each run

    def start(self, run_ids: Sequence[str], member_steps: int) -> None:
        """Start the sinks, with the member-steps that were trained before.

        The ids of all runs of the sweep name the series of its rate.
        """
        self._run_ids, self._steps = tuple(run_ids), member_steps
        self._since, self._new_steps, self._new_tokens = time.monotonic(), 0, 0
        self._workers = [Worker(name, sink, self._store) for name, sink in self._sinks]

    def record(self, run: RunSpec, row: Row) -> None:
        """Log a record point of a run, columns of a history, unless it was logged before."""
        before = self._last.get(run.run_id)
        if not self._workers or (before is not None and row["step"] <= before["step"]):
            return
        self._last[run.run_id] = row
        self._log(self._series(run), int(row["step"]), _numbers(row, before))

    def advance(self, member_steps: int, tokens: int) -> None:
        """Add member-steps and tokens newly trained."""
        if not self._workers:
            return
        self._new_steps += member_steps
        self._new_tokens += tokens
        if time.monotonic() - self._since > _EVERY:
            self._log_rate()
        self._complain()

    def done(self, run: RunSpec, row: Row, history: Mapping[str, Any]) -> None:
        """Finish the series of a committed run, with the record points that were not logged before.

        Args:
            run: the run.
            row: its row in the store.
            history: its columns.
        """
        if not self._workers:
            return
        for i in range(len(history.get("step", ()))):
            self.record(run, {name: column[i] for name, column in history.items()})
        self._last.pop(run.run_id, None)
        series, lengths = self._series(run), self._lengths

        def finish(sink: Sink) -> None:
            ended = {name: row[name] for name in ("status", "message", "steps_done")}
            sink.finish(series, ended | dict(lengths(row, history)))

        self._give(finish)

    def close(self) -> None:
        """Log the last rate, wait a few seconds for the sinks, and say what went wrong."""
        if not self._workers:
            return
        if self._new_steps:
            self._log_rate()
        self._complain()
        deadline = time.monotonic() + _CLOSING
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.let_end()
        for worker in workers:
            for sentence in worker.wait(deadline):
                self._say(sentence)

    def _series(self, run: RunSpec) -> Series:
        config: dict[str, Plain] = {name: run.row[name] for name in _CONFIG}
        rate = "" if run.learning_rate is None else f" lr {run.learning_rate:g}"
        words = f"{run.dataset.name} {run.size}{rate} seed {run.seed}"
        return self._named(words, run.run_id, config)

    def _named(self, words: str, series_id: str, config: dict[str, Plain]) -> Series:
        group = self._store.resolve().name
        return Series(series_id, _file_name(words, series_id), group, config)

    def _log_rate(self) -> None:
        now = time.monotonic()
        seconds = max(now - self._since, 1e-9)
        self._steps += self._new_steps
        values = {
            "member_steps_per_second": self._new_steps / seconds,
            "tokens_per_second": self._new_tokens / seconds,
        }
        self._since, self._new_steps, self._new_tokens = now, 0, 0
        sweep_id = fingerprint("".join(sorted(self._run_ids)))
        series = self._named("sweep", sweep_id, {"runs": len(self._run_ids)})
        self._log(series, self._steps, values)

    def _log(self, series: Series, step: int, values: Mapping[str, float]) -> None:
        finite = {name: float(v) for name, v in values.items() if math.isfinite(v)}
        self._give(lambda sink: sink.log(series, step, finite))

    def _give(self, job: Callable[[Sink], None]) -> None:
        for worker in self._workers:
            worker.give(job)
        self._complain()

    def _complain(self) -> None:
        for worker in self._workers:
            if complaint := worker.complaint():
                self._say(complaint)


def _numbers(row: Row, before: Row | None) -> dict[str, float]:
    """A record point in tokens, FLOPs and bits per label token.

    Online losses, and the KL of a requential run, are means since the record point before.
    """
    numbers = {
        "train_tokens": float(row["train_tokens"]),
        "spent_flops": float(row["spent_flops"]),
        "heldout_loss_bits": nats_to_bits(float(row["heldout_loss_nats"])),
    }
    before = before or dict.fromkeys(row, 0.0)
    sums = [("online_loss_bits", "online_loss_sum_nats", _learnt(row) - _learnt(before))]
    if "kl_sum_nats" in row:
        sums.append(("kl_bits", "kl_sum_nats", float(row["label_tokens"] - before["label_tokens"])))
    for name, column, new in sums:
        if new > 0:
            nats = float(row[column]) - float(before[column])
            numbers[name] = nats_to_bits(nats / new)
    return numbers


def _learnt(row: Row) -> float:
    """Real labels learnt so far: by the teacher, where there is one."""
    if "teacher_label_tokens" in row:
        return float(row["teacher_label_tokens"])
    labels = float(row["label_tokens"])
    if "kl_sum_nats" not in row or not row["train_tokens"]:
        return labels
    return labels * float(row["teacher_tokens"]) / float(row["train_tokens"])


def _file_name(words: str, digest: str) -> str:
    """Words and a hash as a name for a file.

    >>> _file_name("a b, width 8", "0123456789abcdef")
    'a-b-width-8-01234567'
    """
    plain = "".join(c if c.isalnum() or c in "._+=" else " " for c in words)
    return "-".join([*plain[:_LONGEST].split(), digest[:8]])
