"""What a program holds at once, from its trace alone: nothing is compiled, and any model will do.

A trace (a jaxpr) lists operations on arrays in order. Compilers do not hold every array of it: a
chain of elementwise operations is one loop over what it reads, and results take the place of what
is read for the last time. The rules here are those of XLA's fusion, simplified;
benchmarks/memory.py compares what they give with what XLA allocates.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal

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
_UPDATES = frozenset(("dynamic_update_slice", "scatter", "scatter-add", "while"))  # in place
# Threefry's rounds carry two arrays of words, and a loop over them holds the last round's as well.
_RANDOM = {"random_bits", "threefry2x32"}


def array_bytes(aval: Any) -> int:
    """Bytes of an abstract array; keys and tokens count as nothing."""
    dtype = getattr(aval, "dtype", None)
    if dtype is None or jnp.issubdtype(dtype, jax.dtypes.extended):
        return 0
    return math.prod(aval.shape) * np.dtype(dtype).itemsize


def peak_bytes(jaxpr: Jaxpr, owned: Collection[Any], size: Size = array_bytes) -> int:
    """The most bytes that a program holds at once.

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
    """An array that is held, or computed from its sources wherever it is read.

    Attributes:
        size: bytes.
        held: whether it is held.
        readers: operations that read it.
        sources: held arrays that it is computed from, where it is not held.
    """

    size: int
    held: bool = False
    readers: int = 0
    sources: tuple["_Array", ...] = ()


@dataclass
class _Step:
    """One operation.

    Attributes:
        name: of its primitive.
        reads: arrays.
        writes: arrays.
        within: bytes held while it runs, beside these.
        replaces: arrays whose place its results may take.
    """

    name: str
    reads: Sequence[_Array]
    writes: Sequence[_Array]
    within: int = 0
    replaces: Iterable[_Array] = ()

    @property
    def fused(self) -> bool:
        return self.name in _FUSED


@dataclass
class _Program:
    """The operations of a program, calls inlined."""

    size: Size
    steps: list[_Step] = field(default_factory=list)
    turned: dict[Any, _Array] = field(default_factory=dict)

    def inline(self, jaxpr: Jaxpr, known: dict[Any, _Array]) -> list[_Array]:
        """Add a program's operations; its results."""
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
        step = _Step(name, reads, writes, self._within(eqn))
        if name == "dot_general":
            step.reads = self._operands(eqn, reads)
        elif name == "scan":
            consts, carried = _scanned(eqn)
            step.replaces = reads[consts : consts + carried]
        elif name in _UPDATES:
            step.replaces = reads
        self.steps.append(step)
        return writes

    def _operands(self, eqn: JaxprEqn, reads: list[_Array]) -> list[_Array]:
        """Copies of what a product of batches of matrices reads, turned so that these lie apart."""
        contracted, batched = eqn.params["dimension_numbers"]
        found = []
        for v, array, summed, batch in zip(eqn.invars, reads, contracted, batched, strict=True):
            shape: Any = v.aval
            axes = range(shape.ndim)
            rest = tuple(i for i in axes if i not in (*batch, *summed))
            orders = (*batch, *rest, *summed), (*batch, *summed, *rest)
            if batch and tuple(axes) not in orders:
                copy = self.turned.get((array, orders[0]))
                if copy is None:
                    copy = self.turned[array, orders[0]] = _Array(self.size(v.aval), held=True)
                    self.steps.append(_Step("turn", [array], [copy]))
                array = copy
            found.append(array)
        return found

    def _within(self, eqn: JaxprEqn) -> int:
        """What an operation holds while it runs, beside what it reads and writes."""
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
        """A body's peak, less those of its results that the caller counts."""
        results = sum(self.size(v.aval) for v in body.outvars[:counted])
        return max(0, peak_bytes(body, owned, self.size) - results)

    def peak(self, owned: Sequence[_Array], results: Sequence[_Array]) -> int:
        """The most bytes held at once."""
        self._decide(results)
        steps = self._in_order()
        last: dict[_Array, int] = {}
        for i, step in enumerate(steps):
            last |= dict.fromkeys((*step.reads, *step.writes), i)
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
            replaced = step.reads if step.fused else step.replaces
            now -= release(set(replaced) & set(ends))
            held.update(step.writes)
            now += sum(array.size for array in step.writes)
            most = max(most, now + step.within)
            now -= release(ends)
        return most

    def _in_order(self) -> list[_Step]:
        """The steps that are run, sums as soon as they can be: what they read is then let go."""
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
        """Find out which arrays are held, and let every step read those."""
        for step in self.steps:
            for array in step.reads:
                array.readers += 1
                # Reductions are loops over what they read, as elementwise operations are.
                array.held |= not step.fused and not step.name.startswith(("reduce_", "arg"))
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
    """How many inputs of a scan are constants, and how many it carries: from shapes alone.

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
