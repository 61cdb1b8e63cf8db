"""What a device holds while a wave trains, before anything is compiled.

The engine's own programs are traced for the shapes that they will get, so every family is counted
alike, models of the user's own too: weights, averages, optimiser states, gradients, activations of
a slice, logits, caches of sampling, blocks of data. A trace costs nothing extra where it is that of
the programs which then train: JAX keeps it.
"""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn
from jax.sharding import Mesh

from epiplexity_jax.engine.programs import ProgramKey, compile_programs, member_shapes, use_lax_map
from epiplexity_jax.engine.sharding import MEMBER, lies_over, member_sharding
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.resources.jaxpr_peak import Size, array_bytes, peak_bytes
from epiplexity_jax.sources.spec import Batch


class PerDeviceShapes(NamedTuple):
    """What a device of a wave is given: hashable.

    Attributes:
        members: that it trains at once.
        block: of one member, [T, B, ...]: shapes and types, B its part of the batch.
        tile: of one member, [S, ...]: shapes and types, S its part of a tile.
        tiles: of the held-out set.
        state_devices: that share a member's state; 1: each has all of it.
    """

    members: int
    block: Batch
    tile: Batch
    tiles: int
    state_devices: int = 1


@functools.lru_cache(maxsize=256)
def device_bytes(setup: ProgramKey, load: PerDeviceShapes, mesh: Mesh, one_by_one: bool) -> int:
    """What each device holds at the most: training, or scoring the held-out set.

    Args:
        setup: of the programs.
        load: what each device is given.
        mesh: devices to trace for, each with a batch of its own.
        one_by_one: whether a device trains its members one after the other; see
            `loop.use_lax_map`.
    """
    size = _sizes(setup, load.state_devices)
    step, evaluation = (
        _program_bytes(*traced, size) for traced in traces(setup, load, mesh, one_by_one)
    )
    blocks, tiles = (load.members * _bytes(x) for x in (load.block, load.tile))
    held = max(step, evaluation + blocks)  # the next block is there before it is needed
    gathered = 0
    if load.state_devices > 1:  # weights are brought together where they are used
        gathered = load.members * _bytes(jax.eval_shape(setup.model.init, jax.random.key(0)))
    return held + blocks + tiles * load.tiles + gathered


def traces(
    setup: ProgramKey, load: PerDeviceShapes, mesh: Mesh, one_by_one: bool
) -> tuple[tuple[jax.stages.Traced, int], tuple[jax.stages.Traced, int]]:
    """The programs that train and score a wave, and how many of their inputs each may replace."""
    usual = one_by_one == use_lax_map(mesh)
    programs = compile_programs(setup, mesh, *(() if usual else (one_by_one,)))
    members = load.members * mesh.shape[MEMBER]

    place = member_sharding(mesh)  # as the arrays will lie, so that the trace serves for them

    def like(shape: tuple[int, ...], kind: Any) -> Any:
        return jax.ShapeDtypeStruct((members, *shape), kind, sharding=place)

    def each(tree: Any) -> Any:
        return jax.tree.map(lambda x: like(x.shape, x.dtype), tree)

    one = member_shapes(setup)
    states, block, tile = each(one), each(load.block), each(load.tile)
    number = jax.ShapeDtypeStruct((), np.int32)
    kinds = (np.float32, np.int32, np.int32, np.float32, np.float32)
    hyper = Hyperparameters(*(like((), kind) for kind in kinds))
    advance: Any = programs.advance
    evaluate: Any = programs.evaluate
    return (
        (
            advance.trace(states, hyper, block, like((), np.int32), number, number),
            len(jax.tree.leaves(one)),
        ),
        (evaluate.trace(states, tile), 0),
    )


def program_bytes(traced: jax.stages.Traced, replaceable: int) -> int:
    """Arguments, results and temporary arrays of a traced program, on each device.

    Args:
        traced: a program of `traces`.
        replaceable: its first inputs whose place it may use.
    """
    return _program_bytes(traced, replaceable, array_bytes)


def _program_bytes(traced: jax.stages.Traced, replaceable: int, size: Size) -> int:
    program, mapped = _of_a_device(traced.jaxpr.jaxpr)
    inner = dict(zip(mapped.invars, program.invars, strict=True))
    owned = [inner[v] for v in traced.jaxpr.jaxpr.invars[:replaceable] if v in inner]
    others = sum(size(v.aval) for v in program.invars) - sum(size(v.aval) for v in owned)
    return peak_bytes(program, owned, size) + others


def _of_a_device(jaxpr: Jaxpr) -> tuple[Jaxpr, JaxprEqn]:
    """What each device runs, and the operation that has all of them run it."""
    (mapped,) = (eqn for eqn in jaxpr.eqns if eqn.primitive.name == "shard_map")
    return mapped.params["jaxpr"], mapped


def _sizes(setup: ProgramKey, devices: int) -> Size:
    """Bytes of an array on one of the devices that share a member's state."""
    if devices == 1:
        return array_bytes
    shapes = {x.shape for x in jax.tree.leaves(member_shapes(setup))}
    shared = {shape for shape in shapes if lies_over(shape, devices)}
    shared |= {(1, *shape) for shape in shared}
    return lambda aval: array_bytes(aval) // (devices if aval.shape in shared else 1)


def _bytes(tree: Any) -> int:
    return sum(array_bytes(x) for x in jax.tree.leaves(tree))
