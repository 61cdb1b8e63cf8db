"""The compiled loop of a transfer: members of equal shapes learn from the same batches.

Axes: C cohort members, T steps of a chunk of data, B batch, E eval batches, S sequences of one.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Float64, Int, Int32, Int64

from epiplexity_jax.engine.microbatch import training_slice
from epiplexity_jax.engine.optimiser import descend, optimiser, warmup
from epiplexity_jax.engine.step import (
    Losses,
    batch_labels,
    gradient,
    log_likelihood,
    sequence_losses,
    shift,
)
from epiplexity_jax.families.spec import Model
from epiplexity_jax.probing.options import TransferOptions
from epiplexity_jax.probing.target import Target, with_start
from epiplexity_jax.runtime.compat import compiler_options
from epiplexity_jax.sources.spec import Batch

Params = Mapping[str, Any]
Report = Callable[[int], None]
_MOST_MEMBERS = 64  # of a cohort


class Probe(NamedTuple):
    """The static part of a cohort's programs; hashable.

    Attributes:
        model: the model for the target.
        start: the start token that precedes sequences; None: none does.
        names: parameters at the top of the tree that learn.
        microbatch: sequences whose gradient is taken at once, a divisor of the batch.
    """

    model: Model
    start: int | None
    names: tuple[str, ...]
    microbatch: int

    def over_members(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Map a function of one member over the leading axes of its arguments.

        One after the other on a CPU, so that a member's bits do not depend on the others.
        """
        if self.model.platform == "cpu":
            return lambda *args: jax.lax.map(lambda each: function(*each), args)
        return jax.vmap(function)


class ProbeState(NamedTuple):
    """A member that learns.

    Attributes:
        trained: parameters that learn, by name.
        optimiser: Optax state of these.
        step: [] int32, steps taken.
        active: [] bool, False once a loss or gradient was not finite.
    """

    trained: Any
    optimiser: Any
    step: Any
    active: Any


class Schedule(NamedTuple):
    """Learning rate: linear warm-up, then linearly down to 0 at the end.

    Attributes:
        steps: [] int32, steps in all.
        warmup_steps: [] int32, steps of warm-up.
    """

    steps: Any
    warmup_steps: Any

    def rate(self, step: Int[Array, ""], peak: Float[Array, ""]) -> Float[Array, ""]:
        """The rate of a step, counted from 0; the peak is that of a step behind the warm-up."""
        left = (self.steps - step) / jnp.maximum(self.steps - self.warmup_steps, 1)
        return warmup(step, peak, self.warmup_steps) * jnp.clip(left, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A member after its training on the target.

    Attributes:
        params: its parameters, host arrays.
        finite: whether all losses and gradients were finite.
        train_nats: [steps taken] losses of the batches, each before it was learnt.
        train_labels: [steps taken] label tokens of the batches.
        nats: [n] losses of the held-out sequences.
        labels: [n] label tokens of these.
        right: [n] label tokens whose symbol had the highest probability.
    """

    params: Params
    finite: bool
    train_nats: Float64[np.ndarray, " steps"]
    train_labels: Int64[np.ndarray, " steps"]
    nats: Float64[np.ndarray, " n"]
    labels: Int64[np.ndarray, " n"]
    right: Int64[np.ndarray, " n"]


def make_probe(
    model: Model, start: int | None, names: tuple[str, ...], options: TransferOptions
) -> Probe:
    """Make the static part for a model.

    Args:
        model: the model for the target.
        start: see `Probe`.
        names: see `Probe`.
        options: whose batch is cut into slices.
    """
    on_cpu = model.platform == "cpu"
    return Probe(model, start, names, training_slice(options.batch_size, model.task, on_cpu))


def train_members(
    probe: Probe,
    members: Sequence[Params],
    rates: Sequence[float],
    target: Target,
    options: TransferOptions,
    report: Report = lambda steps: None,
) -> list[Outcome]:
    """Train members on the target, then score them on its held-out set.

    Args:
        probe: the static part.
        members: parameters that each begins with.
        rates: base learning rate of each.
        target: the data.
        options: steps and batch size.
        report: called with member-steps that are done.
    """
    outcomes = list[Outcome]()
    for first in range(0, len(members), _MOST_MEMBERS):
        part = slice(first, first + _MOST_MEMBERS)
        outcomes += _train_cohort(probe, members[part], rates[part], target, options, report)
    return outcomes


def _train_cohort(
    probe: Probe,
    members: Sequence[Params],
    rates: Sequence[float],
    target: Target,
    options: TransferOptions,
    report: Report,
) -> list[Outcome]:
    programs = _compile(probe)
    whole = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    trained = {name: whole[name] for name in probe.names}
    frozen = {name: leaf for name, leaf in whole.items() if name not in probe.names}
    states = programs.init(trained)
    peaks = jnp.asarray(rates, jnp.float32)
    schedule = Schedule(np.int32(options.steps), np.int32(options.warmup_steps))
    stream, losses, labels = target.stream(options.batch_size), [], []
    for first in range(0, options.steps, stream.chunk_steps):
        count = min(stream.chunk_steps, options.steps - first)
        chunk = stream.chunk(first, count, stream.chunk_steps)
        states, found = programs.advance(states, frozen, peaks, chunk, np.int32(count), schedule)
        losses.append(np.asarray(found[0], np.float64)[:, :count])
        labels.append(np.asarray(found[1], np.int64)[:, :count])
        report(count * len(members))
    scored = programs.score(states, frozen, target.heldout)
    nats, paid, right = (np.asarray(one).reshape(len(members), -1) for one in scored)
    none = np.zeros((len(members), 0))  # of 0 steps
    losses = np.concatenate([none, *losses], axis=1)
    labels = np.concatenate([none.astype(np.int64), *labels], axis=1)
    final = jax.device_get({**frozen, **states.trained})
    taken, active = np.asarray(states.step), np.asarray(states.active)
    return [
        Outcome(
            params={name: jax.tree.map(lambda x, i=i: x[i], leaf) for name, leaf in final.items()},
            finite=bool(active[i]),
            train_nats=losses[i, : taken[i]],
            train_labels=labels[i, : taken[i]],
            nats=nats[i].astype(np.float64),
            labels=paid[i].astype(np.int64),
            right=right[i].astype(np.int64),
        )
        for i in range(len(members))
    ]


def probe_step(
    probe: Probe, state: ProbeState, frozen: Params, batch: Batch, rate: Float[Array, ""]
) -> tuple[ProbeState, tuple[Float[Array, ""], Int32[Array, ""]]]:
    """Score a batch, then learn from it.

    A loss or gradient that is not finite leaves the parameters as they were and ends the member.

    Args:
        probe: the static part.
        state: the member before the step.
        frozen: parameters that do not learn.
        batch: [B, ...], with the start token where there is one.
        rate: the base learning rate of the step.

    Returns:
        The member after the step; the batch's loss in nats before it, and its label tokens.
    """
    model = probe.model

    def score(trained: Any, part: Batch) -> tuple[Losses, Losses]:
        losses = sequence_losses(model, {**frozen, **trained}, part)
        return losses, losses

    counts = batch_labels(batch, model.task)
    grads, losses = gradient(score, state.trained, batch, counts, probe.microbatch)
    directions, moments = optimiser().update(grads, state.optimiser)
    scales = model.rate_scales({**frozen, **state.trained})
    own = {name: scales[name] for name in probe.names}
    params = descend(state.trained, directions, rate, own)
    finite = jnp.isfinite(losses.sum()) & jnp.isfinite(optax.tree.norm(grads))
    after = ProbeState(params, moments, state.step + 1, state.active)
    stopped = state._replace(active=jnp.zeros((), bool))
    state = jax.tree.map(lambda new, old: jnp.where(finite, new, old), after, stopped)
    return state, (losses.sum(), jnp.asarray(counts, jnp.int32))


def score_batch(
    model: Model, params: Params, batch: Batch
) -> tuple[Losses, Int32[Array, " batch"], Int32[Array, " batch"]]:
    """Score sequences.

    Args:
        model: the model.
        params: its parameters.
        batch: [B, ...], with the start token where there is one.

    Returns:
        For each sequence its loss in nats, its label tokens, and those of them whose symbol had the
        highest probability.
    """
    inputs, labels_BP = shift(batch, model.task)
    logits_BPV = model.logits(params, inputs)
    paid_BP = model.task.paid(batch)
    losses = -log_likelihood(logits_BPV, labels_BP, model.platform, paid_BP)
    counted_BP: Bool[Array, "batch targets"] = jnp.ones(labels_BP.shape, bool)
    counted_BP = counted_BP if paid_BP is None else paid_BP
    right_BP = (logits_BPV.argmax(-1) == labels_BP) & counted_BP
    return losses, counted_BP.sum(-1, dtype=jnp.int32), right_BP.sum(-1, dtype=jnp.int32)


class _Programs(NamedTuple):
    """Compiled programs of a cohort: initial states, steps of a chunk, held-out scores."""

    init: Callable[..., Any]
    advance: Callable[..., Any]
    score: Callable[..., Any]


@functools.lru_cache(maxsize=64)
def _compile(probe: Probe) -> _Programs:
    each = probe.over_members

    def init(trained: Any) -> Any:
        def one(own: Any) -> ProbeState:
            return ProbeState(own, optimiser().init(own), jnp.int32(0), jnp.ones((), bool))

        return each(one)(trained)

    def advance(
        states: Any, frozen: Any, peaks: Any, chunk: Batch, count: Any, schedule: Schedule
    ) -> Any:
        length = jax.tree.leaves(chunk)[0].shape[0]

        def one(state: ProbeState, rest: Any, peak: Any) -> Any:
            def body(t: Any, carry: Any) -> Any:
                state, losses, labels = carry
                batch = with_start(jax.tree.map(lambda x: x[t], chunk), probe.start)
                rate = schedule.rate(state.step, peak)
                state, (loss, paid) = jax.lax.cond(
                    state.active,
                    lambda s: probe_step(probe, s, rest, batch, rate),
                    lambda s: (s, (jnp.float32(0.0), jnp.int32(0))),
                    state,
                )
                return state, losses.at[t].set(loss), labels.at[t].set(paid)

            empty = jnp.zeros(length, jnp.float32), jnp.zeros(length, jnp.int32)
            state, losses, labels = jax.lax.fori_loop(0, count, body, (state, *empty))
            return state, (losses, labels)

        return each(one)(states, frozen, peaks)

    def score(states: Any, frozen: Any, batches: Batch) -> Any:
        def one(state: ProbeState, rest: Any) -> Any:
            params = {**rest, **state.trained}
            return jax.lax.map(
                lambda batch: score_batch(probe.model, params, with_start(batch, probe.start)),
                batches,
            )

        return each(one)(states, frozen)

    flags = compiler_options(probe.model.platform)
    compiled = functools.partial(jax.jit, compiler_options=flags)
    return _Programs(compiled(init), compiled(advance, donate_argnums=0), compiled(score))
