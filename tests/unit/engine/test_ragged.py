"""Labels paid per sequence: counted, weighed and summed as each sequence's own mask says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.engine import step
from epiplexity_jax.engine.heldout import HeldoutLayout
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.families.networks.transformer import TransformerModel
from epiplexity_jax.families.sampling import sample, sample_by_forward
from epiplexity_jax.families.spec import Task
from epiplexity_jax.sources.files.tokens import from_array
from epiplexity_jax.sources.spec import MaskedTokens
from tests.unit.engine.ragged_jobs import (
    BATCH,
    LENGTH,
    STEPS,
    VOCAB,
    forced,
    job_of,
    ragged_source,
    rows_and_mask,
)

RNG = np.random.default_rng(3)
SOURCE = ragged_source()
MODEL = TransformerModel(16, 2, Task.of(SOURCE.info))
PARAMS = jax.tree.map(  # none is zero, so that every weight matters
    lambda x: x + jnp.asarray(0.3 * RNG.normal(size=x.shape), x.dtype),
    MODEL.init(jax.random.key(0)),
)
ROWS, MASK = rows_and_mask()
WHOLE = MaskedTokens(jnp.asarray(ROWS[:BATCH]), jnp.asarray(MASK[:BATCH]))


def close(one, two, **tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), one, two)


def mesh(devices=1, data=1):
    return member_mesh(jax.devices()[:devices], data)


def histories(results):
    return [result.history for result in results]


def test_the_loss_and_its_gradient_are_means_over_the_labels_that_are_paid_for():
    losses, grads = step.loss_gradient(MODEL, PARAMS, WHOLE, None)

    def mean(params):
        inputs, labels = step.shift(WHOLE, MODEL.task)
        each = jax.nn.log_softmax(MODEL.logits(params, inputs))
        chosen = jnp.take_along_axis(each, labels[..., None], -1)[..., 0]
        return -(chosen * WHOLE.mask).sum() / WHOLE.mask.sum()

    value, expected = jax.value_and_grad(mean)(PARAMS)
    assert not np.asarray(WHOLE.mask.sum(1)).all()  # one pays for nothing
    np.testing.assert_allclose(losses.sum() / WHOLE.mask.sum(), value, rtol=1e-6)
    close(grads, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("microbatch", [1, 2, 4])
def test_a_microbatch_weighs_as_many_labels_as_it_has(microbatch):
    losses, grads = step.loss_gradient(MODEL, PARAMS, WHOLE, None)
    cut, sliced = step.loss_gradient(MODEL, PARAMS, WHOLE, microbatch)
    np.testing.assert_allclose(losses, cut, rtol=1e-6)
    close(grads, sliced, rtol=1e-4, atol=1e-7)


def test_a_batch_without_labels_is_a_step_of_loss_and_gradient_0():
    nothing = WHOLE._replace(mask=jnp.zeros_like(WHOLE.mask))
    losses, grads = step.loss_gradient(MODEL, PARAMS, nothing, 2)
    assert not np.asarray(losses).any()
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(grads))
    total, variance = step.sum_and_variance(losses, MODEL.task.label_counts(nothing))
    assert (float(total), float(variance)) == (0.0, 0.0)


def test_what_lies_behind_the_last_label_decides_nothing():
    other = jnp.asarray(RNG.integers(0, VOCAB, ROWS[:BATCH].shape))
    read = np.logical_or.accumulate(MASK[:BATCH, ::-1], axis=1)[:, ::-1]
    changed = WHOLE._replace(tokens=jnp.where(read, WHOLE.tokens, other))
    assert (np.asarray(changed.tokens) != np.asarray(WHOLE.tokens)).any()
    key = jax.random.key(1)
    for function in (
        lambda batch: step.loss_gradient(MODEL, PARAMS, batch, None),
        lambda batch: jnp.where(batch.mask, sample(MODEL, PARAMS, batch, key)[0].tokens, 0),
    ):
        one, two = jax.jit(function)(WHOLE), jax.jit(function)(changed)
        jax.tree.map(np.testing.assert_array_equal, one, two)
    wild = np.where(read, ROWS[:BATCH], -100)
    assert from_array(wild, mask=MASK[:BATCH], vocab_size=VOCAB).info.fingerprint == (
        from_array(ROWS[:BATCH], mask=MASK[:BATCH], vocab_size=VOCAB).info.fingerprint
    )


def test_padding_at_the_front_is_moved_to_the_end():
    counts = RNG.integers(2, LENGTH, 50)
    front, back = np.full((2, 50, LENGTH), 9)
    for i, count in enumerate(counts):
        front[i, LENGTH - count :] = back[i, :count] = RNG.integers(0, VOCAB, count)
    one, two = from_array(front, pad=9), from_array(back, pad=9)
    assert one.info.fingerprint == two.info.fingerprint
    jax.tree.map(np.testing.assert_array_equal, one.read(range(50)), two.read(range(50)))


@pytest.mark.parametrize("way", [sample, sample_by_forward])
def test_only_labels_that_are_paid_for_are_sampled(way):
    batch, logits = way(MODEL, PARAMS, WHOLE, jax.random.key(2))
    kept = ~np.asarray(WHOLE.mask)
    drawn, given = np.asarray(batch.tokens), np.asarray(WHOLE.tokens)
    np.testing.assert_array_equal(drawn[kept], given[kept])
    assert (drawn != given).any()
    inputs, _ = step.shift(batch, MODEL.task)
    expected = np.asarray(MODEL.logits(PARAMS, inputs))  # of the sequence as it was drawn
    paid = np.asarray(MODEL.task.paid(batch))
    np.testing.assert_allclose(np.asarray(logits)[paid], expected[paid], atol=2e-5)


def test_equal_masks_draw_what_a_static_mask_draws():
    full = MaskedTokens(WHOLE.tokens, jnp.ones_like(WHOLE.mask))
    static, _ = sample(MODEL, PARAMS, WHOLE.tokens, jax.random.key(2))
    np.testing.assert_array_equal(sample(MODEL, PARAMS, full, jax.random.key(2))[0].tokens, static)


@pytest.mark.parametrize("given", [0, 5])
@pytest.mark.parametrize("kind", ["prequential", "requential"])
def test_equal_masks_give_the_numbers_of_a_static_one(kind, given):
    rows, _ = rows_and_mask()
    mask = np.broadcast_to(np.arange(LENGTH) >= given, rows.shape)
    source = from_array(rows, mask=mask, vocab_size=VOCAB)
    assert not source.info.labels_vary
    one, two = (train_cohort(job_of(s, kind), mesh()) for s in (source, forced(source)))
    for static, varying in zip(histories(one), histories(two), strict=True):
        for name, column in static.items():
            rtol = 1e-3 if name.endswith("_var") else 2e-5
            np.testing.assert_allclose(varying[name], column, rtol=rtol, atol=3e-5, err_msg=name)


@pytest.mark.parametrize("kind", ["prequential", "requential"])
def test_labels_are_counted_exactly_and_blocks_sum_to_the_totals(kind):
    job = job_of(SOURCE, kind, max_kl=1e-4 if kind == "requential" else np.inf)
    for member, result in zip(job.members, train_cohort(job, mesh()), strict=True):
        read = member.stream.chunk(0, STEPS, STEPS).mask.sum(axis=(1, 2))
        history, blocks = result.history, result.blocks
        learnt = history.get("teacher_label_tokens", history["label_tokens"])
        taken = history["teacher_tokens" if kind == "requential" else "train_tokens"]
        steps = taken // job.accounting.step_tokens
        np.testing.assert_array_equal(learnt, np.r_[0, np.cumsum(read)][steps])
        np.testing.assert_array_equal(blocks["label_tokens"][-1], learnt[-1])
        for name in ("online_loss", *(["kl", "kl_raw"] if kind == "requential" else [])):
            total = history[f"{name}_sum_nats"][-1]
            assert blocks[f"{name}_nats"].sum() == pytest.approx(total, rel=1e-9)
            groups = blocks[f"{name}_groups_nats"].sum()
            assert groups == pytest.approx(total, rel=1e-6)  # float32 sums of sequences
        assert blocks["group_label_tokens"].sum() == learnt[-1]
        if kind == "requential":
            assert history["label_tokens"][-1] > learnt[-1]  # it waited


def test_held_out_losses_are_means_over_held_out_labels():
    job = job_of(SOURCE, steps=2)
    result = train_cohort(job, mesh())[0]
    heldout = job.members[0].heldout
    losses = step.sequence_losses(
        job.model,
        jax.tree.map(jnp.asarray, result.state.params),
        jax.tree.map(lambda x: x.reshape(-1, LENGTH), heldout),
    )
    expected = np.asarray(losses, np.float64).sum() / heldout.mask.sum()
    assert result.history["heldout_raw_loss_nats"][-1] == pytest.approx(expected, rel=1e-6)
    blocks = result.history["heldout_raw_block_losses_nats"][-1]
    first = np.asarray(losses, np.float64)[: job.layout.eval_batch_size].sum()
    assert blocks.mean() == pytest.approx(first / heldout.mask[0].sum(), rel=1e-6)


def test_block_values_are_a_linearised_ratio():
    layout, labels = HeldoutLayout(4, 3, 2), RNG.integers(0, 9, (2, 12))
    labels[:, :3] = 0  # a block without labels
    losses = RNG.random((2, 12)) * labels
    values = layout.block_ratios(losses, labels)
    assert values.mean() == pytest.approx(losses.sum() / labels.sum())
    assert values[0] == pytest.approx(values.mean())
    even = np.full((2, 12), 5)
    np.testing.assert_allclose(layout.block_ratios(losses, even), layout.block_means(losses, 5))


def test_the_variance_is_that_of_a_ratio():
    labels = RNG.integers(0, 9, 20)
    losses = 2.0 * labels  # as many nats in each label: how many there are is known
    total, variance = step.sum_and_variance(jnp.asarray(losses, jnp.float32), jnp.asarray(labels))
    assert float(total) == losses.sum()
    assert float(variance) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("kind", ["prequential", "requential"])
def test_two_devices_that_share_a_batch_give_the_numbers_of_one(kind):
    one, two = (
        train_cohort(job_of(SOURCE, kind, seeds=(0,)), m) for m in (mesh(), mesh(2, data=2))
    )
    for a, b in zip(histories(one), histories(two), strict=True):
        np.testing.assert_array_equal(a["label_tokens"], b["label_tokens"])
        for name, column in a.items():
            rtol = 1e-2 if name.endswith("_var") else 1e-4
            np.testing.assert_allclose(b[name], column, rtol=rtol, atol=1e-4, err_msg=name)


def test_microbatches_give_the_losses_of_whole_batches():
    one, two = (train_cohort(job_of(SOURCE, microbatch=m), mesh()) for m in (1, None))
    for a, b in zip(histories(one), histories(two), strict=True):
        np.testing.assert_allclose(a["online_loss_sum_nats"], b["online_loss_sum_nats"], rtol=1e-4)
        np.testing.assert_allclose(a["exact_loss_sum_nats"], b["exact_loss_sum_nats"], rtol=1e-4)
