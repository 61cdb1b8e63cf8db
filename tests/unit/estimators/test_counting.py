"""Codes of counts: online, and scored again where data is replayed."""

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.coding import exact_length
from epiplexity_jax.engine.accounting import Accounting
from epiplexity_jax.engine.heldout import HeldoutLayout
from epiplexity_jax.engine.recorder import EXACT
from epiplexity_jax.engine.stream import Stream
from epiplexity_jax.estimators.counting import run_coder
from epiplexity_jax.families.ngram import NgramCoder
from epiplexity_jax.families.spec import Task
from epiplexity_jax.sources.spec import SourceInfo
from epiplexity_jax.sources.split import Split
from tests.unit.engine.jobs import ROOT


class Rows:
    """A finite source of given rows."""

    def __init__(self, rows, replays):
        self.rows = np.asarray(rows)
        self.info = SourceInfo(
            vocab_size=2,
            length=self.rows.shape[1],
            label_mask=np.ones(self.rows.shape[1], bool),
            fingerprint="rows",
            replays=replays,
        )

    @property
    def sequences(self):
        return len(self.rows)

    def read(self, indices):
        return self.rows[indices]


def _counted(replays, steps):
    rows = np.random.default_rng(0).integers(0, 2, (50, 8))
    source = Rows(rows, replays)
    split = Split(source, 10, ROOT)
    coder = NgramCoder(3, 0.5, Task.of(source.info))
    layout = HeldoutLayout(10, 1, 1)
    accounting = Accounting(8, Task.of(source.info), coder.cost, layout, num_weight_sets=1)
    stream = Stream(source, split, ROOT, 0, 8)
    heldout = split.heldout(10).reshape(1, 10, 8)
    recorder = run_coder(coder, stream, heldout, accounting, steps, exact=True)
    return recorder.history(), coder, source, split


def test_counts_score_every_replay_again():
    """40 training sequences read 3 times in batches of 8: 15 steps; the sums by hand."""
    history, coder, _, split = _counted(replays=3, steps=15)
    train = split.chunks(0, 0, 15, 8).reshape(-1, 8)
    rows, counts = np.unique(train, axis=0, return_counts=True)
    assert (counts % 3 == 0).all()
    expected = float((coder.evaluate(rows) * counts).sum())
    assert history[EXACT[0]][-1] == pytest.approx(expected, rel=1e-12)
    assert exact_length(history["online_loss_sum_nats"][-1], expected) > 0


def test_replays_are_read_in_new_orders_and_no_more_often():
    _, _, source, split = _counted(replays=3, steps=15)
    assert split.max_steps(8) == 15
    with pytest.raises(DataError, match="read 3 times, at most 15 steps"):
        split.check(16, 8)
    epochs = split.chunks(0, 0, 15, 8).reshape(3, 40, 8)
    numbers = {row.tobytes(): i for i, row in enumerate(source.rows)}
    orders = [[numbers[row.tobytes()] for row in epoch] for epoch in epochs]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[2])
    assert orders[0] != orders[1] != orders[2]
    later = split.chunks(0, 7, 3, 8)  # over the end of the first epoch
    np.testing.assert_array_equal(later.reshape(-1, 8), epochs.reshape(-1, 8)[56:80])
