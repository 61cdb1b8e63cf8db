"""Run a host family's member: an online code over its training stream, scored at record points."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from epiplexity_jax.coding import record_points
from epiplexity_jax.families.spec import Coder
from epiplexity_jax.training.data import Stream
from epiplexity_jax.training.record import Accounting, Recorder

_CHUNK_STEPS = 256


def run_coder(
    coder: Coder,
    stream: Stream,
    heldout: np.ndarray,
    accounting: Accounting,
    steps: int,
    report: Callable[[int, Sequence[float]], None] | None = None,
    exact: bool = False,
) -> Recorder:
    """Code the training stream online and the held-out set at every record point.

    Args:
        coder: a fresh coder; it has learnt the whole stream afterwards.
        stream: training batches.
        heldout: [tiles, S, L] integers.
        accounting: what a step counts; its `passes` is 1, as counts have no EMA.
        steps: batches to read.
        report: called with steps newly done and the last loss (nats per label token).
        exact: the final counts score the training stream again.

    Returns:
        The recorder, complete.
    """
    recorder = Recorder(accounting)

    def score(step: int) -> None:
        tiles = heldout if step == steps else heldout[:1]
        losses = np.stack([coder.evaluate(tile) for tile in tiles])
        recorder.add_record(step, losses[None])

    def batches(first: int, count: int, code: Callable[[np.ndarray], np.ndarray]) -> Any:
        """Sums of the batches first..first+count-1 and their variances, [count] each."""
        block = np.asarray(stream.block(first, count, count))
        losses = code(block.reshape(-1, block.shape[-1])).reshape(count, -1)
        spread = losses.var(axis=1, ddof=min(1, losses.shape[1] - 1)) * losses.shape[1]
        return losses.sum(axis=1), spread

    score(0)
    done = 0
    for record in record_points(steps)[1:]:
        while done < record:
            count = int(min(record - done, _CHUNK_STEPS))
            recorder.add_steps(done, *batches(done, count, coder.observe))
            done += count
            if report:
                report(count, [recorder.last_loss])
        score(int(record))
    for first in range(0, steps, _CHUNK_STEPS) if exact else ():
        sums, spread = batches(first, min(_CHUNK_STEPS, steps - first), coder.evaluate)
        recorder.add_exact(sums[None], spread[None])
    return recorder
