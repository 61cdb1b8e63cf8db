"""The compiled loops: members mapped and sharded over devices, steps looped between record points.

Axes: C cohort members, T steps of a block, B batch, L length, S held-out sequences of a tile.
"""

import functools
import gc
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from epiplexity_jax.base.keys import key
from epiplexity_jax.engine.method import Method, PrequentialMethod
from epiplexity_jax.engine.microbatch import scoring_slice
from epiplexity_jax.engine.sharding import MEMBER, CohortSharding, data_devices, over_data, spread
from epiplexity_jax.engine.state import Hyperparameters, StepInfo
from epiplexity_jax.engine.step import sequence_losses, step_info
from epiplexity_jax.families.spec import Model
from epiplexity_jax.runtime.compat import compiler_options
from epiplexity_jax.sources.spec import Batch

PREQUENTIAL = PrequentialMethod()
_SHARDED = PartitionSpec(MEMBER)
_COPIED = PartitionSpec()


class Programs(NamedTuple):
    """The compiled programs of a cohort.

    Blocks and tiles are [C, T, B, L] and [C, S, L] integers, or `Vectors` with these leading axes.

    Attributes:
        init: data of the keys of initial weights [C, 2] and of samples [C, 2], and who rests from
            the start [C], to states.
        advance: (states, hyperparameters [C], block, first [C], count, steps) to (states, infos of
            [C, T]): `count` iterations; a member's block holds the batches of its stream from
            `first` on. Members rest that have learnt `steps` batches or are not alive: their
            entries are NaN, as are those from `count` on.
        evaluate: (states, tile) to [C, W, S] nats per sequence, W sets of weights (see `Method`).
        rescore: (states, block, start, stop) to StepInfo of [C, 2, T]: the same batches scored by
            the weights as they are, learning nothing: EMA and raw weights.
    """

    init: Callable[..., Any]
    advance: Callable[..., tuple[Any, Any]]
    evaluate: Callable[..., jax.Array]
    rescore: Callable[..., StepInfo]


class ProgramKey(NamedTuple):
    """What is compiled into a cohort's programs; hashable.

    Attributes:
        model: the model.
        method: how it trains.
        microbatch: see `train_step`; as many of them at once as devices share a batch.
        spreads: whether a member's state is spread over the devices that share its batch.
        scored: the most sequences that are scored at once; None: as many as usual.
    """

    model: Model
    method: Method = PREQUENTIAL
    microbatch: int | None = None
    spreads: bool = False
    scored: int | None = None


def use_lax_map(mesh: Mesh) -> bool:
    """Whether a device trains its members one after the other (CPU) or all at once (accelerators).

    On a CPU one after the other is as fast, and bit-identical whatever else is in the cohort.
    """
    return mesh.devices.flat[0].platform == "cpu"


def _over_members(function: Callable[..., Any], one_by_one: bool) -> Callable[..., Any]:
    if one_by_one:
        return lambda *args: jax.lax.map(lambda each: function(*each), args)
    return jax.vmap(function)


def init_member(
    model: Model, member_key: jax.Array, method: Method = PREQUENTIAL, samples: Any = None
) -> Any:
    """The untrained member of a key; `samples` is the key of what a requential one draws."""
    return method.init(model.init(member_key), samples)


class Bounds(NamedTuple):
    """Where a piece of the loop ends: [] int32 each, values, so that pieces share one program.

    Attributes:
        count: iterations to run.
        steps: batches after which a member is done.
    """

    count: Any
    steps: Any


def advance_member(
    setup: ProgramKey, bounds: Bounds, state: Any, hyper: Hyperparameters, block: Batch, first: Any
) -> tuple[Any, Any]:
    """Let one member iterate on its block [T, B, ...], which begins at batch `first`."""
    model, method, microbatch, spreads, _ = setup
    microbatch = _shared(microbatch, _length(_batch(block, 0)))

    def body(t: jax.Array, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        state, infos = carry
        learnt = method.data_steps(state)
        state, info = jax.lax.cond(
            method.active(state) & (learnt < bounds.steps),
            lambda s: method.update(model, s, _batch(block, learnt - first), hyper, microbatch),
            lambda s: (s, method.empty_info()),
            state,
        )
        state = spread(state) if spreads else state
        return state, jax.tree.map(lambda all_, one: all_.at[t].set(one), infos, info)

    empty = jax.tree.map(lambda x: jnp.full((_length(block),), x), method.empty_info())
    return jax.lax.fori_loop(0, bounds.count, body, (state, empty))


def evaluate_member(setup: ProgramKey, on_cpu: bool, state: Any, tile: Batch) -> jax.Array:
    """Score every set of weights on a tile [S, ...], a slice at a time: [W, S] nats."""
    model, method, *_ = setup
    group = scoring_slice(_length(tile), model.task, on_cpu, setup.scored)
    group = _shared(group, _length(tile))
    scored = functools.partial(score_weights, model, group, tile=tile)
    resting = jnp.full((method.num_weight_sets, _length(tile)), jnp.nan, jnp.float32)
    return jax.lax.cond(
        method.active(state), lambda s: scored(method.weights(s)), lambda _: resting, state
    )


def score_weights(model: Model, group: int, weights: tuple[Any, ...], tile: Batch) -> jax.Array:
    """Losses of W sets of weights on a tile [S, ...], `group` at a time: [W, S] nats."""
    groups = jax.tree.map(lambda x: x.reshape(-1, group, *x.shape[1:]), tile)
    groups = over_data(groups, axis=1)

    def of(params: Any) -> jax.Array:
        losses = jax.lax.map(lambda g: sequence_losses(model, params, g), groups)
        return losses.reshape(-1)

    return jnp.stack([of(params) for params in weights])


def rescore_member(
    setup: ProgramKey, on_cpu: bool, bounds: tuple[jax.Array, jax.Array], state: Any, block: Batch
) -> StepInfo:
    """Score batches bounds[0]..bounds[1]-1 of a block [T, B, ...] again: StepInfo of [W, T]."""

    def body(t: jax.Array, infos: StepInfo) -> StepInfo:
        losses = evaluate_member(setup, on_cpu, state, _batch(block, t))
        info = step_info(losses)
        return StepInfo(*(all_.at[:, t].set(one) for all_, one in zip(infos, info, strict=True)))

    empty = jnp.full((setup.method.num_weight_sets, _length(block)), jnp.nan, jnp.float32)
    return jax.lax.fori_loop(*bounds, body, StepInfo(empty, empty))


def _shared(slice_: Any, whole: int) -> Any:
    """Sequences worked on at once by all devices that share a batch, of one device's slice."""
    devices = data_devices()
    if slice_ is None or devices == 1:
        return slice_
    even = range(devices, slice_ * devices + 1, devices)
    return max((n for n in even if whole % n == 0), default=slice_)


def _batch(block: Batch, t: Any) -> Batch:
    return jax.tree.map(lambda x: x[t], block)


def _length(batch: Batch) -> int:
    return jax.tree.leaves(batch)[0].shape[0]


@functools.lru_cache(maxsize=64)
def compile_programs(setup: ProgramKey, mesh: Mesh, one_by_one: bool | None = None) -> Programs:
    """The programs of a cohort; equal arguments give the same jitted functions.

    Args:
        setup: what is compiled into them.
        mesh: see `sharding.member_mesh`.
        one_by_one: whether a device trains its members one after the other; None: where that suits
            the mesh, see `use_lax_map`.
    """
    on_cpu = use_lax_map(mesh) if one_by_one is None else one_by_one
    each = functools.partial(_over_members, one_by_one=on_cpu)
    shard = functools.partial(
        jax.shard_map, mesh=mesh, check_vma=False, out_specs=_SHARDED, axis_names={MEMBER}
    )
    states = CohortSharding(mesh, setup.spreads).state_shardings(member_shapes(setup))
    # What the host reads: all of it in every process.
    alone = jax.process_count() == 1
    results = NamedSharding(mesh, _SHARDED if alone else _COPIED)

    def init(keys: Any, samples: Any, resting: Any) -> Any:
        def one(key_data: Any, samples_data: Any, rests: Any) -> Any:
            keys = map(jax.random.wrap_key_data, (key_data, samples_data))
            state = init_member(setup.model, next(keys), setup.method, next(keys))
            return setup.method.deactivate(state, rests)

        return each(one)(keys, samples, resting)

    def advance(states: Any, hyper: Any, block: Any, first: Any, count: Any, steps: Any) -> Any:
        one = functools.partial(advance_member, setup, Bounds(count, steps))
        return each(one)(states, hyper, block, first)

    def evaluate(states: Any, tile: Any) -> Any:
        return each(functools.partial(evaluate_member, setup, on_cpu))(states, tile)

    def rescore(states: Any, block: Any, start: Any, stop: Any) -> Any:
        return each(functools.partial(rescore_member, setup, on_cpu, (start, stop)))(states, block)

    compiled = functools.partial(
        jax.jit, compiler_options=compiler_options(mesh.devices.flat[0].platform)
    )
    return Programs(
        init=compiled(shard(init, in_specs=_SHARDED), out_shardings=states),
        advance=compiled(
            shard(advance, in_specs=(*(_SHARDED,) * 4, _COPIED, _COPIED)),
            out_shardings=(states, results),
            donate_argnums=0,
        ),
        evaluate=compiled(shard(evaluate, in_specs=_SHARDED), out_shardings=results),
        rescore=compiled(
            shard(rescore, in_specs=(*(_SHARDED,) * 2, _COPIED, _COPIED)), out_shardings=results
        ),
    )


def forget_programs() -> None:
    """Let go of all compiled programs that nobody holds."""
    compile_programs.cache_clear()
    gc.collect()  # they are in cycles


def member_shapes(setup: ProgramKey) -> Any:
    """Shapes and types of a member's state."""
    return jax.eval_shape(lambda k: init_member(setup.model, k, setup.method, k), jax.random.key(0))


def blocking(programs: Programs) -> Programs:
    """The same programs, each waited for.

    On a CPU the devices of a process share its threads: two programs that are under way at once
    may each wait for a device that the other holds.
    """

    def waited(program: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: jax.block_until_ready(program(*arguments))

    return Programs(*map(waited, programs))


def init_key(root: int, member_seed: int) -> jax.Array:
    """The key of a member's initial weights: the same for every source, so seeds pair."""
    return key(root, "init", member_seed)


def samples_key(root: int, member_seed: int) -> jax.Array:
    """The key of what a member's teacher samples."""
    return key(root, "samples", member_seed)
