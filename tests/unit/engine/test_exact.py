"""The exact variant: the final model scores its training stream again."""

import functools

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.coding import exact_length
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.engine.heldout import HeldoutLayout
from epiplexity_jax.engine.recorder import EXACT, Accounting
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.stream import Stream
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.estimators.counting import run_coder
from epiplexity_jax.families.ngram import NgramCoder
from epiplexity_jax.families.spec import Task
from epiplexity_jax.sources.spec import SourceInfo
from epiplexity_jax.sources.split import Split
from tests.unit.engine import reference
from tests.unit.engine.test_train_cohort import BATCH, ROOT, job_of
from tests.unit.engine.toys import cycle

STEPS = 70  # more than one block


def _again(model, params, source, seed):
    """Sum over the training stream of the losses of fixed weights, batch by batch."""
    losses = jax.jit(functools.partial(reference.losses, model))
    batches = [reference.batch(source, ROOT, seed, t, BATCH) for t in range(STEPS)]
    each = [np.asarray(losses(params, batch), np.float64) for batch in batches]
    return sum(x.sum() for x in each), sum(BATCH * x.var(ddof=1) for x in each)


def _exact_job(**options):
    job = job_of(cycle(), [0, 1, 2], steps=STEPS, **options)
    return type(job)(**(vars(job) | {"exact": True}))


@pytest.mark.parametrize("devices", [2])
def test_final_weights_score_the_same_batches(devices):
    job, source = _exact_job(), cycle()
    results = train_cohort(job, member_mesh(jax.devices()[:devices]))
    for seed, result in enumerate(results):
        for weights, name in (("ema", EXACT[0]), ("params", EXACT[1])):
            expected, variance = _again(job.model, getattr(result.state, weights), source, seed)
            column = result.history[name]
            assert np.isnan(column[:-1]).all()
            assert column[-1] == pytest.approx(expected, rel=1e-5)
            if weights == "ema":
                assert result.history[EXACT[2]][-1] == pytest.approx(variance, rel=1e-3)


def test_a_finished_run_is_only_scored_again():
    """Continuing a run of as many steps trains nothing and changes nothing else."""
    plain = train_cohort(job_of(cycle(), [0, 1, 2], steps=STEPS), member_mesh(jax.devices()[:1]))
    resume = {seed: (r.state, r.history) for seed, r in enumerate(plain)}
    mesh = member_mesh(jax.devices()[:1])
    whole = train_cohort(_exact_job(), mesh)
    scored = train_cohort(_exact_job(resume=resume, start=STEPS), mesh)
    for before, once, again in zip(plain, whole, scored, strict=True):
        for name in before.history:
            if name != "spent_flops":
                np.testing.assert_array_equal(again.history[name], before.history[name])
            np.testing.assert_array_equal(again.history[name], once.history[name])
        for name in EXACT:
            np.testing.assert_array_equal(again.history[name], once.history[name])


class LateKeeper:
    """Keeps a cohort while its models score their streams again, and ends it."""

    def __init__(self):
        self.ends, self.kept = 0, None

    def due(self):
        return True

    def keep(self, iteration, states, records):
        self.ends += iteration == STEPS
        if self.ends == 2:  # behind the first block that was scored again
            self.kept = jax.device_get(states), records
            raise Interrupted


def test_an_end_while_streams_are_scored_again_is_heard_and_changes_nothing():
    mesh, keeper = member_mesh(jax.devices()[:1]), LateKeeper()
    with pytest.raises(Interrupted):
        train_cohort(_exact_job(), mesh, hook=keeper)
    states, records = keeper.kept
    resume = {i: (jax.tree.map(lambda x, i=i: x[i], states), records[i]) for i in range(3)}
    resumed = train_cohort(_exact_job(resume=resume, start=STEPS), mesh)
    for one, other in zip(train_cohort(_exact_job(), mesh), resumed, strict=True):
        assert one.history.keys() == other.history.keys()
        for name, column in one.history.items():
            np.testing.assert_array_equal(column, other.history[name], err_msg=name)


def test_a_longer_run_forgets_the_score_of_a_shorter_one():
    mesh = member_mesh(jax.devices()[:1])
    short = train_cohort(_exact_job(), mesh)
    resume = {seed: (r.state, r.history) for seed, r in enumerate(short)}
    job = job_of(cycle(), [0, 1, 2], steps=STEPS + 10, resume=resume, start=STEPS)
    for result in train_cohort(job, mesh):
        assert not set(EXACT) & set(result.history)


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
    accounting = Accounting(8, 8, 9, coder.cost, layout, num_weight_sets=1)
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


def test_exact_length_refuses_what_is_not_finite():
    with pytest.raises(ConfigError, match="finite"):
        exact_length(np.nan, 1.0)
