"""The exact variant: the final model scores its training stream again."""

import functools

import jax
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.coding import exact_length
from epiplexity_jax.engine.checkpoint_hook import Interrupted
from epiplexity_jax.engine.recorder import EXACT
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.train_cohort import train_cohort
from tests.unit.engine import reference
from tests.unit.engine.jobs import BATCH, ROOT, job_of
from tests.unit.engine.toys import cycle

STEPS = 70  # more than one chunk


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
        if self.ends == 2:  # behind the first chunk that was scored again
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


def test_exact_length_refuses_what_is_not_finite():
    with pytest.raises(ConfigError, match="finite"):
        exact_length(np.nan, 1.0)
