"""The compiled engine against its slow twin, and what it promises about compiling and failing."""

import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import jax
import jax.monitoring
import numpy as np
import pytest

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.coding import record_points
from epiplexity_jax.engine import programs
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.feed import DataFeed
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.programs import (
    ProgramKey,
    compile_programs,
    init_key,
    samples_key,
)
from epiplexity_jax.engine.sharding import CohortSharding, member_mesh, member_sharding
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.engine.train_cohort import set_up, train_cohort
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.families.networks.transformer import TransformerModel
from epiplexity_jax.runtime import devices
from tests.unit.engine import reference
from tests.unit.engine.toys import cycle, task_of

PREQUENTIAL = PrequentialMethod()

BATCH, STEPS, RATE, WARMUP, WINDOW, ROOT = 8, 50, 0.03, 10, 20, 7
LABELS_OF = {"all": None, "second half": [False] * 8 + [True] * 8}


def model_of(source):
    """Two blocks where some labels are not paid for: only the last one leaves them out."""
    task = task_of(source)
    return TransformerModel(16, 1 if all(task.label_mask) else 2, task)


def job_of(source, seeds, steps=STEPS, rates=None, microbatch=None, resume=None, start=0):
    model = model_of(source)
    layout = heldout_layout(128, BATCH)
    heldout = heldout_tokens(source, None, ROOT, layout.sequences)
    heldout = heldout.reshape(layout.tiles, layout.tile, -1)
    members = tuple(
        MemberJob(
            root=ROOT,
            seed=seed,
            stream=Stream(source, None, ROOT, seed, BATCH),
            heldout=heldout,
            hyper=Hyperparameters((rates or {}).get(seed, RATE), WARMUP, WINDOW),
            resume=resume[seed] if resume else None,
        )
        for seed in seeds
    )
    program = ProgramKey(model, PREQUENTIAL, microbatch)
    return CohortJob(program, BATCH, steps, layout, members, start)


def mesh_of(devices):
    return member_mesh(jax.devices()[:devices])


@functools.cache
def twin(labels):
    """A source and its reference losses for four seeds."""
    source = cycle(mask=LABELS_OF[labels])
    model = model_of(source)
    runs = {
        seed: reference.train(
            model, source, root=ROOT, seed=seed, steps=STEPS, batch_size=BATCH, rate=RATE,
            warmup=WARMUP, window=WINDOW,
        )
        for seed in range(4)
    }  # fmt: skip
    return source, model, runs


def advance_all(job, mesh, bounds):
    """Per-step loss sums [C, STEPS] from a block advanced in the given pieces."""
    programs = compile_programs(job.program, mesh)
    put = lambda tree: jax.device_put(tree, member_sharding(mesh))  # noqa: E731
    keys = [
        np.stack([np.asarray(jax.random.key_data(of(m.root, m.seed))) for m in job.members])
        for of in (init_key, samples_key)
    ]
    states = programs.init(*map(put, (*keys, np.zeros(len(job.members), bool))))
    count = len(job.members)
    hyper = put(
        Hyperparameters(
            np.full(count, RATE, np.float32),
            np.full(count, WARMUP, np.int32),
            np.full(count, WINDOW, np.int32),
            np.zeros(count, np.float32),
            np.full(count, np.inf, np.float32),
        )
    )
    block = put(
        np.stack([np.asarray(m.stream.chunk(0, STEPS, job.chunk_steps)) for m in job.members])
    )
    sums = np.full((count, STEPS), np.nan)
    variances = sums.copy()
    for start, stop in bounds:
        length, first = stop - start, put(np.zeros(count, np.int32))
        states, info = programs.advance(
            states, hyper, block, first, np.int32(length), np.int32(STEPS)
        )
        sums[:, start:stop] = np.asarray(info.loss_sum)[:, :length]
        variances[:, start:stop] = np.asarray(info.loss_var)[:, :length]
    return sums, variances, jax.device_get(states)


@pytest.mark.parametrize(
    ("labels", "members", "devices"),
    [
        ("all", 1, 1),
        ("all", 4, 2),
        ("second half", 4, 2),
    ],
)
@pytest.mark.as_users
def test_engine_equals_the_plain_loop(labels, members, devices):
    source, _, runs = twin(labels)
    job = job_of(source, range(members))
    sums, variances, states = advance_all(job, mesh_of(devices), [(0, 1), (1, 20), (20, STEPS)])
    for seed in range(members):
        expected, expected_var, ema, params = runs[seed]
        np.testing.assert_allclose(sums[seed, :5], expected[:5], rtol=1e-6)
        np.testing.assert_allclose(sums[seed], expected, rtol=1e-4)
        # The first batch's losses are all ln V: their variance is 0 up to rounding.
        np.testing.assert_allclose(variances[seed, :5], expected_var[:5], rtol=1e-3, atol=1e-8)
        own = jax.tree.map(lambda leaf, seed=seed: leaf[seed], (states.ema, states.params))
        for got, want in zip(jax.tree.leaves(own), jax.tree.leaves((ema, params)), strict=True):
            np.testing.assert_allclose(got, want, atol=2e-3)


def test_microbatches_change_rounding_only():
    source, _, runs = twin("all")
    job = job_of(source, range(2), microbatch=2)
    sums, variances, _ = advance_all(job, mesh_of(2), [(0, STEPS)])
    for seed in range(2):
        np.testing.assert_allclose(sums[seed, :5], runs[seed][0][:5], rtol=1e-6)
        np.testing.assert_allclose(sums[seed], runs[seed][0], rtol=1e-4)
        np.testing.assert_allclose(variances[seed, :5], runs[seed][1][:5], rtol=1e-3)


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
        assert result.status is RunStatus.FINISHED
        assert history["step"].tolist() == record_points(STEPS).tolist()
        cumulative = np.concatenate([[0.0], np.cumsum(sums)])[history["step"]]
        np.testing.assert_allclose(history["online_loss_sum_nats"], cumulative, rtol=1e-4)
        assert history["online_loss_sum_var"][-1] == pytest.approx(variances.sum(), rel=1e-2)
        labels = sum(job.model.task.label_mask)
        for column, weights in (("heldout", ema), ("heldout_raw", params)):
            each = np.stack([losses(weights, tile) for tile in tokens])
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


def test_a_second_chunk_of_another_length_compiles_nothing():
    compiled = []

    def listen(event, duration, **_):
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    job = job_of(cycle(), range(2), steps=40)
    mesh = mesh_of(2)
    train_cohort(job, mesh)
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        train_cohort(job_of(cycle((2, 3)), range(2), steps=47), mesh)
        assert compiled == []
        jax.jit(lambda x: x * 3.25 + 1.125)(np.float32(1.0))
        assert len(compiled) == 1, "the listener must see compilations"
    finally:
        jax.monitoring.clear_event_listeners()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="counted by Linux")
def test_programs_are_let_go_before_memory_mappings_run_out(monkeypatch, tmp_path):
    most = tmp_path / "max_map_count"
    monkeypatch.setattr(devices, "_MOST_MAPPINGS", most)
    fresh = functools.lru_cache(compile_programs.__wrapped__)  # other tests keep theirs
    for module in (programs, sys.modules[train_cohort.__module__]):
        monkeypatch.setattr(module, "compile_programs", fresh)

    def mappings_behind(microbatch):
        train_cohort(job_of(cycle(), range(1), steps=2, microbatch=microbatch), mesh_of(1))
        return len(Path("/proc/self/maps").read_text().splitlines())

    most.write_text("1000000\n")
    assert not devices.near_map_count_limit()
    mappings_behind(2)
    two = mappings_behind(4)
    assert fresh.cache_info().currsize == 2
    most.write_text("10\n")
    assert devices.near_map_count_limit()
    assert mappings_behind(1) < two - 100
    assert fresh.cache_info().currsize == 1


def test_a_member_that_is_not_finite_stops_and_the_others_go_on():
    source = cycle()
    calm = train_cohort(job_of(source, range(3)), mesh_of(2))
    wild = train_cohort(job_of(source, range(3), rates={1: 1e30}), mesh_of(2))
    assert wild[1].status is RunStatus.DIVERGED
    assert wild[1].message == f"loss or gradient is not finite at step {wild[1].steps_done + 1}"
    assert wild[1].steps_done < STEPS
    assert wild[1].history["step"].max() <= wild[1].steps_done
    assert np.isfinite(wild[1].history["online_loss_sum_nats"]).all()
    for seed in (0, 2):
        assert wild[seed].status is RunStatus.FINISHED
        for name, column in calm[seed].history.items():
            np.testing.assert_array_equal(column, wild[seed].history[name], err_msg=name)


@pytest.mark.as_users
def test_a_longer_run_continued_from_a_shorter_one_is_the_longer_run():
    source, mesh = cycle(), mesh_of(2)
    whole = train_cohort(job_of(source, range(2), steps=STEPS), mesh)
    short = train_cohort(job_of(source, range(2), steps=23), mesh)
    kept = {seed: (result.state, result.history) for seed, result in enumerate(short)}
    rest = train_cohort(job_of(source, range(2), STEPS, resume=kept, start=23), mesh)
    for one, other in zip(whole, rest, strict=True):
        for name in one.history:
            if name == "spent_flops":
                continue
            np.testing.assert_allclose(
                one.history[name], other.history[name], rtol=1e-12, err_msg=name
            )


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
    assert [r.status for r in results].count(RunStatus.DIVERGED) == 1
    assert results[1].status is RunStatus.DIVERGED
    assert np.isfinite(results[1].history["heldout_loss_nats"]).all()
    for seed in (0, 2, 3):
        history = results[seed].history
        cumulative = np.concatenate([[0.0], np.cumsum(runs[seed][0])])[history["step"]]
        np.testing.assert_allclose(history["online_loss_sum_nats"], cumulative, rtol=1e-4)


def test_devices_hold_one_copy_of_a_source_s_held_out_set():
    job = job_of(cycle(), range(4))
    (batch,) = jax.tree.leaves(set_up(job, mesh_of(2)).heldout.first)
    assert batch.shape == (1, job.layout.tile, 16)
    assert all(shard.data.shape == batch.shape for shard in batch.addressable_shards)
    other = job_of(cycle(mask=[False] * 8 + [True] * 8), range(1))
    mixed = replace(job, members=job.members + other.members)
    placed = set_up(mixed, mesh_of(1)).heldout
    assert placed.first.shape[0] == 2
    assert np.asarray(placed.source).tolist() == [0, 0, 0, 0, 1]
    assert placed.put(1).shape == placed.first.shape


def test_nothing_is_drawn_any_more_once_a_feed_is_closed():
    job, going_on, drawn = job_of(cycle(), range(1), steps=200), threading.Event(), []

    class Slow(Stream):
        def chunk(self, first, *arguments):
            if first:
                going_on.wait(60)
            drawn.append(first)
            return super().chunk(first, *arguments)

    stream = Slow(**vars(job.members[0].stream))
    members = (replace(job.members[0], stream=stream),)
    with ThreadPoolExecutor(1) as pool:
        feed = DataFeed(job, members, CohortSharding(mesh_of(1)), pool)
        feed.at(0, 1)
        threading.Timer(0.2, going_on.set).start()
        feed.close()
        assert drawn == [0, job.chunk_steps]
        assert feed.coming is None
