"""What does a cellular automaton's data cost? Packed rings against a byte for each cell.

Run: python benchmarks/automata.py  (about 20 seconds)

Target: 1048 steps of 384 rings of 64 cells in 0.4 to 0.6 ms on two CPU cores, less than the
training step that they feed. The engine draws a chunk of batches at once; `chunk` is 64 batches of
64. `ratio` compares the shortest times, which other work on the machine disturbs least.
"""

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
from result import write

from epiplexity_jax.sources.synthetic.automata import CASampler, rule_masks

RULE, STEPS, BURN_IN = 30, 48, 1000
REPEATS = 21


def bytewise(table: jax.Array, key: jax.Array, count: int, cells: int) -> jax.Array:
    """What `CASampler` does, with a byte for each cell and a look-up for each step."""

    def step(_: int, state: jax.Array) -> jax.Array:
        left, right = jnp.roll(state, 1, axis=1), jnp.roll(state, -1, axis=1)
        return table[4 * left + 2 * state + right]

    start = jax.random.bernoulli(key, shape=(count, cells)).astype(jnp.uint8)
    x = jax.lax.fori_loop(0, BURN_IN, step, start)
    y = jax.lax.fori_loop(0, STEPS, step, x)
    return jnp.concatenate([x, y], axis=1).astype(jnp.int32)


def milliseconds(function: Callable, *arguments: jax.Array) -> dict[str, float]:
    """Median and shortest time of a call, and the time to compile it, ms."""
    start = time.perf_counter()
    compiled = jax.jit(function).lower(*arguments).compile()
    compiling = time.perf_counter() - start
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        times.append(1e3 * (time.perf_counter() - start))
    return {
        "median_ms": round(statistics.median(times), 3),
        "min_ms": round(min(times), 3),
        "compile_ms": round(1e3 * compiling),
    }


def main() -> None:
    key = jax.random.key(0)
    masks, table = jnp.asarray(rule_masks(RULE)), jnp.asarray(rule_masks(RULE) & 1, jnp.uint8)
    rows = []
    for case, batches, count, cells in (
        ("batch", 1, 384, 64),
        ("batch", 1, 384, 65),
        ("batch", 1, 384, 1000),
        ("chunk", 64, 64, 32),
        ("chunk", 64, 64, 64),
    ):
        keys = jax.random.split(key, batches)
        sampler = CASampler(cells, STEPS, BURN_IN)

        def packed(masks: jax.Array, keys: jax.Array, sampler=sampler, count=count) -> jax.Array:
            return jax.vmap(lambda k: sampler(masks, k, count))(keys)

        def naive(table: jax.Array, keys: jax.Array, count=count, cells=cells) -> jax.Array:
            return jax.vmap(lambda k: bytewise(table, k, count, cells))(keys)

        fast, slow = milliseconds(packed, masks, keys), milliseconds(naive, table, keys)
        ratio = round(slow["min_ms"] / fast["min_ms"], 1)
        row = {"case": case, "batches": batches, "count": count, "cells": cells}
        rows.append(row | {"packed": fast, "bytewise": slow, "ratio": ratio})
        print(rows[-1], flush=True)
    print(write("automata", backend=jax.default_backend(), steps=STEPS + BURN_IN, rows=rows))


if __name__ == "__main__":
    main()
