"""One member, one step: a pure function of state and batch, usable in anybody's jitted program."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Int32

from epiplexity_jax.engine.optimiser import average, descend, optimiser, warmup
from epiplexity_jax.engine.sharding import over_data
from epiplexity_jax.engine.state import Hyperparameters, MemberState, StepInfo, StepStatus
from epiplexity_jax.families.reductions import split_logsumexp
from epiplexity_jax.families.spec import Inputs, Logits, Model, Task
from epiplexity_jax.families.task import AnyArray
from epiplexity_jax.sources.spec import Batch, MaskedTokens, Vectors, WithReals

Labels = Int32[AnyArray, "batch targets"]
Losses = Float[Array, " batch"]
Paid = Bool[AnyArray, "batch targets"]
Sums = Float[Array, "*rest"]


def shift(batch: Batch, task: Task) -> tuple[Inputs, Labels]:
    """Split sequences into what a model reads and what it must predict.

    Inputs are [B, task.input_length] int32 (a start token is the last input id), with reals
    [B, K, R] float32 where a batch has them or, of vectors, [B, F] float32.
    """
    if isinstance(batch, Vectors):
        return batch.inputs, batch.labels.astype(jnp.int32)
    tokens = batch.tokens if isinstance(batch, MaskedTokens | WithReals) else batch
    tokens_BL = tokens.astype(jnp.int32)
    labels_BP = tokens_BL[:, np.flatnonzero(np.asarray(task.label_mask))]
    inputs_BI = tokens_BL[:, :-1]
    if task.has_bos:
        start_B1 = jnp.full((len(tokens_BL), 1), task.num_input_ids - 1, jnp.int32)
        inputs_BI = jnp.concatenate([start_B1, inputs_BI], axis=1)
    if isinstance(batch, WithReals):
        return WithReals(inputs_BI, batch.reals), labels_BP
    return inputs_BI, labels_BP


def sequence_losses(model: Model, params: Any, batch: Batch) -> Losses:
    """Log loss of every sequence, [B] float32 nats, summed over its label tokens.

    Args:
        model: the model.
        params: its parameters.
        batch: [B, L] integers or a `Batch` of another sort.
    """
    inputs, labels = shift(batch, model.task)
    logits, paid = model.logits(params, inputs), model.task.paid(batch)
    return -log_likelihood(logits, labels, model.platform, paid)


def log_likelihood(
    logits_BPV: Logits, labels_BP: Labels, platform: str, paid_BP: Paid | None = None
) -> Losses:
    """Log probability of every sequence's labels: [B] nats.

    Args:
        logits_BPV: float32.
        labels_BP: labels in [0, V).
        platform: the platform that the program is compiled for.
        paid_BP: True for those that count; None: all.
    """
    chosen_BP = jnp.take_along_axis(logits_BPV, labels_BP[..., None], axis=-1)[..., 0]
    most_BP, rest_BP = split_logsumexp(logits_BPV, platform)
    each_BP = chosen_BP - most_BP - rest_BP
    return (each_BP if paid_BP is None else jnp.where(paid_BP, each_BP, 0.0)).sum(-1)


def batch_labels(batch: Batch, task: Task) -> int | Int32[Array, ""]:
    """Label tokens of a batch, by which its mean loss is divided; 1 where it has none."""
    counts = task.label_counts(batch)
    if counts is None:
        return jax.tree.leaves(batch)[0].shape[0] * task.label_tokens
    return jnp.maximum(counts.sum(), 1)


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

    parts = jax.tree.map(lambda x: x.reshape(-1, size, *x.shape[1:]), batch)  # [slices, size, ...]
    parts = over_data(parts, axis=1)
    total, results = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, like), parts)
    return total, jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), results)


def gradient(
    score: Callable[[Any, Any], tuple[Losses, Any]],
    params: Any,
    batch: Any,
    labels: int | Int32[Array, ""],
    microbatch: int | None,
) -> tuple[Any, Any]:
    """Score a batch, and take the gradient of its mean loss per label token.

    With a microbatch size that divides B the gradient is summed over slices of the batch: the same
    mathematics with activations that fit a cache.

    Args:
        score: (params, slice of the batch) to (losses [b] nats per sequence, a pytree of results
            whose leaves begin with the axis b).
        params: the model's parameters.
        batch: a pytree whose leaves begin with the axis B.
        labels: label tokens of the whole batch, that the mean is taken over.
        microbatch: sequences of a slice, or None.

    Returns:
        The gradient, and the results of all B sequences.
    """

    def objective(params: Any, part: Any) -> tuple[Float[Array, ""], Any]:
        losses, results = score(params, part)
        return losses.sum() * (1.0 / labels), results

    work = functools.partial(jax.grad(objective, has_aux=True), params)
    return in_slices(work, params, batch, microbatch)


def loss_gradient(
    model: Model, params: Any, batch: Batch, microbatch: int | None
) -> tuple[Losses, Any]:
    """See `train_step`: losses (nats per sequence), gradient of the mean loss per label token."""
    losses, _, grads = _loss_gradient(model, params, batch, microbatch)
    return losses, grads


def _loss_gradient(
    model: Model, params: Any, batch: Batch, microbatch: int | None
) -> tuple[Losses, Losses, Any]:
    """`loss_gradient` with the losses twice: to be summed, and to be returned."""

    def score(params: Any, part: Batch) -> tuple[Losses, tuple[Losses, Losses]]:
        losses = sequence_losses(model, params, part)
        return losses, (losses, apart(losses))

    labels = batch_labels(batch, model.task)
    grads, (losses, returned) = gradient(score, params, batch, labels, microbatch)
    return losses, returned, grads


def apart(losses: Losses) -> Losses:
    """The same losses [b], to be returned: of slices, sums of the others are rounded as without."""
    return jax.lax.optimization_barrier(losses)


def learn(model: Model, state: MemberState, grads: Any, hyper: Hyperparameters) -> MemberState:
    """Update weights, EMA and optimiser with the gradient of a batch.

    Args:
        model: the model (static).
        state: the member's state before the update.
        grads: the gradient, a pytree like the weights.
        hyper: the member's hyperparameters.
    """
    directions, optimiser_state = optimiser().update(grads, state.optimiser)
    rate = warmup(state.step, hyper.learning_rate, hyper.warmup_steps)
    params = descend(state.params, directions, rate, model.rate_scales(state.params))
    return MemberState(
        params=params,
        ema=average(state.ema, params, state.step, hyper.ema),
        optimiser=optimiser_state,
        step=state.step + 1,
        active=state.active,
    )


def sum_and_variance(
    losses: Float[Array, "*rest batch"], labels: Int[Array, " batch"] | None = None
) -> tuple[Sums, Sums]:
    """Sum the losses [..., B] of a batch's sequences: the sum [...], and its variance [...].

    The variance is that of the sum less its labels times their mean loss, from the spread between
    sequences: how many labels there are is known and no error.

    Args:
        losses: nats of each sequence.
        labels: label tokens of each sequence; None: all have as many.
    """
    size = losses.shape[-1]
    if labels is None:
        return losses.sum(-1), size * jnp.var(losses, axis=-1, ddof=min(1, size - 1))
    total, counts = losses.sum(-1), jnp.broadcast_to(labels, losses.shape)
    mean = total / jnp.maximum(counts.sum(-1), 1)
    rest = losses - counts * mean[..., None]
    return total, (rest**2).sum(-1) * (size / max(size - 1, 1))


def train_step(
    model: Model,
    state: MemberState,
    batch: Batch,
    hyper: Hyperparameters,
    microbatch: int | None = None,
) -> tuple[MemberState, StepInfo]:
    """Score a batch, then learn from it.

    A loss or gradient that is not finite leaves the weights as they were and ends the member: its
    `active` turns False and the status is `NOT_FINITE`. A batch without a label is a step with a
    loss and a gradient of 0.

    Args:
        model: the model (static).
        state: the member before the step.
        batch: [B, L] integers or a `Batch` of another sort.
        hyper: learning rate, warm-up and EMA window of this member.
        microbatch: sequences per slice of the batch, a divisor of B; None takes the batch whole.

    Returns:
        The member after the step, and the losses of the weights before it.
    """
    losses_B, returned_B, grads = _loss_gradient(model, state.params, batch, microbatch)
    loss_sum, loss_var = sum_and_variance(losses_B, model.task.label_counts(batch))
    stepped = learn(model, state, grads, hyper)
    finite = jnp.isfinite(loss_sum) & jnp.isfinite(optax.tree.norm(grads))
    status = jnp.where(finite, np.int32(StepStatus.OK), np.int32(StepStatus.NOT_FINITE))
    info = StepInfo(loss_sum, loss_var, status, returned_B)
    stopped = state.replace(active=jnp.zeros((), bool))
    return jax.tree.map(lambda new, old: jnp.where(finite, new, old), stepped, stopped), info
