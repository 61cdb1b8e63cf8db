"""The slow twin of the engine: one member, one step at a time, on plain arrays.

No vmap, no scan, no sharding and none of the engine's step, optimiser or data code; only the model
itself and the sampler are shared. Adam, clipping, warm-up and EMA are written out.
"""

import jax
import jax.numpy as jnp
import numpy as np

from epiplexity_jax.base.keys import key


def batch(source, root, seed, index, size):
    stream = key(root, "data", seed)
    draw = jax.jit(source.sampler, static_argnums=2)
    return draw(source.parameters, jax.random.fold_in(stream, index), size)


def losses(model, params, tokens):
    """Nats per sequence, [B]."""
    task = model.task
    mask = np.asarray(task.label_mask)
    labels = tokens[:, mask]
    if mask[0]:
        start = jnp.full((len(tokens), 1), task.vocab_size, tokens.dtype)
        inputs = jnp.concatenate([start, tokens[:, :-1]], axis=1)
    else:
        inputs = tokens[:, :-1]
    log_p = jax.nn.log_softmax(model.logits(params, inputs), axis=-1)
    return -jnp.take_along_axis(log_p, labels[..., None], axis=-1)[..., 0].sum(-1)


def train(model, source, *, root, seed, steps, batch_size, rate, warmup, window):
    """Loss sums [steps] and their variances, EMA and raw parameters after the last step."""
    params = jax.jit(model.init)(key(root, "init", seed))
    ema, m, v = params, jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params)
    labels = batch_size * sum(model.task.label_mask)
    scales = model.rate_scales(params)

    def mean_loss(params, tokens):
        each = losses(model, params, tokens)
        return each.sum() / labels, each

    gradient = jax.jit(jax.value_and_grad(mean_loss, has_aux=True))

    @jax.jit
    def update(t, params, ema, m, v, grads):
        leaves = jax.tree.leaves(grads)
        norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in leaves))
        grads = jax.tree.map(lambda g: jnp.where(norm > 1.0, g / norm, g), grads)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.95 * v + 0.05 * g * g, v, grads)
        lr = rate * jnp.minimum(1.0, (t + 1.0) / warmup)

        def leaf(p, m, v, s):
            direction = (m / (1 - 0.9 ** (t + 1.0))) / (
                jnp.sqrt(v / (1 - 0.95 ** (t + 1.0))) + 1e-20
            )
            return p - lr * s * direction

        params = jax.tree.map(leaf, params, m, v, scales)
        weight = 1.0 / jnp.minimum(t + 1.0, window)
        return params, jax.tree.map(lambda e, p: e + weight * (p - e), ema, params), m, v

    sums, variances = [], []
    for t in range(steps):
        tokens = batch(source, root, seed, t, batch_size)
        (_, each), grads = gradient(params, tokens)
        each = np.asarray(each, np.float64)
        sums.append(each.sum())
        variances.append(batch_size * each.var(ddof=1))
        params, ema, m, v = update(jnp.float32(t), params, ema, m, v, grads)
    return np.array(sums), np.array(variances), ema, params
