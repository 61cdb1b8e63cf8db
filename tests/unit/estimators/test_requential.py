"""One requential iteration, and what theory says of its KL; its twin: test_requential_engine.py."""

import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.keys import key
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.state import Hyperparameters, StepStatus, initial_state
from epiplexity_jax.estimators.requential import (
    RequentialMethod,
    divergence,
    requential_step,
    sampled_at_once,
)
from epiplexity_jax.families.networks.recurrent import RecurrentModel
from epiplexity_jax.families.networks.transformer import TransformerModel
from epiplexity_jax.families.spec import Cost, Task
from tests.unit.engine import reference
from tests.unit.engine.toys import cycle, task_of
from tests.unit.estimators.requential_twin import BATCH, RATE, ROOT, WARMUP, WINDOW

HYPER = Hyperparameters(RATE, WARMUP, Window(WINDOW, 1.0))


def model_of(source):
    return TransformerModel(16, 1, task_of(source))


def begin(model, seed=0):
    return RequentialMethod().init(
        jax.jit(model.init)(key(ROOT, "init", seed)), key(ROOT, "samples", seed)
    )


def run(model, source, steps, hyper=HYPER, state=None, microbatch=None):
    """Iterations one by one; infos as arrays [steps]."""
    state = state or begin(model)
    step = jax.jit(lambda s, b: requential_step(model, s, b, hyper, microbatch=microbatch))
    infos = []
    for _ in range(steps):
        batch = reference.batch(source, ROOT, 0, int(state.teacher.step), BATCH)
        state, info = step(state, batch)
        infos.append(jax.tree.map(np.asarray, info))
    return state, jax.tree.map(lambda *x: np.stack(x), *infos)


def test_nothing_is_sent_before_the_teacher_has_learnt():
    source = cycle()
    model = model_of(source)
    generator = np.random.default_rng(0)  # untrained models are uniform, which hides everything
    params = jax.tree.map(
        lambda x: x + 0.3 * generator.standard_normal(x.shape, np.float32),
        jax.jit(model.init)(key(ROOT, "init", 0)),
    )
    state = RequentialMethod().init(params, key(ROOT, "samples", 0))
    still = HYPER._replace(max_kl=-1.0, learning_rate=0.0)
    _, info = run(model, source, 8, still, state)
    assert (info.status == StepStatus.WAITED).all()
    assert not info.teacher_loss.any()
    assert info.student_loss.std() > 0.1
    for found in (info.kl, info.kl_raw, info.log_ratio):
        np.testing.assert_allclose(found, 0.0, atol=1e-5 * BATCH * model.task.label_tokens)
        assert found.min() < 0.0  # rounding, as it is


def test_slices_of_a_batch_are_the_batch():
    source = cycle()
    model = model_of(source)
    _, whole = run(model, source, 6)
    _, sliced = run(model, source, 6, microbatch=2)
    np.testing.assert_allclose(whole.kl_raw, sliced.kl_raw, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(whole.student_loss, sliced.student_loss, rtol=1e-5)


def test_logits_and_noise_of_a_few_slices_are_held_and_not_of_the_batch():
    task = Task(2048, 16, (True,) * 16)
    model = TransformerModel(8, 1, task)
    state = jax.eval_shape(lambda: begin(model))

    def held(size):
        batch = jax.ShapeDtypeStruct((size, task.length), jnp.int32)
        step = jax.jit(lambda s, b: requential_step(model, s, b, HYPER, microbatch=2))
        return step.lower(state, batch).compile().memory_analysis().temp_size_in_bytes

    a_sequence_s_logits = 4 * task.length * task.vocab_size
    assert held(48) - held(16) < 8 * a_sequence_s_logits  # 32 more, of which nothing stays


@pytest.mark.parametrize(
    ("size", "microbatch", "vocabulary", "expected"),
    [
        (384, 4, 2, 32),
        (40, 4, 2, 20),  # ten slices: five are the most that divide them
        (7, 1, 2, 7),
        (64, None, 2, 64),
        (64, 1, 2**20, 4),  # 2^26 logits
        (64, 1, 2**24, 1),
    ],
)
def test_up_to_eight_slices_are_sampled_at_once(size, microbatch, vocabulary, expected):
    task = Task(vocabulary, 16, (True,) * 16)
    assert sampled_at_once(size, microbatch, task) == expected


def test_what_is_not_finite_ends_teacher_and_student():
    source = cycle()
    model = model_of(source)
    state = begin(model)
    broken = jax.tree.map(lambda x: x * jnp.nan, state.teacher.params)
    state = state.replace(teacher=state.teacher.replace(params=broken))
    after, info = run(model, source, 1, state=state)
    assert (info.status == StepStatus.NOT_FINITE).all()
    assert not after.teacher.active
    assert not after.student.active
    jax.tree.map(np.testing.assert_array_equal, after.student.params, state.student.params)


@dataclass(frozen=True)
class Chain:
    """A model whose parameters are the logits of a first symbol and of a transition matrix."""

    task: Task
    platform: str = "cpu"

    @property
    def cost(self):
        return Cost(1, 6.0, 2.0)

    def init(self, key):
        return {
            "kernel": 0.5 * jax.random.normal(key, (self.task.num_input_ids, self.task.vocab_size))
        }

    def logits(self, params, inputs):
        return params["kernel"][inputs]

    def rate_scales(self, params):
        return {"kernel": 1.0}


@dataclass(frozen=True)
class Steep(Chain):
    """A chain whose logits are finite and whose gradient is not."""

    def logits(self, params, inputs):
        return params["kernel"][inputs] + jnp.sqrt(0.0 * params["kernel"][inputs])


CHAIN = Chain(Task(3, 5, (True,) * 5))


def chain_losses(params, sequences):
    """Log loss of each sequence, [n] nats, by hand."""
    table = np.asarray(jax.nn.log_softmax(params["kernel"]), np.float64)
    previous = np.concatenate([np.full((len(sequences), 1), 3), sequences[:, :-1]], axis=1)
    return -table[previous, sequences].sum(1)


def chain_run(steps, reference="ema_student", **hyper):
    """A chain that learns nothing but its noise: state and infos."""
    state = RequentialMethod().init(jax.jit(CHAIN.init)(jax.random.key(6)), jax.random.key(9))
    hyper = Hyperparameters(0.05, 1, Window(4, 1.0))._replace(**hyper)
    batches = np.random.default_rng(0).integers(0, 2, (steps, 16, 5)).astype(np.int32)
    step = jax.jit(lambda s, b: requential_step(CHAIN, s, b, hyper, reference))
    infos, states = [], []
    for batch in batches:
        state, info = step(state, batch)
        infos.append(info)
        states.append(state)
    return states, infos


@pytest.mark.parametrize(
    ("reference", "least"),
    [("ema_student", ("kl",)), ("student", ("kl_raw",)), ("switch", ("kl", "kl_raw"))],
)
def test_the_reference_s_kl_decides_whether_the_teacher_waits(reference, least):
    states, infos = chain_run(12, reference, max_kl=0.008)
    waited = [bool(info.status == StepStatus.WAITED) for info in infos]
    kl = [min(float(getattr(info, name)) for name in least) / (16 * 5) for info in infos]
    assert waited == [False, *(value > 0.008 for value in kl[:-1])]
    assert 0 < sum(waited) < 12
    assert float(states[-1].last_kl) == pytest.approx(kl[-1])
    assert abs(float(infos[-1].kl) - float(infos[-1].kl_raw)) > 1e-3


@pytest.mark.parametrize("growth", [1.0, 0.5])
def test_averages_of_teacher_and_student_grow_with_their_steps(growth):
    states, _ = chain_run(20, ema=Window(12, growth, 2), student_ema=Window(6, 0.3))
    windows = {"teacher": (growth, 2, 12), "student": (0.3, 1, 6)}
    for name, (share, least, most) in windows.items():
        members = [getattr(state, name) for state in states]
        mean = np.zeros((4, 3))
        for t, member in enumerate(members):
            window = min(t + 1, max(least, min(most, share * (t + 1)), 1))
            mean += (np.asarray(member.params["kernel"]) - mean) / window
            np.testing.assert_allclose(member.ema["kernel"], mean, atol=1e-5)


def test_a_student_s_broken_gradient_ends_the_member_at_that_iteration():
    states, _ = chain_run(1)
    model = Steep(CHAIN.task)
    batch = np.zeros((16, 5), np.int32)
    hyper = Hyperparameters(0.05, 1, Window(4, 1.0), max_kl=-1.0)
    step = jax.jit(lambda s, b: requential_step(model, s, b, hyper))
    state, info = step(states[0], batch)
    assert np.isfinite(float(info.kl))
    assert info.status == StepStatus.NOT_FINITE
    assert not state.student.active


def test_kl_along_samples_is_the_excess_loss_by_enumeration():
    """E_Q sum_j KL_j(z_<j) = sum_z Q(z) [log Q(z) - log P(z)] over all 3^5 sequences."""
    teacher, student = (jax.jit(CHAIN.init)(jax.random.key(i)) for i in (0, 1))
    sequences = np.array(list(itertools.product(range(3), repeat=5)))
    own, others = chain_losses(teacher, sequences), chain_losses(student, sequences)
    weight = np.exp(-own)
    assert weight.sum() == pytest.approx(1.0)
    inputs = np.concatenate([np.full((len(sequences), 1), 3), sequences[:, :-1]], axis=1)
    along = divergence(CHAIN.logits(teacher, inputs), CHAIN.logits(student, inputs), "cpu")
    assert (weight * np.asarray(along)).sum() == pytest.approx((weight * (others - own)).sum())


def test_a_frozen_teacher_is_paid_for_by_the_students_excess_loss():
    """Sum of KL = sum of the student's loss on real data less the entropy, within 4 errors."""
    truth = jax.jit(CHAIN.init)(jax.random.key(5))
    state = RequentialMethod().init(jax.jit(CHAIN.init)(jax.random.key(6)), jax.random.key(9))
    state = state.replace(teacher=initial_state(truth))
    hyper = Hyperparameters(0.02, 1, Window(1, 1.0), max_kl=-1.0)
    nothing = jnp.zeros((64, 5), jnp.int32)
    step = jax.jit(lambda s: requential_step(CHAIN, s, nothing, hyper))
    generator = np.random.default_rng(0)
    sequences = np.array(list(itertools.product(range(3), repeat=5)))
    own = chain_losses(truth, sequences)
    chances = np.exp(-own) / np.exp(-own).sum()
    kl, kl_var, ratio, excess, excess_var = 0.0, 0.0, 0.0, 0.0, 0.0
    for _ in range(60):
        real = generator.choice(len(sequences), 64, p=chances)
        each = chain_losses(state.student.ema, sequences[real]) - own[real]
        excess, excess_var = excess + each.sum(), excess_var + 64 * each.var(ddof=1)
        state, info = step(state)
        kl, kl_var = kl + float(info.kl), kl_var + float(info.kl_var)
        ratio += float(info.log_ratio)
    assert abs(kl - excess) < 4 * np.sqrt(kl_var + excess_var)
    assert abs(ratio - kl) < 4 * np.sqrt(excess_var)
    assert kl_var < excess_var
    assert kl > 10 * np.sqrt(kl_var)


@pytest.mark.parametrize("build", [TransformerModel, RecurrentModel])
def test_equal_models_have_no_kl_in_mixed_precision(build):
    """Decoding and a whole pass in bfloat16 would round apart, which counted as KL."""
    model = build(16, 1, Task(8, 16, (True,) * 16), "bfloat16")
    params = jax.tree.map(
        lambda leaf: leaf + 0.3 * jax.random.normal(jax.random.key(leaf.size), leaf.shape),
        model.init(jax.random.key(0)),
    )
    state = RequentialMethod().init(params, jax.random.key(1))
    hyper = Hyperparameters(0.0, 1, max_kl=-1.0)  # the teacher waits: both are as they were
    batch = jnp.zeros((8, 16), jnp.uint8)
    _, info = jax.jit(lambda s: requential_step(model, s, batch, hyper))(state)
    for kl in (info.kl, info.kl_raw, info.log_ratio):
        assert abs(float(kl)) / batch.size < 1e-7
