"""Cohorts against the slow twin: members alone and among others, failing, continued."""

import functools
from dataclasses import replace

import jax
import jax.monitoring
import numpy as np
import pytest

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.coding import record_points, sum_variance
from epiplexity_jax.engine import programs
from epiplexity_jax.engine.cohort_spec import CohortJob
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.stream import Stream
from epiplexity_jax.engine.train_cohort import set_up, train_cohort
from tests.unit.engine import reference
from tests.unit.engine.jobs import BATCH, LABELS_OF, ROOT, STEPS, job_of, mesh_of, twin
from tests.unit.engine.toys import cycle


@pytest.mark.parametrize("labels", LABELS_OF)
def test_histories_hold_the_twins_losses(labels):
    source, model, runs = twin(labels)
    job = job_of(source, range(3))
    results = train_cohort(job, mesh_of(2))
    tokens = jax.numpy.asarray(job.members[0].heldout, jax.numpy.int32)
    losses = jax.jit(functools.partial(reference.losses, model))
    for seed, result in enumerate(results):
        sums, variances, ema, params = runs[seed]
        history = result.history
        assert result.outcome.status is RunStatus.FINISHED
        assert history["step"].tolist() == record_points(STEPS).tolist()
        cumulative = np.concatenate([[0.0], np.cumsum(sums)])[history["step"]]
        np.testing.assert_allclose(history["online_loss_sum_nats"], cumulative, rtol=1e-4)
        assert history["online_loss_sum_var"][-1] == pytest.approx(variances.sum(), rel=1e-2)
        labels = sum(job.model.task.label_mask)
        for column, weights in (("heldout", ema), ("heldout_raw", params)):
            each = np.stack([losses(weights, each) for each in tokens])
            assert history[f"{column}_loss_nats"][-1] == pytest.approx(
                each.mean() / labels, rel=1e-4
            )
            first = each[0].reshape(job.layout.blocks, -1).mean(axis=1) / labels
            np.testing.assert_allclose(
                history[f"{column}_block_losses_nats"][-1], first, rtol=1e-3, atol=1e-6
            )
        assert history["label_tokens"][-1] == STEPS * BATCH * labels
        assert history["train_tokens"][-1] == STEPS * BATCH * (
            job.model.task.length + job.model.task.has_bos
        )


def test_a_member_has_the_same_bits_whatever_its_cohort():
    source = cycle()
    alone = train_cohort(job_of(source, [2]), mesh_of(2))[0]
    among = train_cohort(job_of(source, [0, 1, 2]), mesh_of(2))[2]
    for name, column in alone.history.items():
        np.testing.assert_array_equal(column, among.history[name], err_msg=name)
    jax.tree.map(np.testing.assert_array_equal, alone.state.params, among.state.params)


def test_other_sources_share_the_cohort_and_leave_each_other_alone():
    one, other = cycle((1, 3)), cycle((2, 5))
    job = job_of(one, [0, 1])
    swapped = job.members[1].__class__(
        **{**vars(job.members[1]), "stream": Stream(other, None, ROOT, 1, BATCH)}
    )
    mixed = train_cohort(
        CohortJob(**{**vars(job), "members": (job.members[0], swapped)}), mesh_of(2)
    )
    pure = train_cohort(job, mesh_of(2))
    same, differs = (
        [np.array_equal(a.history["online_loss_sum_nats"], b.history["online_loss_sum_nats"])]
        for a, b in zip(mixed, pure, strict=True)
    )
    assert same == [True]
    assert differs == [False]


def test_a_member_that_is_not_finite_stops_and_the_others_go_on():
    source = cycle()
    calm = train_cohort(job_of(source, range(3)), mesh_of(2))
    wild = train_cohort(job_of(source, range(3), rates={1: 1e30}), mesh_of(2))
    assert wild[1].outcome.status is RunStatus.DIVERGED
    assert (
        wild[1].outcome.message
        == f"loss or gradient is not finite at step {wild[1].outcome.steps_done + 1}"
    )
    assert wild[1].outcome.steps_done < STEPS
    assert wild[1].history["step"].max() <= wild[1].outcome.steps_done
    assert np.isfinite(wild[1].history["online_loss_sum_nats"]).all()
    for seed in (0, 2):
        assert wild[seed].outcome.status is RunStatus.FINISHED
        for name, column in calm[seed].history.items():
            np.testing.assert_array_equal(column, wild[seed].history[name], err_msg=name)


@pytest.mark.as_users
def test_a_longer_run_continued_from_a_shorter_one_is_the_longer_run():
    source, mesh = cycle(), mesh_of(2)
    whole = train_cohort(job_of(source, range(2), steps=STEPS), mesh)
    short = train_cohort(job_of(source, range(2), steps=23), mesh)
    kept = {seed: (result.state, result.history) for seed, result in enumerate(short)}
    job = job_of(source, range(2), STEPS, resume=kept, start=23)
    members = [replace(m, blocks=s.blocks) for m, s in zip(job.members, short, strict=True)]
    rest = train_cohort(replace(job, members=tuple(members)), mesh)
    for one, other in zip(whole, rest, strict=True):
        for name in one.history:
            if name == "spent_flops":
                continue
            np.testing.assert_allclose(
                one.history[name], other.history[name], rtol=1e-12, err_msg=name
            )
        jax.tree.map(np.testing.assert_array_equal, one.blocks, other.blocks)
    assert train_cohort(job, mesh)[0].blocks is None


def assert_blocks_are_the_batches_losses(results, runs):
    """Of eight sequences each is a group, so their spread is the stored variance of every step."""
    for seed, result in enumerate(results):
        blocks, history, steps = result.blocks, result.history, result.outcome.steps_done
        assert blocks["last_step"].tolist() == list(range(1, steps + 1))
        np.testing.assert_allclose(blocks["online_loss_nats"], runs[seed][0][:steps], rtol=1e-4)
        groups = blocks["online_loss_groups_nats"]
        assert groups.shape == (steps, BATCH)
        np.testing.assert_allclose(groups.sum(1), blocks["online_loss_nats"], rtol=1e-5)
        if result.outcome.status is RunStatus.FINISHED:
            assert blocks["online_loss_nats"].sum() == pytest.approx(
                history["online_loss_sum_nats"][-1], rel=1e-9
            )
            assert sum_variance(groups, BATCH).sum() == pytest.approx(
                history["online_loss_sum_var"][-1], rel=1e-4
            )


def test_record_points_that_take_turns_score_the_eval_batches_of_their_turn():
    """A shorter run scores all at its end and keeps those of the turn; a longer one only them."""
    source, layout = cycle(), heldout_layout(64 * 16, BATCH, record_share=3.0)
    longer, shorter = (
        train_cohort(job_of(source, [0], steps, layout=layout), mesh_of(2))[0].history
        for steps in (STEPS, 10)
    )
    assert longer["heldout_turn"].tolist()[:3] == [0, 0, 0]
    assert longer["heldout_turn"].tolist()[3:] == list(range(1, len(longer["step"]) - 2))
    row = list(longer["step"]).index(10)
    for which in ("heldout", "heldout_raw"):
        blocks, finals = (f"{which}_{of}block_losses_nats" for of in ("", "final_"))
        np.testing.assert_array_equal(longer[blocks][: row + 1], shorter[blocks])
        assert longer[finals][-1].mean() == pytest.approx(longer[f"{which}_loss_nats"][-1])
        # On a turn's sequences the final weights are the better ones, and other turns have others.
        assert longer[finals][row].mean() < longer[blocks][row].mean()
        assert len({tuple(each) for each in longer[finals][3:18]}) == 15


@pytest.mark.parametrize("data", [1, 2])
def test_blocks_hold_the_twins_losses(data):
    source, _, runs = twin("all")
    mesh = member_mesh(jax.devices()[:2], data=data)
    assert_blocks_are_the_batches_losses(train_cohort(job_of(source, range(3)), mesh), runs)


@pytest.fixture
def _all_at_once(monkeypatch):
    """Members mapped by vmap, as on accelerators."""
    monkeypatch.setattr(programs.ProgramKey, "use_lax_map", False)
    programs.compile_programs.cache_clear()
    yield
    programs.compile_programs.cache_clear()


@pytest.mark.usefixtures("_all_at_once")
def test_members_at_once_equal_the_plain_loop_and_survive_each_other():
    source, _, runs = twin("all")
    results = train_cohort(job_of(source, range(4), rates={1: 1e30}), mesh_of(2))
    assert [r.outcome.status for r in results].count(RunStatus.DIVERGED) == 1
    assert results[1].outcome.status is RunStatus.DIVERGED
    assert np.isfinite(results[1].history["heldout_loss_nats"]).all()
    assert len(results[1].blocks["last_step"]) == results[1].outcome.steps_done < STEPS
    assert_blocks_are_the_batches_losses([results[0]], runs)
    for seed in (0, 2, 3):
        history = results[seed].history
        cumulative = np.concatenate([[0.0], np.cumsum(runs[seed][0])])[history["step"]]
        np.testing.assert_allclose(history["online_loss_sum_nats"], cumulative, rtol=1e-4)


def test_devices_hold_one_copy_of_a_source_s_held_out_set():
    job = job_of(cycle(), range(4))
    (batch,) = jax.tree.leaves(set_up(job, mesh_of(2)).heldout.first)
    assert batch.shape == (1, job.layout.eval_batch_size, 16)
    assert all(shard.data.shape == batch.shape for shard in batch.addressable_shards)
    other = job_of(cycle(mask=[False] * 8 + [True] * 8), range(1))
    mixed = replace(job, members=job.members + other.members)
    placed = set_up(mixed, mesh_of(1)).heldout
    assert placed.first.shape[0] == 2
    assert np.asarray(placed.source).tolist() == [0, 0, 0, 0, 1]
    assert placed.put(1).shape == placed.first.shape
