"""Memory that a device needs while a wave trains, estimated before anything is compiled.

The engine's own programs are traced for the shapes that they will get, so models of the user's own
count too. A trace (a jaxpr) lists operations on arrays in order. Compilers do not hold every array
of it: a chain of elementwise operations is one loop over what it reads, and results take the place
of what is read for the last time. The rules here are those of XLA's fusion, simplified;
benchmarks/memory.py compares them with `compiled_bytes`.

The plan does not ask the compiler. JAX keeps a trace, and an executable too, for the program that
trains, but only of equal shapes. On accelerators memory decides how many members train at once, so
the executable that was asked would not be the one that trains; and every wave would be compiled
before the first one trains (a trace takes a tenth of a compilation's time).
"""

import functools
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from epiplexity_jax.engine.programs import ProgramKey, compile_programs, member_shapes
from epiplexity_jax.engine.sharding import MEMBER, lies_over
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.sources.spec import Batch

Size = Callable[[Any], int]  # of an abstract array: bytes

# Another name for the same bytes.
_RENAMED = frozenset(
    ("reshape", "squeeze", "expand_dims", "stop_gradient", "random_wrap", "random_unwrap")
    + ("optimization_barrier", "sharding_constraint")
)
# Computed anew by every operation that reads the result.
_REPEATED = frozenset(
    ("and", "broadcast_in_dim", "convert_element_type", "eq", "ge", "gt", "iota", "le", "lt")
    + ("ne", "not", "or", "slice", "transpose")
)
# Part of the loop of whoever reads the result, where that is one operation.
_FUSED = _REPEATED.union(
    ("abs", "add", "add_any", "atan2", "bitcast_convert_type", "cbrt", "ceil", "clamp", "clz"),
    ("concatenate", "copy", "cos", "div", "dynamic_slice", "erf", "erf_inv", "erfc", "exp", "exp2"),
    ("expm1", "floor", "gather", "integer_pow", "is_finite", "log", "log1p", "logistic", "max"),
    ("min", "mul", "neg", "nextafter", "pad", "population_count", "pow", "reduce_precision", "rem"),
    ("rev", "round", "rsqrt", "select_n", "shift_left", "shift_right_arithmetic"),
    ("shift_right_logical", "sign", "sin", "split", "sqrt", "square", "sub", "tan", "tanh", "xor"),
)
_CALLS = frozenset(
    ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call")
    + ("checkpoint", "remat2", "shard_map")
)
# Results take the place of what is read for the last time.
_IN_PLACE = _FUSED.union(("dynamic_update_slice", "scatter", "scatter-add", "while"))
# Threefry's rounds carry two arrays of words, and a loop over them holds the last round's as well.
_RANDOM = {"random_bits", "threefry2x32"}


def array_bytes(aval: Any) -> int:
    """Return the bytes of an abstract array; keys and tokens count as nothing."""
    dtype = getattr(aval, "dtype", None)
    if dtype is None or jnp.issubdtype(dtype, jax.dtypes.extended):
        return 0
    return math.prod(aval.shape) * np.dtype(dtype).itemsize


class PerDeviceShapes(NamedTuple):
    """Shapes of the data that a device of a wave is given: hashable.

    Attributes:
        members: number of members that it trains at once.
        chunk: one member's chunk, [T, B, ...]: shapes and dtypes, B its part of the batch.
        eval_batch: one member's eval batch, [S, ...]: shapes and dtypes, S its part of the batch.
        eval_batches: eval batches that are there at once.
        state_devices: number of devices that share a member's state; 1: each has all of it.
    """

    members: int
    chunk: Batch
    eval_batch: Batch
    eval_batches: int
    state_devices: int = 1


@functools.lru_cache(maxsize=256)
def device_bytes(program: ProgramKey, shapes: PerDeviceShapes, mesh: Mesh) -> int:
    """Return the most bytes that each device holds: training, or scoring the held-out set.

    Args:
        program: the static part of the devices' programs.
        shapes: the data that each device is given.
        mesh: devices to trace for, each with a batch of its own.
    """
    size = _sizes(program, shapes.state_devices)
    step, evaluation = (program_bytes(*traced, size) for traced in traces(program, shapes, mesh))
    chunks, eval_batches = (shapes.members * _bytes(x) for x in (shapes.chunk, shapes.eval_batch))
    held = max(step, evaluation + chunks)  # the next chunk is there before it is needed
    gathered = 0
    if shapes.state_devices > 1:  # weights are brought together where they are used
        gathered = shapes.members * _bytes(jax.eval_shape(program.model.init, jax.random.key(0)))
    return held + chunks + eval_batches * shapes.eval_batches + gathered


def traces(
    program: ProgramKey, shapes: PerDeviceShapes, mesh: Mesh
) -> tuple[tuple[jax.stages.Traced, int], tuple[jax.stages.Traced, int]]:
    """Trace the programs that train and score a wave.

    Args: those of `device_bytes`.

    Returns:
        Each program, and the number of its first inputs whose place it may use.
    """
    programs: Any = compile_programs(program, mesh)
    members = shapes.members * mesh.shape[MEMBER]
    # As the arrays will lie, so that the trace serves for them.
    place = NamedSharding(mesh, PartitionSpec(MEMBER))

    def like(shape: tuple[int, ...], kind: Any) -> Any:
        return jax.ShapeDtypeStruct((members, *shape), kind, sharding=place)

    def each(tree: Any) -> Any:
        return jax.tree.map(lambda x: like(x.shape, x.dtype), tree)

    one = member_shapes(program)
    everywhere = NamedSharding(mesh, PartitionSpec())
    eval_batch = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((1, *x.shape), x.dtype, sharding=everywhere),
        shapes.eval_batch,
    )
    states, chunk, source = each(one), each(shapes.chunk), like((), np.int32)
    number = jax.ShapeDtypeStruct((), np.int32)
    hyper = jax.tree.map(
        lambda x: like((), x.dtype), Hyperparameters.stack([Hyperparameters(0, 0)])
    )
    advance = programs.advance.trace(states, hyper, chunk, like((), np.int32), number, number)
    evaluate = programs.evaluate.trace(states, eval_batch, source)
    return (advance, len(jax.tree.leaves(one))), (evaluate, 0)


def program_bytes(traced: jax.stages.Traced, replaceable: int, size: Size = array_bytes) -> int:
    """Return bytes of arguments, results and temporary arrays of a traced program on a device.

    Args:
        traced: a program of `traces`.
        replaceable: its first inputs whose place it may use.
        size: bytes of an abstract array.
    """
    whole = traced.jaxpr.jaxpr
    (mapped,) = (eqn for eqn in whole.eqns if eqn.primitive.name == "shard_map")
    program = mapped.params["jaxpr"]  # of each device
    inner = dict(zip(mapped.invars, program.invars, strict=True))
    owned = {inner[v] for v in whole.invars[:replaceable] if v in inner}
    others = sum(size(v.aval) for v in program.invars if v not in owned)
    return peak_bytes(program, owned, size) + others


def _sizes(program: ProgramKey, devices: int) -> Size:
    """Return a function to the bytes of an array on one of the devices that share a state."""
    if devices == 1:
        return array_bytes
    shapes = {x.shape for x in jax.tree.leaves(member_shapes(program))}
    shared = {shape for shape in shapes if lies_over(shape, devices)}
    shared |= {(1, *shape) for shape in shared}
    return lambda aval: array_bytes(aval) // (devices if aval.shape in shared else 1)


def _bytes(tree: Any) -> int:
    return sum(array_bytes(x) for x in jax.tree.leaves(tree))


def compiled_bytes(compiled: Any) -> int | None:
    """Return the compiler's own count: arguments, results and temporaries on a device."""
    found = compiled.memory_analysis()
    if found is None:
        return None
    kept = found.argument_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes
    return int(kept + found.temp_size_in_bytes)


def peak_bytes(jaxpr: Jaxpr, owned: Collection[Any], size: Size = array_bytes) -> int:
    """Return the most bytes that a program holds at once.

    Args:
        jaxpr: the program.
        owned: those of its inputs whose place it may use once they are read; the others belong to
            the caller and are not counted.
        size: bytes of an abstract array.

    Returns:
        Bytes of owned inputs, intermediate arrays and results.
    """
    program = _Program(size)
    mine = set(owned)
    given = {v: _Array(size(v.aval) if v in mine else 0, held=True) for v in jaxpr.invars}
    results = program.inline(jaxpr, given)
    return program.peak([given[v] for v in mine], results)


@dataclass(eq=False)
class _Array:
    """An array of so many bytes that is held, or computed from `sources` wherever it is read."""

    size: int
    held: bool = False
    readers: int = 0
    sources: tuple["_Array", ...] = ()


@dataclass
class _Step:
    """One operation."""

    name: str
    reads: Sequence[_Array]
    writes: Sequence[_Array]
    within: int = 0  # bytes held while it runs, beside these
    carried: Sequence[_Array] = ()  # whose place the results of a loop may take


@dataclass
class _Program:
    """The operations of a program, calls inlined."""

    size: Size
    steps: list[_Step] = field(default_factory=list)

    def inline(self, jaxpr: Jaxpr, known: dict[Any, _Array]) -> list[_Array]:
        """Add a program's operations and return its results."""
        for v in jaxpr.constvars:
            known[v] = _Array(0, held=True)  # of the caller

        def read(v: Any) -> _Array:
            return _Array(0, held=True) if isinstance(v, Literal) else known[v]

        for eqn in jaxpr.eqns:
            reads = [read(v) for v in eqn.invars]
            known.update(zip(eqn.outvars, self._results(eqn, reads), strict=True))
        return [read(v) for v in jaxpr.outvars]

    def _results(self, eqn: JaxprEqn, reads: list[_Array]) -> Sequence[_Array]:
        name = eqn.primitive.name
        if name in _RENAMED:
            return reads
        once = name == "scan" and eqn.params["length"] == 1
        if name in _CALLS or once:
            called = _body(eqn.params.get("jaxpr") or eqn.params["call_jaxpr"])
            return self.inline(called, dict(zip(called.invars, reads, strict=True)))
        writes = [_Array(self.size(v.aval), held=name not in _FUSED) for v in eqn.outvars]
        consts, carried = _scanned(eqn) if name == "scan" else (0, 0)
        carry = reads[consts : consts + carried]
        self.steps.append(_Step(name, reads, writes, self._within(eqn), carry))
        return writes

    def _within(self, eqn: JaxprEqn) -> int:
        """Return bytes that an operation holds while it runs, beside what it reads and writes."""
        params, name = eqn.params, eqn.primitive.name
        if name in _RANDOM:
            return 3 * sum(self.size(v.aval) for v in eqn.outvars)
        if name == "scan":
            body, (consts, carried) = _body(params["jaxpr"]), _scanned(eqn)
            return self._inner(body, body.invars[consts:], carried)
        if name == "while":
            body = _body(params["body_jaxpr"])
            return self._inner(body, body.invars[params["body_nconsts"] :], len(body.outvars))
        if name == "cond":
            bodies = map(_body, params["branches"])
            return max(self._inner(body, (), len(body.outvars)) for body in bodies)
        return 0

    def _inner(self, body: Jaxpr, owned: Sequence[Any], counted: int) -> int:
        """Return a body's peak, less those of its results that the caller counts."""
        results = sum(self.size(v.aval) for v in body.outvars[:counted])
        return max(0, peak_bytes(body, owned, self.size) - results)

    def peak(self, owned: Sequence[_Array], results: Sequence[_Array]) -> int:
        """Return the most bytes held at once."""
        self._decide(results)
        steps = self._in_order()
        last = {a: i for i, step in enumerate(steps) for a in (*step.reads, *step.writes)}
        last |= dict.fromkeys(results, len(steps))
        ending: dict[int, list[_Array]] = {}
        for array, i in last.items():
            ending.setdefault(i, []).append(array)
        held = set(owned)
        now = most = sum(array.size for array in held)

        def release(arrays: Iterable[_Array]) -> int:
            gone = held & set(arrays)
            held.difference_update(gone)
            return sum(array.size for array in gone)

        for i, step in enumerate(steps):
            ends = ending.get(i, [])
            replaced = step.reads if step.name in _IN_PLACE else step.carried
            now -= release(set(replaced) & set(ends))
            held.update(step.writes)
            now += sum(array.size for array in step.writes)
            most = max(most, now + step.within)
            now -= release(ends)
        return most

    def _in_order(self) -> list[_Step]:
        """Order the steps that are run, sums as soon as possible: their operands are then freed."""
        steps = [step for step in self.steps if any(a.held for a in step.writes)]
        begun: dict[_Array, int] = {}
        places = []
        for i, step in enumerate(steps):
            shrinks = step.name.startswith("reduce_") and not step.within
            place = max((begun.get(a, 0) for a in step.reads), default=0) if shrinks else i
            begun |= dict.fromkeys(step.writes, place)
            places.append((place, i))
        return [steps[i] for _, i in sorted(places)]

    def _decide(self, results: Sequence[_Array]) -> None:
        """Decide which arrays are held, and let every step read those."""
        for step in self.steps:
            for array in step.reads:
                array.readers += 1
                # Reductions are loops over what they read, as elementwise operations are.
                array.held |= step.name not in _FUSED and not step.name.startswith(
                    ("reduce_", "arg")
                )
        for step in self.steps:
            if step.name not in _REPEATED:
                for array in step.writes:
                    array.held |= array.readers > 1
        for array in results:
            array.held = True
        for step in self.steps:
            read = {s: None for a in step.reads for s in ((a,) if a.held else a.sources)}
            step.reads = list(read)
            for array in step.writes:
                array.sources = () if array.held else tuple(read)


def _scanned(eqn: JaxprEqn) -> tuple[int, int]:
    """Count the inputs of a scan that are constants, and those that it carries, from shapes.

    What is scanned, and what is stacked, has one axis less inside; releases of JAX name the numbers
    differently.
    """
    body = _body(eqn.params["jaxpr"])

    def whole(outside: Sequence[Any], inside: Sequence[Any]) -> int:
        return sum(a.aval.shape == b.aval.shape for a, b in zip(outside, inside, strict=True))

    carried = whole(eqn.outvars, body.outvars)
    return whole(eqn.invars, body.invars) - carried, carried


def _body(closed: Any) -> Jaxpr:
    return getattr(closed, "jaxpr", closed)
