"""One requential iteration, and what theory says of its KL; its twin: test_requential_engine.py."""

import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.keys import key
from epiplexity_jax.families.spec import Cost, Task
from epiplexity_jax.families.transformer import TransformerModel
from epiplexity_jax.training.loop import samples_key
from epiplexity_jax.training.requential import divergence, requential_state, requential_step
from epiplexity_jax.training.state import Hyperparameters, initial_state
from tests.unit.training import reference
from tests.unit.training.requential_twin import BATCH, RATE, ROOT, WARMUP, WINDOW
from tests.unit.training.toys import cycle, task_of

HYPER = Hyperparameters(RATE, WARMUP, WINDOW)


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
