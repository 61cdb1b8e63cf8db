"""The requential iteration against its slow twin, and what theory says of its KL."""

import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.keys import key
from epiplexity_jax.families.sampling import sample_by_forward
from epiplexity_jax.families.spec import Cost, Task
from epiplexity_jax.families.transformer import TransformerModel
from epiplexity_jax.training.loop import samples_key
from epiplexity_jax.training.requential import divergence, requential_state, requential_step
from epiplexity_jax.training.state import Hyperparameters, initial_state
from tests.unit.training import reference
from tests.unit.training.toys import cycle, task_of

BATCH, STEPS, RATE, WARMUP, WINDOW, ROOT = 8, 50, 0.03, 10, 20, 7
HYPER = Hyperparameters(RATE, WARMUP, WINDOW)
MASKS = {"all": None, "second half": [False] * 8 + [True] * 8}


def model_of(source):
    return TransformerModel(16, 1, task_of(source))


def begin(model, seed=0):
    return requential_state(model.init(key(ROOT, "init", seed)), samples_key(ROOT, seed))


def run(model, source, steps, hyper=HYPER, state=None, microbatch=None):
    """Iterations one by one; infos as arrays [steps]."""
    state = state or begin(model)
    step = jax.jit(
        lambda s, b: requential_step(model, model.task, s, b, hyper, microbatch=microbatch)
    )
    infos = []
    for _ in range(steps):
        batch = reference.batch(source, ROOT, 0, int(state.teacher.step), BATCH)
        state, info = step(state, batch)
        infos.append(jax.tree.map(np.asarray, info))
    return state, jax.tree.map(lambda *x: np.stack(x), *infos)


def twin(model, source, steps, max_kl, seed=0):
    """The same written out: plain Adam, no gate in the graph, sampling without a cache."""
    params = model.init(key(ROOT, "init", seed))
    scales = model.rate_scales(params)
    task, labels = model.task, BATCH * sum(model.task.label_mask)
    zeros = jax.tree.map(jnp.zeros_like, params)
    teacher = student = (params, params, zeros, zeros)

    def mean_loss(params, tokens):
        each = reference.losses(model, params, tokens)
        return each.sum() / labels, each

    gradient = jax.jit(jax.value_and_grad(mean_loss, has_aux=True))

    def learn(who, t, tokens):
        params, ema, m, v = who
        (_, each), grads = gradient(params, tokens)
        norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in jax.tree.leaves(grads)))
        grads = jax.tree.map(lambda g: jnp.where(norm > 1, g / norm, g), grads)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.95 * v + 0.05 * g * g, v, grads)
        rate = RATE * min(1.0, (t + 1) / WARMUP)
        params = jax.tree.map(
            lambda p, m, v, s: p
            - rate * s * (m / (1 - 0.9 ** (t + 1))) / (jnp.sqrt(v / (1 - 0.95 ** (t + 1))) + 1e-20),
            params, m, v, scales,
        )  # fmt: skip
        weight = 1 / min(t + 1, WINDOW)
        ema = jax.tree.map(lambda e, p: e + weight * (p - e), ema, params)
        return (params, ema, m, v), float(np.asarray(each, np.float64).sum())

    @jax.jit
    def measure(teacher_ema, student_ema, student_raw, batch, samples_key):
        tokens, logits = sample_by_forward(model, teacher_ema, batch, task, samples_key)
        inputs = tokens[:, :-1]
        if task.starts:
            start = jnp.full((len(tokens), 1), task.vocab_size)
            inputs = jnp.concatenate([start, inputs], axis=1)
        log_q = jax.nn.log_softmax(logits)
        kls = []
        for params in (student_ema, student_raw):
            log_p = jax.nn.log_softmax(model.logits(params, inputs))
            kls.append((jnp.exp(log_q) * (log_q - log_p)).sum())
        return tokens, *kls

    rows, last, teacher_steps = [], 0.0, 0
    for t in range(steps):
        batch = reference.batch(source, ROOT, seed, teacher_steps, BATCH)
        waited, loss = last > max_kl, np.nan
        if not waited:
            teacher, loss = learn(teacher, teacher_steps, batch)
            teacher_steps += 1
        tokens, kl, kl_raw = measure(
            teacher[1],
            student[1],
            student[0],
            batch,
            jax.random.fold_in(samples_key(ROOT, seed), t),
        )
        student, student_loss = learn(student, t, tokens)
        last = float(kl) / labels
        rows.append((float(kl), float(kl_raw), student_loss, loss, waited))
    return np.array(rows).T


@pytest.mark.parametrize("labels", MASKS)
@pytest.mark.parametrize("max_kl", [np.inf, 0.02])
def test_the_iteration_is_the_written_out_one(labels, max_kl):
    source = cycle(mask=MASKS[labels])
    model = model_of(source)
    state, info = run(model, source, STEPS, HYPER._replace(max_kl=max_kl))
    kl, kl_raw, student_loss, teacher_loss, waited = twin(model, source, STEPS, max_kl)
    np.testing.assert_array_equal(info.waited, waited.astype(bool))
    assert bool(waited.any()) == np.isfinite(max_kl)
    assert not waited.all()
    assert int(state.teacher.step) == STEPS - waited.sum()
    assert int(state.student.step) == STEPS
    pairs = ((info.kl, kl), (info.kl_raw, kl_raw), (info.student_loss, student_loss))
    for mine, expected in pairs:
        np.testing.assert_allclose(mine[:5], expected[:5], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(mine, expected, rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(info.teacher_loss, teacher_loss, rtol=1e-4)
    assert kl.sum() > 1.0


def test_nothing_is_sent_before_the_teacher_has_learnt():
    source = cycle()
    model = model_of(source)
    _, info = run(model, source, 3, HYPER._replace(max_kl=-1.0))
    assert info.waited.all()
    assert np.isnan(info.teacher_loss).all()
    np.testing.assert_allclose(info.kl[0], 0.0, atol=1e-5)
    np.testing.assert_allclose(info.log_ratio[0], 0.0, atol=1e-5)


def test_slices_of_a_batch_are_the_batch():
    source = cycle()
    model = model_of(source)
    _, whole = run(model, source, 6)
    _, sliced = run(model, source, 6, microbatch=2)
    np.testing.assert_allclose(whole.kl_raw, sliced.kl_raw, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(whole.student_loss, sliced.student_loss, rtol=1e-5)


def test_what_is_not_finite_ends_teacher_and_student():
    source = cycle()
    model = model_of(source)
    state = begin(model)
    broken = jax.tree.map(lambda x: x * jnp.nan, state.teacher.params)
    state = state.replace(teacher=state.teacher.replace(params=broken))
    after, info = run(model, source, 1, state=state)
    assert np.isnan(info.teacher_loss).all()
    assert not after.teacher.alive
    assert not after.student.alive
    jax.tree.map(np.testing.assert_array_equal, after.student.params, state.student.params)


@dataclass(frozen=True)
class Chain:
    """A model whose parameters are the logits of a first symbol and of a transition matrix."""

    task: Task

    @property
    def cost(self):
        return Cost(1, 6.0, 2.0)

    def init(self, key):
        return {"kernel": 0.5 * jax.random.normal(key, (self.task.inputs, self.task.vocab_size))}

    def logits(self, params, inputs):
        return params["kernel"][inputs]

    def rate_scales(self, params):
        return {"kernel": 1.0}


CHAIN = Chain(Task(3, 5, (True,) * 5))


def chain_losses(params, sequences):
    """Log loss of each sequence, [n] nats, by hand."""
    table = np.asarray(jax.nn.log_softmax(params["kernel"]), np.float64)
    previous = np.concatenate([np.full((len(sequences), 1), 3), sequences[:, :-1]], axis=1)
    return -table[previous, sequences].sum(1)


def test_kl_along_samples_is_the_excess_loss_by_enumeration():
    """E_Q sum_j KL_j(z_<j) = sum_z Q(z) [log Q(z) - log P(z)] over all 3^5 sequences."""
    teacher, student = (CHAIN.init(jax.random.key(i)) for i in (0, 1))
    sequences = np.array(list(itertools.product(range(3), repeat=5)))
    own, others = chain_losses(teacher, sequences), chain_losses(student, sequences)
    weight = np.exp(-own)
    assert weight.sum() == pytest.approx(1.0)
    inputs = np.concatenate([np.full((len(sequences), 1), 3), sequences[:, :-1]], axis=1)
    along = divergence(CHAIN.logits(teacher, inputs), CHAIN.logits(student, inputs))
    assert (weight * np.asarray(along)).sum() == pytest.approx((weight * (others - own)).sum())


def test_a_frozen_teacher_is_paid_for_by_the_students_excess_loss():
    """Sum of KL = sum of the student's loss on real data less the entropy, within 4 errors."""
    truth = CHAIN.init(jax.random.key(5))
    state = requential_state(CHAIN.init(jax.random.key(6)), jax.random.key(9))
    state = state.replace(teacher=initial_state(truth))
    hyper = Hyperparameters(0.02, 1, 1, max_kl=-1.0)
    nothing = jnp.zeros((64, 5), jnp.int32)
    step = jax.jit(lambda s: requential_step(CHAIN, CHAIN.task, s, nothing, hyper))
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
