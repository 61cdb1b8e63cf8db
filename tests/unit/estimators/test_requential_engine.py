"""The requential engine against its slow twin: members that wait among members that do not.

Cohorts of three everywhere: one compiled loop.
"""

import functools
import math
from dataclasses import replace

import jax
import numpy as np
import pytest

from epiplexity_jax.base.status import RunStatus
from epiplexity_jax.coding import certified_length
from epiplexity_jax.engine import programs
from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.state import Hyperparameters, StepStatus
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.engine.train_cohort import set_up, train_cohort
from epiplexity_jax.estimators.requential import RequentialMethod
from epiplexity_jax.families.networks.transformer import TransformerModel
from tests.unit.engine import reference
from tests.unit.engine.toys import cycle, task_of
from tests.unit.estimators.requential_twin import BATCH, RATE, ROOT, WARMUP, WINDOW, twin

STEPS = 50
CAPS = (math.inf, 0.02, 0.01)
SOURCE = cycle(mask=[False] * 8 + [True] * 8)
MODEL = TransformerModel(16, 1, task_of(SOURCE))


def job_of(caps, steps=STEPS, bound=None, source=SOURCE, resume=None, start=0, model=MODEL):
    layout = heldout_layout(128, BATCH)
    heldout = heldout_tokens(source, None, ROOT, layout.sequences)
    heldout = heldout.reshape(layout.eval_batches, layout.eval_batch_size, -1)
    members = tuple(
        MemberJob(
            root=ROOT,
            seed=seed,
            stream=Stream(source, None, ROOT, seed, BATCH),
            heldout=heldout,
            hyper=Hyperparameters(RATE, WARMUP, Window(WINDOW, 1.0), max_kl=cap),
            resume=resume[seed] if resume else None,
        )
        for seed, cap in enumerate(caps)
    )
    program = ProgramKey(model, RequentialMethod())
    return CohortJob(program, BATCH, steps, layout, members, start, max_iterations=bound)


def mesh_of(devices):
    return member_mesh(jax.devices()[:devices])


@functools.cache
def twins(iterations):
    """[members, 5, iterations]: KL, raw KL, student's and teacher's loss, waited."""
    return np.stack([twin(MODEL, SOURCE, iterations, cap, i) for i, cap in enumerate(CAPS)])


@pytest.fixture(params=["one by one", pytest.param("at once", marks=pytest.mark.slow)])
def _members(request, monkeypatch):
    """On a CPU members train one after the other, on an accelerator side by side."""
    if request.param == "one by one":
        yield
        return
    programs.compile_programs.cache_clear()
    monkeypatch.setattr(programs.ProgramKey, "use_lax_map", False)
    yield
    programs.compile_programs.cache_clear()


@pytest.mark.usefixtures("_members")
def test_members_that_wait_among_others_equal_the_plain_loop():
    job = job_of(CAPS)
    ready = set_up(job, mesh_of(2))
    members = len(ready.members)
    drawn = [np.asarray(m.stream.chunk(0, STEPS, job.chunk_steps)) for m in ready.members]
    block = ready.place(np.stack(drawn))
    first = ready.place(np.zeros(members, np.int32))
    _, info = ready.programs.advance(
        ready.states, ready.hyper, block, first, np.int32(STEPS), np.int32(1000)
    )
    info = jax.tree.map(lambda x: np.asarray(x, np.float64)[: len(CAPS), :STEPS], info)
    kl, kl_raw, student, teacher, waited = twins(STEPS).swapaxes(0, 1)
    np.testing.assert_array_equal((info.status == StepStatus.WAITED), waited)
    assert (waited.sum(axis=1) > 5).tolist() == [False, True, True]
    assert waited.sum(axis=1)[1] < waited.sum(axis=1)[2]
    scale = student[:, :1]  # what KL is a difference of
    for got, want in ((info.kl, kl), (info.kl_raw, kl_raw), (info.student_loss, student)):
        assert np.abs((got - want) / scale)[:, :5].max() < 1e-6
        assert np.abs((got - want) / scale).max() < 1e-4
    np.testing.assert_allclose(info.teacher_loss, np.nan_to_num(teacher), rtol=1e-4)


def test_histories_hold_the_twins_sums_and_end_where_the_teacher_does():
    kl, kl_raw, student, teacher, waited = twins(STEPS).swapaxes(0, 1)
    steps = int((1 - waited).sum(axis=1).min())
    results = train_cohort(job_of(CAPS, steps=steps, bound=100), mesh_of(2))
    labels = BATCH * MODEL.task.label_tokens
    for i, result in enumerate(results):
        history = result.history
        ends = int(np.flatnonzero(np.cumsum(1 - waited[i]) == steps)[0]) + 1
        assert result.outcome.status is RunStatus.FINISHED
        assert result.outcome.message == ""
        assert result.outcome.steps_done == history["step"][-1] == ends
        assert result.outcome.teacher_steps == steps
        assert (np.diff(history["step"]) > 0).all()
        for name, column in (
            ("kl_sum_nats", kl), ("kl_raw_sum_nats", kl_raw), ("student_loss_sum_nats", student)
        ):  # fmt: skip
            sums = np.concatenate([[0.0], np.cumsum(column[i])])[history["step"]]
            np.testing.assert_allclose(history[name], sums, rtol=1e-3, atol=1e-2)
        learnt = np.concatenate([[0], np.cumsum(1 - waited[i])])[history["step"]]
        real = np.concatenate([[0.0], np.cumsum(np.nan_to_num(teacher[i]))])[history["step"]]
        np.testing.assert_allclose(history["online_loss_sum_nats"], real, rtol=1e-4)
        np.testing.assert_array_equal(history["train_tokens"], history["step"] * BATCH * 16)
        np.testing.assert_array_equal(history["teacher_tokens"], learnt * BATCH * 16)
        certified = certified_length(kl[i])[history["step"][1:] - 1]
        np.testing.assert_allclose(history["certified_sum_bits"][1:], certified, rtol=1e-3)
        assert history["label_tokens"][-1] == ends * labels
    assert len({r.outcome.steps_done for r in results}) > 1


def test_a_teacher_that_waits_too_often_ends_at_the_bound_and_says_so():
    result = train_cohort(job_of((1e-5,) * 3, steps=20, bound=30), mesh_of(2))[0]
    assert result.outcome.status is RunStatus.FINISHED
    assert result.history["step"][-1] == result.outcome.steps_done == 30
    taken = result.outcome.teacher_steps
    assert 0 < taken < 20
    assert result.outcome.message.startswith(
        f"the teacher took {taken} of 20 steps in 30 iterations"
    )


def test_record_points_score_student_and_teacher():
    result = train_cohort(job_of((math.inf,) * 3, steps=20), mesh_of(2))[0]
    history, layout = result.history, job_of((math.inf,)).layout
    tokens = jax.numpy.asarray(job_of((math.inf,)).members[0].heldout, jax.numpy.int32)
    state, labels = result.state, MODEL.task.label_tokens
    losses = jax.jit(functools.partial(reference.losses, MODEL))
    scored = {
        "heldout": state.student.ema,
        "heldout_raw": state.student.params,
        "teacher_heldout": state.teacher.ema,
        "teacher_heldout_raw": state.teacher.params,
    }
    seen = set()
    for name, weights in scored.items():
        each = np.stack([losses(weights, each) for each in tokens]) / labels
        assert history[f"{name}_loss_nats"][-1] == pytest.approx(each.mean(), rel=1e-5)
        blocks = each[0].reshape(layout.blocks, -1).mean(axis=1)
        np.testing.assert_allclose(history[f"{name}_block_losses_nats"][-1], blocks, rtol=1e-4)
        assert history[f"{name}_loss_nats"][0] == pytest.approx(np.log(8), rel=1e-5)
        seen.add(round(history[f"{name}_loss_nats"][-1], 6))
    assert len(seen) == 4


def test_a_longer_run_goes_on_from_a_shorter_one():
    long = train_cohort(job_of((math.inf,) * 3, steps=30), mesh_of(2))
    short = train_cohort(job_of((math.inf,) * 3, steps=18), mesh_of(2))
    resume = [(r.state, r.history) for r in short]
    rest = train_cohort(job_of((math.inf,) * 3, steps=30, resume=resume, start=18), mesh_of(2))
    for whole, joined in zip(long, rest, strict=True):
        for name, column in whole.history.items():
            np.testing.assert_allclose(joined.history[name], column, rtol=1e-12, err_msg=name)
        assert joined.outcome == whole.outcome


def test_what_is_not_finite_ends_a_member_and_leaves_the_others():
    job = job_of((math.inf,) * 3, steps=20)
    broken = replace(job.members[1], hyper=job.members[1].hyper._replace(learning_rate=1e30))
    members = (job.members[0], broken, job.members[2])
    results = train_cohort(job.__class__(**{**vars(job), "members": members}), mesh_of(2))
    alone = train_cohort(job, mesh_of(2))
    assert [str(r.outcome.status) for r in results] == ["finished", "diverged", "finished"]
    assert "not finite in iteration" in results[1].outcome.message
    for i in (0, 2):
        for name, column in alone[i].history.items():
            np.testing.assert_array_equal(results[i].history[name], column)
