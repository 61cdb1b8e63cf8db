"""The compiled loops: members mapped and sharded over devices, steps looped between record points.

Axes: C cohort members, T steps of a chunk of data, B batch, L length, S sequences of an eval batch,
K sources, W sets of weights.
"""

import functools
import gc
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float32, Int32, Key

from epiplexity_jax.engine.method import Method
from epiplexity_jax.engine.microbatch import scoring_slice
from epiplexity_jax.engine.sharding import (
    MEMBER,
    CohortSharding,
    data_devices,
    over_data,
    shard_large,
)
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.engine.step import sequence_losses, sum_and_variance
from epiplexity_jax.families.spec import Model
from epiplexity_jax.runtime.compat import compiler_options
from epiplexity_jax.sources.spec import Batch

Number = Int32[Array, ""]
Scores = Float32[Array, "sets sequences"]
SetColumns = Float32[Array, "sets steps"]
_SHARDED = PartitionSpec(MEMBER)
_COPIED = PartitionSpec()


class Programs(NamedTuple):
    """The compiled programs of a cohort.

    Chunks and eval batches are [C, T, B, L] and [K, S, L] integers, or a `Batch` of another sort
    with these leading axes.

    Attributes:
        init: data of the keys of initial weights [C, 2] and of samples [C, 2], and which members
            are inactive from the start [C], to states.
        advance: (states, hyperparameters [C], chunk, first [C], count, steps) to (states, infos of
            [C, T]): `count` iterations; a member's chunk holds the batches of its stream from
            `first` on. Entries from `count` on, and those of members that have learnt `steps`
            batches or are inactive, have the status NOT_RUN.
        evaluate: (states, eval batch, source [C]) to [C, W, S] nats per sequence (see `Method`),
            each member on the batch of its source.
        rescore: (states, chunk, start, stop) to sums and variances [C, W, T]: the same batches
            scored by the weights as they are.
    """

    init: Callable[..., Any]
    advance: Callable[..., tuple[Any, Any]]
    evaluate: Callable[..., Any]
    rescore: Callable[..., tuple[Any, Any]]


class ProgramKey(NamedTuple):
    """The static part of a cohort's programs; hashable.

    Attributes:
        model: the model; its platform is that of the programs, whatever they are traced on.
        method: the training method.
        microbatch: see `train_step`; as many of them at once as devices share a batch.
        shard_state: whether devices that share a member's batch share its state, too.
        scored: the most sequences that are scored at once; None: as many as usual.
    """

    model: Model
    method: Method
    microbatch: int | None = None
    shard_state: bool = False
    scored: int | None = None

    @property
    def use_lax_map(self) -> bool:
        """True if a device trains its members one after the other (CPU), not vmapped.

        On a CPU that is as fast, and bit-identical whatever else is in the cohort.
        """
        return self.model.platform == "cpu"

    def over_members(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Map a function of one member over the leading axes of its arguments."""
        if self.use_lax_map:
            return lambda *args: jax.lax.map(lambda each: function(*each), args)
        return jax.vmap(function)


def init_member(
    model: Model, member_key: Key[Array, ""], method: Method, samples: Key[Array, ""]
) -> Any:
    """Make the untrained member of a key.

    Args:
        model: the model.
        member_key: the random key of its initial weights.
        method: the training method.
        samples: the key for what a requential member draws.
    """
    return method.init(model.init(member_key), samples)


def advance_member(
    program: ProgramKey,
    count: Number,
    steps: Number,
    state: Any,
    hyper: Hyperparameters,
    chunk: Batch,
    first: Number,
) -> tuple[Any, Any]:
    """Iterate one member on its chunk.

    Args:
        program: the static part.
        count: iterations to run; a value, so that spans share one program.
        steps: batches after which the member is done.
        state: the member's state.
        hyper: the member's hyperparameters.
        chunk: [T, B, ...] batches of its stream.
        first: [] int32, number of the chunk's first batch in the stream.

    Returns:
        The state, and the method's infos [T].
    """
    model, method, microbatch, shard_state, _ = program
    length, batch_size, *_ = jax.tree.leaves(chunk)[0].shape
    microbatch = _shared(microbatch, batch_size)

    def update(state: Any, number: Number) -> tuple[Any, Any]:
        batch = _batch(chunk, number)
        state, info = method.update(model, state, batch, hyper, microbatch)
        return state, _counted(info, model.task.label_counts(batch))

    def not_run() -> Any:
        none = jnp.zeros(batch_size, jnp.int32) if model.task.labels_vary else None
        return _counted(method.empty_info(batch_size), none)

    def body(t: Number, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        state, infos = carry
        learnt = state.step
        state, info = jax.lax.cond(
            state.active & (learnt < steps),
            lambda s: update(s, learnt - first),
            lambda s: (s, not_run()),
            state,
        )
        state = shard_large(state) if shard_state else state
        return state, jax.tree.map(lambda all_, one: all_.at[t].set(one), infos, info)

    empty = jax.tree.map(lambda x: jnp.broadcast_to(x, (length, *x.shape)), not_run())
    return jax.lax.fori_loop(0, count, body, (state, empty))


def evaluate_member(program: ProgramKey, batches: Batch, state: Any, source: Number) -> Scores:
    """Score every set of a member's weights on the eval batch of its source, slice by slice.

    Args:
        program: the static part.
        batches: [K, S, ...], shared by the members.
        state: the member's state.
        source: [] int32, its source's number.

    Returns:
        [W, S] nats; NaN where the member is inactive.
    """
    model, method, *_ = program
    size = jax.tree.leaves(batches)[0].shape[1]
    group = scoring_slice(size, model.task, program.use_lax_map, program.scored)
    group = _shared(group, size)
    groups = jax.tree.map(lambda x: x.reshape(len(x), -1, group, *x.shape[2:]), batches)
    groups = over_data(groups, axis=2)
    inactive = jnp.full((method.num_weight_sets, size), jnp.nan, jnp.float32)
    return jax.lax.cond(
        state.active,
        lambda s: score_weights(model, s.weights, groups, source),
        lambda _: inactive,
        state,
    )


def score_weights(model: Model, weights: tuple[Any, ...], groups: Batch, source: Number) -> Scores:
    """Score W sets of weights, one group of sequences at a time.

    Args:
        model: the model.
        weights: W sets.
        groups: [K, G, S / G, ...], the eval batches of K sources in G groups.
        source: [] int32, the source to take.

    Returns:
        [W, S] nats.
    """
    count = jax.tree.leaves(groups)[0].shape[1]

    def losses(params: Any, g: Number) -> Float32[Array, " group"]:
        # Indexed here and not before: under vmap a whole batch would be copied per member.
        return sequence_losses(model, params, jax.tree.map(lambda x: x[source, g], groups))

    each = [functools.partial(losses, params) for params in weights]
    return jnp.stack([jax.lax.map(one, jnp.arange(count)).reshape(-1) for one in each])


def rescore_member(
    program: ProgramKey, bounds: tuple[Number, Number], state: Any, chunk: Batch
) -> tuple[SetColumns, SetColumns]:
    """Score batches of a chunk again.

    Args:
        program: the static part.
        bounds: first batch and the one after the last, [] int32 each.
        state: the member's state.
        chunk: [T, B, ...].

    Returns:
        Sums and variances [W, T] nats, nats^2 of each batch's losses; NaN outside of the bounds.
    """

    def body(t: Number, columns: tuple[SetColumns, ...]) -> tuple[SetColumns, ...]:
        batch = _batch(chunk, t)
        alone = jax.tree.map(lambda x: x[None], batch)
        scores = evaluate_member(program, alone, state, jnp.int32(0))
        found = sum_and_variance(scores, program.model.task.label_counts(batch))
        return tuple(c.at[:, t].set(one) for c, one in zip(columns, found, strict=True))

    length = jax.tree.leaves(chunk)[0].shape[0]
    empty = jnp.full((program.method.num_weight_sets, length), jnp.nan, jnp.float32)
    sums, variances = jax.lax.fori_loop(*bounds, body, (empty, empty))
    return sums, variances


def _shared(slice_: Any, whole: int) -> Any:
    """Sequences that all devices which share a batch work on at once, from one device's."""
    devices = data_devices()
    if slice_ is None or devices == 1:
        return slice_
    even = range(devices, slice_ * devices + 1, devices)
    return max((n for n in even if whole % n == 0), default=slice_)


def _counted(info: Any, labels: Int32[Array, " batch"] | None) -> Any:
    """The info of an iteration with the label tokens of each sequence, where they vary."""
    return info if labels is None else info._replace(labels=labels)


def _batch(chunk: Batch, t: Any) -> Batch:
    return jax.tree.map(lambda x: x[t], chunk)


@functools.lru_cache(maxsize=64)
def compile_programs(program: ProgramKey, mesh: Mesh) -> Programs:
    """Make the jitted programs of a cohort; equal arguments give the same functions."""
    model, method, each = program.model, program.method, program.over_members
    states = CohortSharding(mesh, program.shard_state).state_shardings(member_shapes(program))
    # The host of every process reads all results.
    results = NamedSharding(mesh, _SHARDED if jax.process_count() == 1 else _COPIED)

    def init(keys: Any, samples: Any, inactive: Any) -> Any:
        def one(key_data: Any, samples_data: Any, where: Any) -> Any:
            own, drawn = map(jax.random.wrap_key_data, (key_data, samples_data))
            return init_member(model, own, method, drawn).deactivate(where)

        return each(one)(keys, samples, inactive)

    def advance(states: Any, hyper: Any, chunk: Any, first: Any, count: Any, steps: Any) -> Any:
        one = functools.partial(advance_member, program, count, steps)
        return each(one)(states, hyper, chunk, first)

    def evaluate(states: Any, batches: Any, source: Any) -> Any:
        return each(functools.partial(evaluate_member, program, batches))(states, source)

    def rescore(states: Any, chunk: Any, start: Any, stop: Any) -> Any:
        return each(functools.partial(rescore_member, program, (start, stop)))(states, chunk)

    axes: dict[str, Any] = {"mesh": mesh, "axis_names": {MEMBER}, "check_vma": False}
    flags = compiler_options(mesh.devices.flat[0].platform)

    def compiled(function: Callable[..., Any], in_specs: Any, **options: Any) -> Callable[..., Any]:
        sharded = jax.shard_map(function, in_specs=in_specs, out_specs=_SHARDED, **axes)
        return jax.jit(sharded, compiler_options=flags, **options)

    moved = {"out_shardings": (states, results), "donate_argnums": 0}
    return Programs(
        init=compiled(init, _SHARDED, out_shardings=states),
        advance=compiled(advance, (_SHARDED,) * 4 + (_COPIED,) * 2, **moved),
        evaluate=compiled(evaluate, (_SHARDED, _COPIED, _SHARDED), out_shardings=results),
        rescore=compiled(rescore, (_SHARDED,) * 2 + (_COPIED,) * 2, out_shardings=results),
    )


def forget_programs() -> None:
    """Release all compiled programs that nothing refers to."""
    compile_programs.cache_clear()
    gc.collect()  # they are in cycles


def member_shapes(program: ProgramKey) -> Any:
    """Shapes and dtypes of a member's state."""
    model, method = program.model, program.method
    return jax.eval_shape(lambda k: init_member(model, k, method, k), jax.random.key(0))


def blocking(programs: Programs) -> Programs:
    """Make programs that return when they are done.

    On a CPU the devices of a process share its threads: two programs that are under way at once
    may each wait for a device that the other holds.
    """

    def waited(program: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: jax.block_until_ready(program(*arguments))

    return Programs(*map(waited, programs))
