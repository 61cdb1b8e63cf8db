"""Run a host family's member: an online code over its training stream, scored at record points."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float64

from epiplexity_jax.coding import record_points
from epiplexity_jax.engine.accounting import Accounting
from epiplexity_jax.engine.components import StreamComponents
from epiplexity_jax.engine.recorder import Recorder
from epiplexity_jax.engine.state import StepStatus
from epiplexity_jax.engine.stream import CHUNK_BYTES, Stream
from epiplexity_jax.families.spec import Coder, HostFamily, Nats, Size, Task
from epiplexity_jax.sources.spec import Batch

Sums = Float64[np.ndarray, " batches"]
Losses = Float64[np.ndarray, "batches sequences"]


class CountingProgram(NamedTuple):
    """The static part of a run that counts: equal for runs of one size on sources of one shape."""

    family: HostFamily
    size: Size
    task: Task

    def coder(self) -> Coder:
        """Make a fresh coder.

        Raises:
            ConfigError: when the size does not suit the task.
        """
        return self.family.coder(self.size, self.task)


_CHUNK_STEPS = 256


def run_coder(
    coder: Coder,
    stream: Stream,
    heldout: Batch,
    accounting: Accounting,
    steps: int,
    report: Callable[[int, Sequence[float]], None] | None = None,
    exact: bool = False,
) -> Recorder:
    """Code the training stream online and the held-out set at every record point.

    Args:
        coder: a fresh coder; it has learnt the whole stream afterwards.
        stream: training batches.
        heldout: [eval batches, S, L] integers, or `MaskedTokens`.
        accounting: what a step counts; its `num_weight_sets` is 1, as counts have no EMA.
        steps: batches to read.
        report: called with steps newly done and the last loss (nats per label token); what it
            raises ends the run.
        exact: the final counts score the training stream again.

    Returns:
        The recorder, complete.
    """
    accounting = accounting.for_heldout(heldout)
    recorder = Recorder(accounting, components=StreamComponents(stream))
    task, layout = accounting.task, accounting.layout

    def score(step: int) -> None:
        batches = layout.scored(step, accounting.batch_size, step == steps)
        losses = np.stack([coder.evaluate(_at(heldout, i)) for i in batches])
        recorder.add_record(step, losses[None], step == steps)

    score(0)
    records = set(record_points(steps).tolist())
    for start, chunk in _chunks(stream, steps):
        end = start + len(jax.tree.leaves(chunk)[0])
        cuts = sorted({start, end} | records & set(range(start, end)))
        for first, stop in itertools.pairwise(cuts):
            part = _at(chunk, slice(first - start, stop - start))
            *both, losses = _sums(part, coder.observe, task)
            status = np.full(len(losses), StepStatus.OK)
            recorder.add_steps(*both, status, losses, task.label_counts(part))
            if report:
                report(stop - first, [recorder.last_loss])
            if stop in records:
                score(stop)
    for _, chunk in _chunks(stream, steps) if exact else ():
        recorder.add_exact(*(each[None] for each in _sums(chunk, coder.evaluate, task)[:2]))
        if report:
            report(0, [recorder.last_loss])
    return recorder


def _sums(batches: Batch, code: Callable[[Any], Nats], task: Task) -> tuple[Sums, Sums, Losses]:
    """Code [n, B, L]: sums of the batches' losses, their variances [n], and losses [n, B]."""
    rows = jax.tree.map(lambda x: x.reshape(-1, x.shape[-1]), batches)
    losses = code(rows).reshape(len(jax.tree.leaves(batches)[0]), -1)
    counts, size, rest = task.label_counts(batches), losses.shape[1], losses
    if counts is not None:  # how many labels there are is no error
        mean = losses.sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
        rest = losses - counts * mean[:, None]
    spread = rest.var(axis=1, ddof=min(1, size - 1)) * size
    return losses.sum(axis=1), spread, losses


def _at(batches: Batch, where: int | slice) -> Batch:
    return jax.tree.map(lambda x: x[where], batches)


def _chunks(stream: Stream, steps: int) -> Iterator[tuple[int, Batch]]:
    """Cut a stream into chunks [n, B, L] of one shape, so that a drawn source compiles once."""
    size = max(1, min(_CHUNK_STEPS, CHUNK_BYTES // stream.batch_bytes))
    for first in range(0, steps, size):
        count = min(size, steps - first)
        chunk = stream.chunk(first, count, size)
        yield first, jax.tree.map(lambda x, count=count: np.asarray(x)[:count], chunk)
