"""What does it cost to sample from a model? A cache against a full pass for every label.

Run: python benchmarks/sampling.py  (10 minutes; `--quick` leaves length 512 out: 2 minutes)

Batches of 64. `cached` is `sample` in the slices of requential training, `forward` is
`sample_by_forward` (one compiled loop of full passes), `host` a Python loop that calls a compiled
full pass for every label.
`gradient` is the loss and gradient of a training step on the same batch, for scale. All are
compiled beforehand and timed in turns, so that other work on the machine meets all of them; `load`
is the machine's load average when a row begins, 0 if nothing else runs. Ratios are of medians
within the run: `forward_ratio` and `host_ratio` say how many times as fast the cache is,
`gradient_ratio` what sampling a batch costs in gradients. A way that takes long is timed fewer than
five times: `repeats` says how often. Tokens are label tokens.
"""

import functools
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from result import write

from epiplexity_jax.engine.microbatch import training_slice
from epiplexity_jax.engine.step import in_slices, loss_gradient, shift
from epiplexity_jax.estimators.requential import sampled_at_once
from epiplexity_jax.families import Mlp, Recurrent, Transformer, open_family
from epiplexity_jax.families.sampling import sample, sample_by_forward
from epiplexity_jax.families.spec import DeviceFamily, Model, Size, Task
from epiplexity_jax.runtime.compat import compiler_options

BATCH, REPEATS, SECONDS = 64, 7, 30.0
CONFIGS = {"transformer": Transformer(), "recurrent": Recurrent(), "mlp": Mlp()}
TEXT, AUTOMATON = (96, 0.0), (2, 0.5)  # symbols, and the share of inputs at the beginning
SIZES = ((32, 1), (64, 2))


def timed(ways: dict[str, Callable[[], Any]], labels: int) -> dict[str, dict[str, float]]:
    """Median and shortest time of each way (ms), how often it was timed, label tokens a second.

    In turns, `REPEATS` each; a way that has taken `SECONDS` is not timed again.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            if sum(times[name]) < SECONDS:
                start = time.perf_counter()
                jax.block_until_ready(way())
                times[name].append(time.perf_counter() - start)
    return {
        name: {
            "median_ms": round(1e3 * statistics.median(each), 2),
            "min_ms": round(1e3 * min(each), 2),
            "repeats": len(each),
            "tokens_per_second": round(BATCH * labels / statistics.median(each)),
        }
        for name, each in times.items()
    }


def in_turn(model: Model, task: Task, params: Any, batch: jax.Array, key: jax.Array) -> Any:
    """Sample some sequences after the others, as many at once as training does."""

    def work(part: Any) -> tuple[Any, Any]:
        return (), sample(model, params, part[0], key, part[1][0])

    cut = training_slice(len(batch), task, on_cpu=True)
    at_once = sampled_at_once(len(batch), cut, task)
    return in_slices(work, (), (batch, jnp.arange(len(batch))), at_once)[1]


def ways(model: Model, task: Task) -> dict[str, Callable[[], Any]]:
    """Compiled functions without arguments, run once."""
    key, generator = jax.random.key(1), np.random.default_rng(0)
    params = jax.jit(model.init)(jax.random.key(0))
    params = jax.tree.map(
        lambda x: x + 0.1 * generator.standard_normal(x.shape, np.float32), params
    )
    batch = jnp.asarray(generator.integers(0, task.vocab_size, (BATCH, task.length)), jnp.int32)
    labels = np.flatnonzero(task.label_mask).tolist()

    options = compiler_options(jax.default_backend())

    def compiled(function: Callable[..., Any]) -> Any:
        program = jax.jit(function, compiler_options=options)
        return program.lower(params, batch, key).compile()

    cached = compiled(functools.partial(in_turn, model, task))
    forward = compiled(lambda p, b, k: sample_by_forward(model, p, b, k))
    cut = training_slice(BATCH, task, on_cpu=True)
    gradient = compiled(lambda p, b, k: loss_gradient(model, p, b, cut))

    @functools.partial(jax.jit, compiler_options=options)
    def one(params: Any, batch: jax.Array, number: jax.Array, label: jax.Array) -> jax.Array:
        logits = model.logits(params, shift(batch, task)[0])
        drawn = jax.random.categorical(jax.random.fold_in(key, number), logits[:, number])
        return batch.at[:, label].set(drawn)

    def host() -> jax.Array:
        tokens = batch
        for number, label in enumerate(labels):
            tokens = one(params, tokens, number, label)
        return tokens

    jax.block_until_ready(one(params, batch, 0, labels[0]))
    for function in (cached, gradient):
        jax.block_until_ready(function(params, batch, key))
    return {
        "cached": lambda: cached(params, batch, key),
        "gradient": lambda: gradient(params, batch, key),
        "forward": lambda: forward(params, batch, key),
        "host": host,
    }


def measure(kind: str, size: tuple[int, int], length: int, data: tuple[int, float]) -> dict:
    """One row."""
    symbols, share = data
    given = int(share * length)
    task = Task(symbols, length, (False,) * given + (True,) * (length - given))
    family = open_family(CONFIGS[kind])
    assert isinstance(family, DeviceFamily)
    model = family.model(
        Size.of(width=size[0], depth=size[1]), task, "float32", jax.devices()[0].platform
    )
    row = {"family": kind, "width": size[0], "depth": size[1], "length": length}
    row |= {"labels": task.label_tokens, "vocab_size": symbols}
    row |= {"load": round(os.getloadavg()[0], 1)} | timed(ways(model, task), task.label_tokens)
    fast = row["cached"]["median_ms"]
    for name in ("forward", "host"):
        row[f"{name}_ratio"] = round(row[name]["median_ms"] / fast, 1)
    row["gradient_ratio"] = round(fast / row["gradient"]["median_ms"], 2)
    return row


def main() -> None:
    lengths = (64, 128) if "--quick" in sys.argv else (64, 128, 512)
    cases = [("transformer", size, n, TEXT) for n in lengths for size in SIZES[: 1 + (n < 512)]]
    cases += [("transformer", size, 128, AUTOMATON) for size in SIZES]
    cases += [(kind, size, 128, TEXT) for kind in ("recurrent", "mlp") for size in SIZES]
    rows = []
    for case in cases:
        rows.append(measure(*case))
        print(rows[-1], flush=True)
    if "--quick" not in sys.argv:
        print(write("sampling", backend=jax.default_backend(), batch=BATCH, rows=rows))


if __name__ == "__main__":
    main()
