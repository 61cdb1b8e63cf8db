"""The compiled loops: members mapped and sharded over devices, steps looped between record points.

Axes: C cohort members, T steps of a block, B batch, L length, S held-out sequences of a tile.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from epiplexity_jax.base.keys import key
from epiplexity_jax.families.spec import Model, Task
from epiplexity_jax.sources.spec import Batch
from epiplexity_jax.training.heldout import largest_group
from epiplexity_jax.training.state import Hyperparameters, MemberState, StepInfo, initial_state
from epiplexity_jax.training.step import sequence_losses, step_info, train_step

MEMBER = "member"
_SHARDED = PartitionSpec(MEMBER)
_COPIED = PartitionSpec()


class Programs(NamedTuple):
    """The compiled programs of a cohort.

    Blocks and tiles are [C, T, B, L] and [C, S, L] integers, or `Vectors` with these leading axes.

    Attributes:
        init: keys [C] to states.
        advance: (states, hyperparameters [C], block, start, stop) to (states, StepInfo of [C, T]):
            trains on batches start..stop-1 of the block; entries outside are NaN.
        evaluate: (states, tile) to [C, 2, S] nats per sequence: EMA and raw weights.
        rescore: (states, block, start, stop) to StepInfo of [C, 2, T]: the same batches scored by
            the weights as they are, learning nothing: EMA and raw weights.
    """

    init: Callable[..., MemberState]
    advance: Callable[..., tuple[MemberState, StepInfo]]
    evaluate: Callable[..., jax.Array]
    rescore: Callable[..., StepInfo]


def member_sharding(mesh: Mesh) -> NamedSharding:
    """The leading axis over the devices of the mesh."""
    return NamedSharding(mesh, _SHARDED)


def maps_members(mesh: Mesh) -> bool:
    """Whether a device trains its members one after the other (CPU) or all at once (accelerators).

    On a CPU one after the other is as fast, and bit-identical whatever else is in the cohort.
    """
    return mesh.devices.flat[0].platform == "cpu"


def _over_members(function: Callable[..., Any], one_by_one: bool) -> Callable[..., Any]:
    if one_by_one:
        return lambda *args: jax.lax.map(lambda each: function(*each), args)
    return jax.vmap(function)


def init_member(model: Model, member_key: jax.Array) -> MemberState:
    """The untrained member of a key."""
    return initial_state(model.init(member_key))


def advance_member(
    model: Model,
    task: Task,
    microbatch: int | None,
    bounds: tuple[jax.Array, jax.Array],
    state: MemberState,
    hyper: Hyperparameters,
    block: Batch,
) -> tuple[MemberState, StepInfo]:
    """Train one member on batches bounds[0]..bounds[1]-1 of its block [T, B, ...].

    The bounds are values, so loops of different length share one program.
    """
    start, stop = bounds

    def body(t: jax.Array, carry: tuple[MemberState, StepInfo]) -> tuple[MemberState, StepInfo]:
        state, infos = carry
        state, info = jax.lax.cond(
            state.alive,
            lambda s: train_step(model, task, s, _batch(block, t), hyper, microbatch),
            lambda s: (s, StepInfo(jnp.float32(jnp.nan), jnp.float32(jnp.nan))),
            state,
        )
        infos = StepInfo(*(all_.at[t].set(one) for all_, one in zip(infos, info, strict=True)))
        return state, infos

    empty = jnp.full((_length(block),), jnp.nan, jnp.float32)
    return jax.lax.fori_loop(start, stop, body, (state, StepInfo(empty, empty)))


def evaluate_member(
    model: Model, task: Task, group: int, state: MemberState, tile: Batch
) -> jax.Array:
    """Score EMA and raw weights on a tile [S, ...], `group` at a time: [2, S] nats per sequence."""
    groups = jax.tree.map(lambda x: x.reshape(-1, group, *x.shape[1:]), tile)

    def score(state: MemberState) -> jax.Array:
        def of(params: Any) -> jax.Array:
            losses = jax.lax.map(lambda g: sequence_losses(model, params, g, task), groups)
            return losses.reshape(-1)

        return jnp.stack([of(state.ema), of(state.params)])

    resting = jnp.full((2, _length(tile)), jnp.nan, jnp.float32)
    return jax.lax.cond(state.alive, score, lambda _: resting, state)


def rescore_member(
    model: Model,
    task: Task,
    bounds: tuple[jax.Array, jax.Array],
    state: MemberState,
    block: Batch,
) -> StepInfo:
    """Score batches bounds[0]..bounds[1]-1 of a block [T, B, ...] again: StepInfo of [2, T]."""
    size = jax.tree.leaves(block)[0].shape[1]
    group = largest_group(size)

    def body(t: jax.Array, infos: StepInfo) -> StepInfo:
        losses = evaluate_member(model, task, group, state, _batch(block, t))
        info = step_info(losses)
        return StepInfo(*(all_.at[:, t].set(one) for all_, one in zip(infos, info, strict=True)))

    empty = jnp.full((2, _length(block)), jnp.nan, jnp.float32)
    return jax.lax.fori_loop(*bounds, body, StepInfo(empty, empty))


def _batch(block: Batch, t: jax.Array) -> Batch:
    return jax.tree.map(lambda x: x[t], block)


def _length(batch: Batch) -> int:
    return jax.tree.leaves(batch)[0].shape[0]


@functools.lru_cache(maxsize=64)
def compile_programs(
    model: Model, task: Task, mesh: Mesh, microbatch: int | None, eval_group: int
) -> Programs:
    """The programs of a cohort; equal arguments give the same jitted functions.

    Args:
        model: the model, hashable.
        task: its task.
        mesh: devices, one axis `member`.
        microbatch: see `train_step`.
        eval_group: held-out sequences scored at once, a divisor of the tile.
    """
    each = functools.partial(_over_members, one_by_one=maps_members(mesh))
    shard = functools.partial(jax.shard_map, mesh=mesh, check_vma=False)

    def advance(states: Any, hyper: Any, block: Any, start: Any, stop: Any) -> Any:
        one = functools.partial(advance_member, model, task, microbatch, (start, stop))
        return each(one)(states, hyper, block)

    def rescore(states: Any, block: Any, start: Any, stop: Any) -> Any:
        return each(functools.partial(rescore_member, model, task, (start, stop)))(states, block)

    return Programs(
        init=jax.jit(
            shard(
                each(functools.partial(init_member, model)), in_specs=_SHARDED, out_specs=_SHARDED
            )
        ),
        advance=jax.jit(
            shard(advance, in_specs=(*(_SHARDED,) * 3, _COPIED, _COPIED), out_specs=_SHARDED),
            donate_argnums=0,
        ),
        evaluate=jax.jit(
            shard(
                each(functools.partial(evaluate_member, model, task, eval_group)),
                in_specs=_SHARDED,
                out_specs=_SHARDED,
            )
        ),
        rescore=jax.jit(
            shard(rescore, in_specs=(*(_SHARDED,) * 2, _COPIED, _COPIED), out_specs=_SHARDED)
        ),
    )


def init_key(root: int, member_seed: int) -> jax.Array:
    """The key of a member's initial weights: the same for every source, so seeds pair."""
    return key(root, "init", member_seed)
