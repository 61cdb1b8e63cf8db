"""Train count families: one run at a time, on the host."""

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.human import memory
from epiplexity_jax.checkpoints.keeper import Checkpoints, Restored
from epiplexity_jax.engine.accounting import Accounting
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.estimators.counting import run_coder
from epiplexity_jax.runtime.devices import host_memory
from epiplexity_jax.store import Store
from epiplexity_jax.sweep.hardware import USABLE, Hardware
from epiplexity_jax.sweep.run_row import finished_row
from epiplexity_jax.sweep.run_spec import CountingRun
from epiplexity_jax.sweep.trainer import WaveTiming, timed
from epiplexity_jax.sweep.wave import FinishedRun, Wave, WaveContext

_TIMED_STEPS = 16
_COPIES = 4  # of a batch in 8 bytes a token: drawn, with its contexts, their counts, its losses


@dataclass(frozen=True)
class CountingTrainer:
    """The trainer of count families (see `trainer.Trainer`)."""

    runs: Mapping[str, CountingRun]
    on_device: bool = False

    def restore(
        self, todo: Sequence[CountingRun], checkpoints: Checkpoints, store: Store
    ) -> tuple[dict[str, Restored], list[str]]:
        """See `Trainer`: counts have no states, and are made anew."""
        return {}, []

    def restore_wave(self, wave: Wave, checkpoints: Checkpoints) -> tuple[Wave, list[str]]:
        """See `Trainer`: the wave is the same, as counts are made anew."""
        return wave, []

    def waves(
        self, todo: Sequence[CountingRun], restored: Mapping[str, Restored], hardware: Hardware
    ) -> list[Wave]:
        """See `Trainer`: every run is a wave.

        Raises:
            ConfigError: when the host's memory does not hold a batch and its losses.
        """
        for run in todo:
            _check_memory(run)
        return [Wave((run.run_id,), run.iterations) for run in todo]

    def train(self, wave: Wave, context: WaveContext) -> list[FinishedRun]:
        """Code the stream of one run online, and score the counts at its record points."""
        run = self.runs[wave.run_ids[0]]
        coder = run.program.coder()
        accounting = Accounting(
            batch_size=run.batch_size,
            task=run.dataset.task,
            cost=coder.cost,
            layout=run.dataset.layout,
            num_weight_sets=1,
        )

        def report(steps: int, losses: Sequence[float]) -> None:
            tokens = steps * run.tokens_per_step
            context.progress.advance(steps, tokens, {run.label: losses[0]})
            context.tracking.advance(steps, tokens)
            if context.stop():
                raise Interrupted

        began = time.monotonic()
        stream = run.dataset.stream(run.seed, run.batch_size)
        recorder = run_coder(
            coder, stream, run.dataset.heldout, accounting, run.steps, report, run.exact
        )
        row = finished_row(run, wave, recorder.outcome(run.steps), time.monotonic() - began)
        return [FinishedRun(row, recorder.history(), None, recorder.block_columns())]

    def time(self, wave: Wave, devices: Sequence[Any]) -> WaveTiming:
        """Count a few batches."""
        run = self.runs[wave.run_ids[0]]
        coder = run.program.coder()
        stream = run.dataset.stream(run.seed, run.batch_size)
        count = min(_TIMED_STEPS, run.steps)
        stream.chunk(0, count, count)  # compiles
        drawing, chunk = timed(lambda: jax.tree.map(np.asarray, stream.chunk(0, count, count)))
        rows: Any = jax.tree.map(lambda x: x.reshape(-1, x.shape[-1]), chunk)
        observing, _ = timed(lambda: coder.observe(rows))
        batch: Any = jax.tree.map(lambda x: np.asarray(x[0]), run.dataset.heldout)
        record, _ = timed(lambda: coder.evaluate(batch))
        layout = run.dataset.layout
        return WaveTiming(
            compile_seconds=0.0,
            step_seconds=(drawing + observing) / count,
            data_seconds=drawing / count,
            record_seconds=record,
            record_batches=functools.partial(layout.record_batches, batch_size=run.batch_size),
            heldout_seconds=record * layout.eval_batches,
            rescore_seconds=run.exact
            * (drawing / count + record * run.batch_size / layout.eval_batch_size),
            memory_bytes=None,
        )


def _check_memory(run: CountingRun) -> None:
    needed, there = _COPIES * run.batch_size * run.dataset.task.total_tokens * 8, host_memory()
    if needed > USABLE * there:
        raise ConfigError(
            f"sources.{run.dataset.name}: a batch of {run.batch_size} sequences of "
            f"{run.dataset.task.total_tokens:,} tokens needs {memory(needed)}, and the host has "
            f"{memory(there)}, of which {USABLE:.0%} may be used; take a shorter length or a "
            "smaller training.batch_size"
        )
