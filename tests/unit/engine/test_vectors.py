"""Sources of vectors and sources whose inputs have an alphabet of their own, through the engine."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.keys import key
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.state import Hyperparameters, initial_state
from epiplexity_jax.engine.step import sequence_losses, train_step
from epiplexity_jax.engine.stream import Stream, compact, heldout_tokens
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.families.networks.mlp import Mlp
from epiplexity_jax.families.registry import open_family
from epiplexity_jax.families.spec import Size, Task
from epiplexity_jax.resources import compiled_flops
from epiplexity_jax.sources.spec import SourceInfo, Vectors

PREQUENTIAL = PrequentialMethod()
HYPER = Hyperparameters(0.03, 5, Window(10, 1.0))

F, BATCH, STEPS, ROOT = 3, 16, 40, 5


@dataclass(frozen=True)
class LargestSampler:
    """The label of a vector is the place of its largest entry."""

    def __call__(self, parameters, key, count):
        x = jax.random.normal(key, (count, F))
        return Vectors(x, jnp.argmax(x, axis=1, keepdims=True))


class Largest:
    info = SourceInfo(
        vocab_size=F,
        length=2,
        label_mask=np.array([False, True]),
        fingerprint="largest",
        features=F,
        entropy_rate_nats=0.0,
    )
    sampler = LargestSampler()
    parameters = ()


def _job(microbatch=None, exact=False):
    source = Largest()
    task = Task.of(source.info)
    layout = heldout_layout(256, BATCH)
    drawn = heldout_tokens(source, None, ROOT, layout.sequences)
    heldout = jax.tree.map(
        lambda x: x.reshape(layout.eval_batches, layout.eval_batch_size, -1), drawn
    )
    members = tuple(
        MemberJob(ROOT, seed, Stream(source, None, ROOT, seed, BATCH), heldout, HYPER)
        for seed in range(3)
    )
    model = open_family(Mlp(widths=(8,), depths=(1,))).model(
        Size.of(width=8, depth=1), task, "float32", "cpu"
    )
    program = ProgramKey(model, PREQUENTIAL, microbatch)
    return CohortJob(program, BATCH, STEPS, layout, members, exact=exact)


def _plain(job, seed):
    """One member step by step with the pure step function; its state and loss sums."""
    state = initial_state(jax.jit(job.model.init)(key(ROOT, "init", seed)))
    step = jax.jit(
        lambda s, b: train_step(job.model, s, b, Hyperparameters(0.03, 5, Window(10, 1.0)))
    )
    sums = []
    for t in range(STEPS):
        block = job.members[seed].stream.chunk(t, 1, 1)
        state, info = step(state, jax.tree.map(lambda x: x[0], block))
        sums.append(float(info.loss_sum))
    return state, np.array(sums)


def test_vectors_train_in_a_cohort_as_alone():
    job = _job(exact=True)
    results = train_cohort(job, member_mesh())
    losses = jax.jit(lambda params, batch: sequence_losses(job.model, params, batch))
    for seed, result in enumerate(results):
        state, sums = _plain(job, seed)
        online = result.history["online_loss_sum_nats"]
        assert online[-1] == pytest.approx(sums.sum(), rel=1e-5)
        last = result.history["heldout_raw_loss_nats"]
        heldout = jax.tree.map(lambda x: x.reshape(-1, x.shape[-1]), job.members[0].heldout)
        assert last[-1] == pytest.approx(float(losses(state.params, heldout).mean()), rel=1e-4)
        assert last[0] == pytest.approx(np.log(F), rel=1e-6)
        assert last[-1] < 0.8 * np.log(F)
        stream = [job.members[seed].stream.chunk(t, 1, 1) for t in range(STEPS)]
        again = [losses(state.params, jax.tree.map(lambda x: x[0], b)) for b in stream]
        expected = float(np.sum(np.asarray(again, np.float64)))
        assert result.history["exact_raw_loss_sum_nats"][-1] == pytest.approx(expected, rel=1e-4)


def test_slices_of_a_batch_of_vectors_give_the_same_gradient():
    whole, sliced = (train_cohort(_job(m), member_mesh()) for m in (None, 4))
    for one, two in zip(whole, sliced, strict=True):
        np.testing.assert_allclose(
            one.history["online_loss_sum_nats"], two.history["online_loss_sum_nats"], rtol=1e-4
        )


def test_tokens_are_compact_and_vectors_stay_what_they_are():
    batch = Vectors(np.ones((2, F)), np.array([[0], [2]]))
    small = compact(batch, np.uint8)
    assert small.inputs.dtype == np.float32
    assert small.labels.dtype == np.uint8
    assert Stream(Largest(), None, 0, 0, 8).batch_bytes == 8 * (4 * F + 1)


def test_compiler_counts_the_flops_of_vectors():
    """One matrix of F x 8 and the rest: the count is at least that of the products."""
    job = _job()
    cost = compiled_flops.compiled_cost(job.model, BATCH)
    assert cost.params == job.model.cost.params
    products = sum(
        2 * leaf.size
        for leaf in jax.tree.leaves(jax.eval_shape(job.model.init, jax.random.key(0)))
        if leaf.ndim == 2
    )
    assert cost.eval_flops_per_token >= products / job.model.task.total_tokens
    assert cost.train_flops_per_token > 2 * cost.eval_flops_per_token * 0.9
