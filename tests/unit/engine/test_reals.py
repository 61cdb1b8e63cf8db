"""Sources that give real numbers beside tokens, through the engine."""

import dataclasses

import jax
import numpy as np
import pytest

from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.engine.step import loss_gradient
from epiplexity_jax.engine.stream import Stream, compact, heldout_tokens
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.estimators.requential import RequentialMethod
from epiplexity_jax.families.networks.transformer import TransformerModel
from epiplexity_jax.families.spec import Task
from epiplexity_jax.resources import compiled_flops
from epiplexity_jax.sources import MarkovRows, Subsample, open_source
from epiplexity_jax.sources.spec import HostSource, WithReals
from epiplexity_jax.sources.split import Split
from tests.unit.families.toys import perturbed

BATCH, STEPS, ROOT = 8, 20, 5
DRAWN = MarkovRows(vocab_size=4, length=12, hidden=1)
FINITE = Subsample(source=DRAWN, sequences=400)
METHODS = {"prequential": PrequentialMethod(), "requential": RequentialMethod()}
kinds = pytest.mark.parametrize("kind", METHODS)


def _job(kind="prequential", config=DRAWN, microbatch=None, steps=STEPS, resume=None):
    source = open_source(config)
    layout = heldout_layout(40, BATCH)
    split = Split(source, layout.sequences, ROOT) if isinstance(source, HostSource) else None
    drawn = heldout_tokens(source, split, ROOT, layout.sequences)
    shape = (layout.eval_batches, layout.eval_batch_size)
    heldout = jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), drawn)
    members = tuple(
        MemberJob(
            ROOT,
            seed,
            Stream(source, split, ROOT, seed, BATCH),
            heldout,
            Hyperparameters(0.06, 5, Window(20, 1.0), max_kl=np.inf),
            resume=resume[seed] if resume else None,
        )
        for seed in (0, 1)
    )
    program = ProgramKey(TransformerModel(16, 2, Task.of(source.info)), METHODS[kind], microbatch)
    start = 0 if resume is None else STEPS // 2
    exact = kind == "prequential"
    return CohortJob(program, BATCH, steps, layout, members, exact=exact, start=start)


def _mesh(devices=1, data=1):
    return member_mesh(jax.devices()[:devices], data)


def _histories(job, mesh=None):
    return [result.history for result in train_cohort(job, mesh or _mesh())]


@kinds
@pytest.mark.parametrize("config", [DRAWN, FINITE], ids=["drawn", "finite"])
def test_training_learns_and_the_same_seeds_give_the_same_bits(kind, config):
    first, again = (_histories(_job(kind, config)) for _ in range(2))
    for one, two in zip(first, again, strict=True):
        for name, column in one.items():
            np.testing.assert_array_equal(column, two[name], err_msg=name)
        losses = one["heldout_raw_loss_nats"]
        assert losses[0] == pytest.approx(np.log(4), rel=1e-5)
        assert np.isfinite(losses).all()
        assert losses[-1] != losses[0]


@pytest.mark.parametrize(
    "kind", ["prequential", pytest.param("requential", marks=pytest.mark.slow)]
)
def test_two_devices_that_share_a_batch_give_the_numbers_of_one(kind):
    for one, two in zip(_histories(_job(kind)), _histories(_job(kind), _mesh(2, 2)), strict=True):
        for name, column in one.items():
            rtol = 1e-2 if name.endswith("_var") else 1e-4
            np.testing.assert_allclose(two[name], column, rtol=rtol, atol=2e-4, err_msg=name)


def test_members_on_two_devices_give_the_numbers_of_one():
    for one, two in zip(_histories(_job()), _histories(_job(), _mesh(2)), strict=True):
        for name, column in one.items():
            np.testing.assert_allclose(two[name], column, rtol=1e-4, atol=1e-4, err_msg=name)


def test_a_microbatch_has_the_reals_of_its_sequences():
    job = _job()
    params = perturbed(job.model)
    batch = jax.tree.map(lambda x: x[0], job.members[0].stream.chunk(0, 1, 1))
    losses, grads = loss_gradient(job.model, params, batch, None)
    for size in (1, 4):
        cut, sliced = loss_gradient(job.model, params, batch, size)
        np.testing.assert_allclose(cut, losses, rtol=1e-5)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), sliced, grads
        )


@kinds
def test_microbatches_give_the_losses_of_whole_batches(kind):
    for one, two in zip(*(_histories(_job(kind, microbatch=m)) for m in (2, None)), strict=True):
        name = "online_loss_sum_nats"
        np.testing.assert_allclose(one[name], two[name], rtol=1e-3)


def test_a_resumed_run_is_the_run():
    short = train_cohort(_job(steps=STEPS // 2), _mesh())
    resume = {seed: (result.state, result.history) for seed, result in enumerate(short)}
    for one, two in zip(_histories(_job()), _histories(_job(resume=resume)), strict=True):
        for name in ("online_loss_sum_nats", "heldout_raw_loss_nats"):
            np.testing.assert_array_equal(one[name][-1], two[name][-1], err_msg=name)


def test_chunks_hold_small_tokens_and_float32():
    source = open_source(FINITE)
    assert isinstance(source, HostSource)
    batch = source.read(np.arange(3))
    assert isinstance(batch, WithReals)
    small = compact(batch._replace(reals=batch.reals.astype(np.float64)), np.uint8)
    assert (small.tokens.dtype, small.reals.dtype) == (np.uint8, np.float32)
    stream = Stream(open_source(DRAWN), None, 0, 0, 8)
    assert stream.batch_bytes == 8 * (16 + 4 * 3 * 4)
    for like, leaf in zip(stream.like(3), batch, strict=True):
        assert (like.shape, like.dtype) == (leaf.shape, leaf.dtype)


def test_the_compiler_counts_a_model_of_reals_as_one_of_tokens():
    job = _job()
    task = dataclasses.replace(job.model.task, real_positions=(), real_width=None)
    plain = dataclasses.replace(job.model, task=task)
    one, two = (compiled_flops.compiled_cost(model, BATCH) for model in (job.model, plain))
    assert one.params == two.params
    assert one.train_flops_per_token == pytest.approx(two.train_flops_per_token, rel=0.02)
