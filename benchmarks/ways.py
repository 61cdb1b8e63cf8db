"""What is each of the engine's ways worth?

Run: python benchmarks/ways.py  (about 25 minutes on two cores)

The gradient of a batch, on every core at once: as the engine computes it, and with one of its ways
put back to what one would write first. All take turns, in an order drawn anew for each; a `factor`
is the median over the turns of the time of the plain way over that of the engine, and its
`quartiles`. `the same again` is compiled once more without a change, and says what a factor means;
so does `all queries at once` where they are few enough for one chunk. `apart` is the largest
difference of the two gradients, over the largest entry of the parameter's gradient; parameters are
those after some steps. The task is that of benchmarks/steps.py, in which half of the positions are
paid for; the last two sizes are of noise, all paid for: 32 sequences of 512 tokens of 96 symbols,
and 64 of 64 tokens of 4096 symbols.
"""

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from result import write
from stepping import job_of, on_every_device, seconds_of
from steps import METHODS, cohort

from epiplexity_jax.base.keys import key
from epiplexity_jax.engine.microbatch import training_slice
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.state import Hyperparameters, initial_state
from epiplexity_jax.engine.step import loss_gradient, train_step
from epiplexity_jax.families import Transformer, reductions
from epiplexity_jax.families.networks import attention, layers, transformer
from epiplexity_jax.families.spec import Size
from epiplexity_jax.runtime import devices
from epiplexity_jax.sources import Noise

STEPS = 20  # before the gradient is taken
SECONDS, FEWEST = 8.0, 15  # a way is timed so long, and so many times at least
HYPER = Hyperparameters(learning_rate=0.03, warmup_steps=10, ema=Window(50, 1.0))


@contextmanager
def replaced(*pairs: tuple[Any, str, Any]) -> Iterator[None]:
    """With other functions in the engine's modules."""
    with ExitStack() as stack:
        for module, name, value in pairs:
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def all_positions(network: Any, inputs: jax.Array) -> jax.Array:
    """Logits of a network that computes its last block everywhere, at the paid positions."""
    everywhere = tuple(range(network.model.task.input_length))
    logits, _ = network.advance(inputs, everywhere)
    return logits[:, np.asarray(network.model.task.target_positions)]


def softmax(
    logits: jax.Array, positions: Any, dtype: Any, platform: str
) -> tuple[jax.Array, jax.Array]:
    """Weights that are divided before values are summed."""
    del platform
    causal = np.arange(logits.shape[-1])[None] <= positions[:, None]
    logits = jnp.where(causal[(None,) * (logits.ndim - 2)], logits, -1e30)
    return jax.nn.softmax(logits).astype(dtype), jnp.ones(logits.shape[:-1])


def product(x: jax.Array, kernel: jax.Array, to: Any = None) -> jax.Array:
    """A product over the last of all of the axes."""
    return jnp.matmul(x, kernel.astype(x.dtype), preferred_element_type=to)


def gelu(x: jax.Array) -> jax.Array:
    """GELU of JAX, by erfc."""
    return jax.nn.gelu(x, approximate=False)


def maxima(x: jax.Array, platform: str) -> jax.Array:
    """XLA's own maxima of rows."""
    del platform
    return x.max(-1)


WAYS: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "last block everywhere": ((transformer.TransformerNetwork, "__call__", all_positions),),
    "tokens on two axes": ((layers, "matmul", product),),
    "all queries at once": ((attention, "QUERIES", 10**9),),
    "XLA's maxima of rows": tuple((m, "row_max", maxima) for m in (reductions, attention)),
    "softmax divided first": ((attention, "_weights", softmax),),
    "GELU by erfc": ((layers, "gelu", gelu),),
}
WAYS["the last three at once"] = sum(list(WAYS.values())[-3:], ())
SAME, WHOLE, LIBRARY = "the same again", "the batch whole", "XLA's library kernels"


def cases() -> dict[str, Any]:
    """Cohorts by name, a member a core."""
    method, cores = METHODS["prequential"], jax.device_count()
    sizes = [Size.of(width=w, depth=1) for w in (16, 32, 64, 128)] + [Size.of(width=32, depth=3)]
    found = {str(size): cohort(size, method, cores) for size in sizes}
    for size, vocabulary, length, batch, named in (
        (Size.of(width=32, depth=2), 96, 512, 32, "length 512"),
        (Size.of(width=64, depth=1), 4096, 64, 64, "4096 symbols"),
    ):
        noise = Noise(vocab_size=vocabulary, length=length)
        task = job_of(noise, Transformer(), size, batch).model.task
        cut = training_slice(batch, task, on_cpu=True)
        found[f"{size}, {named}"] = job_of(noise, Transformer(), size, batch, cut)
    return found


def trained(job: Any) -> tuple[Any, Any]:
    """Parameters after some steps on a batch, and a batch."""
    block = np.asarray(job.members[0].stream.chunk(0, 2, 2))
    state = initial_state(job.model.init(key(0, "init", 0)))
    step = jax.jit(
        lambda state, batch: train_step(job.model, state, batch, HYPER, job.program.microbatch)[0]
    )
    for _ in range(STEPS):
        state = step(state, block[0])
    return state.params, block[1]


def apart(own: Any, other: Any) -> float:
    """The largest difference of two gradients, as the head says."""

    def of(a: jax.Array, b: jax.Array) -> float:
        return float(jnp.abs(a - b).max() / jnp.maximum(jnp.abs(a).max(), 1e-30))

    return max(jax.tree.leaves(jax.tree.map(of, own, other)))


def measure(name: str, job: Any) -> dict[str, Any]:
    """One row."""
    params, batch = trained(job)
    ways: dict[str, Callable[[], Any]] = {}
    results: dict[str, Any] = {}

    def add(way: str, cut: int | None, as_engine: bool = True) -> None:
        def gradient(params: Any, batch: Any) -> Any:
            return loss_gradient(job.model, params, batch, cut)[1]

        ways[way] = on_every_device(gradient, params, batch, as_engine=as_engine)
        results[way] = jax.device_get(ways[way]())  # compiles

    add("engine", job.program.microbatch)
    add(SAME, job.program.microbatch)
    add(WHOLE, None)
    add(LIBRARY, job.program.microbatch, as_engine=False)
    for way, pairs in WAYS.items():
        with replaced(*pairs):
            add(way, job.program.microbatch)
    times: dict[str, list[float]] = {way: [] for way in ways}
    turns = max(FEWEST, round(SECONDS / seconds_of(ways["engine"])))
    for turn in range(turns):
        for way in np.random.default_rng(turn).permutation(list(ways)):
            times[way].append(1e3 * seconds_of(ways[way]) / jax.device_count())
    ratios = {way: _ratios(times[way], times["engine"]) for way in ways if way != "engine"}
    row = {
        "size": name,
        "engine_ms": round(statistics.median(times["engine"]), 2),
        "turns": turns,
        "factor": {way: found[1] for way, found in ratios.items()},
        "quartiles": {way: found[::2] for way, found in ratios.items()},
        "apart": {way: _rounded(apart(results["engine"], results[way])) for way in ratios},
    }
    print(row, flush=True)
    return row


def _ratios(times: list[float], engine: list[float]) -> list[float]:
    """Quartiles of the ratios of turns, the median between them."""
    each = [a / b for a, b in zip(times, engine, strict=True)]
    return [round(x, 2) for x in statistics.quantiles(each, n=4)]


def _rounded(x: float) -> float:
    return float(f"{x:.1e}")


def main() -> None:
    devices.one_device_per_core()
    rows = []
    for name, job in cases().items():
        rows.append(measure(name, job))
        jax.clear_caches()
    print(write("ways", rows=rows))


if __name__ == "__main__":
    main()
