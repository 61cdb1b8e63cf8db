"""One member, one step: a pure function of state and batch, usable in anybody's jitted program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from epiplexity_jax.engine.optimiser import average, descend, optimiser, warmup
from epiplexity_jax.engine.sharding import over_data
from epiplexity_jax.engine.state import Hyperparameters, MemberState, StepInfo, StepStatus
from epiplexity_jax.families.reductions import split_logsumexp
from epiplexity_jax.families.spec import Model, Task
from epiplexity_jax.sources.spec import Batch, Vectors


def shift(batch: Batch, task: Task) -> tuple[jax.Array, jax.Array]:
    """Split sequences into what a model reads and what it must predict.

    Args:
        batch: [B, L] integers, or `Vectors`.
        task: says where the labels are and whether a start token precedes the sequence.

    Returns:
        Inputs [B, task.input_length] int32 (the start token is the last input id) or, of vectors,
        [B, F] float32; and labels [B, P] int32.
    """
    if isinstance(batch, Vectors):
        return batch.inputs, batch.labels.astype(jnp.int32)
    tokens = batch.astype(jnp.int32)
    labels = tokens[:, np.flatnonzero(np.asarray(task.label_mask))]
    if task.has_bos:
        start = jnp.full((tokens.shape[0], 1), task.num_input_ids - 1, jnp.int32)
        return jnp.concatenate([start, tokens[:, :-1]], axis=1), labels
    return tokens[:, :-1], labels


def sequence_losses(model: Model, params: Any, batch: Batch) -> jax.Array:
    """Log loss of every sequence, summed over its label tokens.

    Args:
        model: the model.
        params: its parameters.
        batch: [B, L] integers, or `Vectors`.

    Returns:
        [B] float32 nats.
    """
    inputs, labels = shift(batch, model.task)
    return -log_likelihood(model.logits(params, inputs), labels, model.platform)


def log_likelihood(logits: jax.Array, labels: jax.Array, platform: str) -> jax.Array:
    """Log probability of every sequence's labels: [B] nats.

    Args:
        logits: [B, P, V] float32.
        labels: [B, P] int32.
        platform: of the program.
    """
    chosen = jnp.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    most, rest = split_logsumexp(logits, platform)
    return (chosen - most - rest).sum(-1)


def in_slices(
    work: Callable[[Any], tuple[Any, Any]], like: Any, batch: Any, size: int | None
) -> tuple[Any, Any]:
    """Do a batch's work slice by slice, so that no more than a slice's arrays are held.

    Args:
        work: slice of the batch to (a pytree to be summed over slices, a pytree of results whose
            leaves begin with the axis of the slice's sequences).
        like: a pytree with the structure, shapes and types of what is summed.
        batch: a pytree whose leaves begin with the axis B.
        size: sequences of a slice, a divisor of B; None takes the batch whole.

    Returns:
        The sums, and the results of all B sequences.
    """
    if size is None or size >= jax.tree.leaves(batch)[0].shape[0]:
        return work(over_data(batch))

    def add(total: Any, part: Any) -> tuple[Any, Any]:
        own, results = work(part)
        return jax.tree.map(jnp.add, total, own), results

    parts = jax.tree.map(lambda x: x.reshape(-1, size, *x.shape[1:]), batch)
    parts = over_data(parts, axis=1)
    total, results = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, like), parts)
    return total, jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), results)


def gradient(
    score: Callable[[Any, Any], tuple[jax.Array, Any]],
    params: Any,
    batch: Any,
    labels: int,
    microbatch: int | None,
) -> tuple[Any, Any]:
    """Score a batch, and take the gradient of its mean loss per label token.

    With a microbatch size that divides B the gradient is summed over slices of the batch: the same
    mathematics with activations that fit a cache.

    Args:
        score: (params, slice of the batch) to (losses [b] nats per sequence, a pytree of results
            whose leaves begin with the axis b).
        params: of the model.
        batch: a pytree whose leaves begin with the axis B.
        labels: label tokens that the mean is taken over.
        microbatch: sequences of a slice, or None.

    Returns:
        The gradient, and the results of all B sequences.
    """

    def objective(params: Any, part: Any) -> tuple[jax.Array, Any]:
        losses, results = score(params, part)
        return losses.sum() * (1.0 / labels), results

    def work(part: Any) -> tuple[Any, Any]:
        return jax.grad(objective, has_aux=True)(params, part)

    return in_slices(work, params, batch, microbatch)


def loss_gradient(
    model: Model, params: Any, batch: Batch, microbatch: int | None
) -> tuple[jax.Array, Any]:
    """Losses [B] (nats per sequence) and the gradient of the mean loss per label token.

    Args: those of `train_step`, with the weights `params`.
    """

    def score(params: Any, part: Batch) -> tuple[jax.Array, jax.Array]:
        losses = sequence_losses(model, params, part)
        return losses, losses

    labels = jax.tree.leaves(batch)[0].shape[0] * model.task.label_tokens
    grads, losses = gradient(score, params, batch, labels, microbatch)
    return losses, grads


def learn(model: Model, state: MemberState, grads: Any, hyper: Hyperparameters) -> MemberState:
    """Update weights, EMA and optimiser with the gradient of a batch.

    Args:
        model: the model (static).
        state: before the update.
        grads: the gradient, a pytree like the weights.
        hyper: of the member.
    """
    directions, optimiser_state = optimiser().update(grads, state.optimiser)
    rate = warmup(state.step, hyper.learning_rate, hyper.warmup_steps)
    params = descend(state.params, directions, rate, model.rate_scales(state.params))
    return MemberState(
        params=params,
        ema=average(state.ema, params, state.step, hyper.ema_steps, hyper.ema_growth),
        optimiser=optimiser_state,
        step=state.step + 1,
        active=state.active,
    )


def sum_and_variance(losses: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sum the losses [..., B] of a batch's sequences: the sum [...], and its variance [...]."""
    size = losses.shape[-1]
    return losses.sum(-1), size * jnp.var(losses, axis=-1, ddof=min(1, size - 1))


def train_step(
    model: Model,
    state: MemberState,
    batch: Batch,
    hyper: Hyperparameters,
    microbatch: int | None = None,
) -> tuple[MemberState, StepInfo]:
    """Score a batch, then learn from it.

    A loss or gradient that is not finite leaves the weights as they were and ends the member: its
    `active` turns False and the status is `NOT_FINITE`.

    Args:
        model: the model (static).
        state: the member before the step.
        batch: [B, L] integers, or `Vectors`.
        hyper: learning rate, warm-up and EMA window of this member.
        microbatch: sequences per slice of the batch, a divisor of B; None takes the batch whole.

    Returns:
        The member after the step, and the loss of the weights before it.
    """
    losses, grads = loss_gradient(model, state.params, batch, microbatch)
    loss_sum, loss_var = sum_and_variance(losses)
    stepped = learn(model, state, grads, hyper)
    finite = jnp.isfinite(loss_sum) & jnp.isfinite(optax.tree.norm(grads))
    status = jnp.where(finite, np.int32(StepStatus.OK), np.int32(StepStatus.NOT_FINITE))
    info = StepInfo(loss_sum, loss_var, status)
    stopped = state.replace(active=jnp.zeros((), bool))
    return jax.tree.map(lambda new, old: jnp.where(finite, new, old), stepped, stopped), info
