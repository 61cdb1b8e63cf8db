"""The slow twin of the requential engine: plain Adam, no gate in the graph, no cache, no vmap."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from epiplexity_jax.base.keys import key
from epiplexity_jax.families.sampling import sample_by_forward
from tests.unit.engine import reference

BATCH, RATE, WARMUP, WINDOW, ROOT = 8, 0.03, 10, 20, 7


def updated(t, rate, p, m, v, scale):
    """Adam's step for one leaf."""
    direction = (m / (1 - 0.9 ** (t + 1))) / (jnp.sqrt(v / (1 - 0.95 ** (t + 1))) + 1e-20)
    return p - rate * scale * direction


def twin(model, source, steps, max_kl, seed=0):
    """Iterations 0..steps-1: rows KL, raw KL, student's loss, teacher's loss (nats), waited."""
    params = jax.jit(model.init)(key(ROOT, "init", seed))
    scales = model.rate_scales(params)
    task, labels = model.task, BATCH * sum(model.task.label_mask)
    zeros = jax.tree.map(jnp.zeros_like, params)
    teacher = student = (params, params, zeros, zeros)

    def mean_loss(params, tokens):
        each = reference.losses(model, params, tokens)
        return each.sum() / labels, each

    @jax.jit
    def learn(who, t, tokens):
        params, ema, m, v = who
        (_, each), grads = jax.value_and_grad(mean_loss, has_aux=True)(params, tokens)
        norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in jax.tree.leaves(grads)))
        grads = jax.tree.map(lambda g: jnp.where(norm > 1, g / norm, g), grads)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.95 * v + 0.05 * g * g, v, grads)
        rate = RATE * jnp.minimum(1.0, (t + 1) / WARMUP)
        params = jax.tree.map(functools.partial(updated, t, rate), params, m, v, scales)
        weight = 1 / jnp.minimum(t + 1, WINDOW)
        ema = jax.tree.map(lambda e, p: e + weight * (p - e), ema, params)
        return (params, ema, m, v), each

    @jax.jit
    def measure(teacher_ema, student_ema, student_raw, batch, samples_key):
        tokens, logits = sample_by_forward(model, teacher_ema, batch, samples_key)
        inputs = tokens[:, :-1]
        if task.has_bos:
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
            teacher, each = learn(teacher, np.float32(teacher_steps), batch)
            loss = np.asarray(each, np.float64).sum()
            teacher_steps += 1
        tokens, kl, kl_raw = measure(
            teacher[1],
            student[1],
            student[0],
            batch,
            jax.random.fold_in(key(ROOT, "samples", seed), t),
        )
        student, each = learn(student, np.float32(t), tokens)
        student_loss = np.asarray(each, np.float64).sum()
        last = float(kl) / labels
        rows.append((float(kl), float(kl_raw), student_loss, loss, waited))
    return np.array(rows).T
