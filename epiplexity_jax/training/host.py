"""Run a host family's member: an online code over its training stream, scored at record points."""

from collections.abc import Callable, Sequence

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
) -> Recorder:
    """Code the training stream online and the held-out set at every record point.

    Args:
        coder: a fresh coder; it has learnt the whole stream afterwards.
        stream: training batches.
        heldout: [tiles, S, L] integers.
        accounting: what a step counts; its `passes` is 1, as counts have no EMA.
        steps: batches to read.
        report: called with steps newly done and the last loss (nats per label token).

    Returns:
        The recorder, complete.
    """
    recorder = Recorder(accounting)

    def score(step: int) -> None:
        tiles = heldout if step == steps else heldout[:1]
        losses = np.stack([coder.evaluate(tile) for tile in tiles])
        recorder.add_record(step, losses[None])

    score(0)
    done = 0
    for record in record_points(steps)[1:]:
        while done < record:
            count = int(min(record - done, _CHUNK_STEPS))
            block = np.asarray(stream.block(done, count, count))
            losses = coder.observe(block.reshape(-1, block.shape[-1])).reshape(count, -1)
            spread = losses.var(axis=1, ddof=min(1, losses.shape[1] - 1)) * losses.shape[1]
            recorder.add_steps(done, losses.sum(axis=1), spread)
            done += count
            if report:
                report(count, [recorder.last_loss])
        score(int(record))
    return recorder
