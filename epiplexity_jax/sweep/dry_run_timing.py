"""Time a cohort on these devices, from a few of its own steps."""

import functools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from epiplexity_jax.engine.cohort_spec import CohortJob
from epiplexity_jax.engine.feed import DataFeed
from epiplexity_jax.engine.programs import compile_programs
from epiplexity_jax.engine.train_cohort import PlacedCohort, set_up
from epiplexity_jax.resources.device_memory import compiled_bytes
from epiplexity_jax.runtime.processes import all_gather_ints
from epiplexity_jax.sweep.trainer import WaveTiming, timed

_LONG_ENOUGH = 0.3  # seconds of steps that are timed


def time_cohort(job: CohortJob, mesh: Mesh) -> WaveTiming:
    """Run a few steps of a cohort and throw them away."""
    ready = set_up(job, mesh)
    with ThreadPoolExecutor(1) as pool:

        def draw() -> tuple[Any, Any]:
            feed = DataFeed(job, ready.members, ready.place, pool)
            return jax.block_until_ready(feed.drawn([0] * len(ready.members)))

        draw()  # compiles
        drawing, (chunk, first) = timed(draw)
    programs = compile_programs(job.program, ready.place.mesh)
    scored = ready.states, ready.heldout.first, ready.heldout.source
    began = time.monotonic()
    advance = programs.advance.lower(  # type: ignore[attr-defined]
        ready.states, ready.hyper, chunk, first, np.int32(1), np.int32(job.steps)
    ).compile()
    evaluate = programs.evaluate.lower(*scored).compile()  # type: ignore[attr-defined]
    compiling = time.monotonic() - began
    data = drawing / job.chunk_steps
    record = min(
        timed(lambda: jax.block_until_ready(evaluate(*scored)))[0]
        for _ in range(3)  # the first finds cold caches
    )
    return WaveTiming(
        compile_seconds=compiling,
        step_seconds=_step(advance, ready, chunk, first, job.steps) + data,
        data_seconds=data,
        record_seconds=record,
        record_batches=functools.partial(job.layout.record_batches, batch_size=job.batch_size),
        heldout_seconds=record * job.layout.eval_batches,
        rescore_seconds=job.exact * (data + record * job.batch_size / job.layout.eval_batch_size),
        memory_bytes=compiled_bytes(advance),
    )


def _step(advance: Any, ready: PlacedCohort, chunk: Any, first: Any, steps: int) -> float:
    """Seconds of a step, from pieces that double until they take long enough."""
    states, count, longest = ready.states, 1, jax.tree.leaves(chunk)[0].shape[1]

    def run(states: Any, count: int) -> Any:
        # Far from the end of the run, so that no member is done.
        states, _ = advance(
            states, ready.hyper, chunk, first, np.int32(count), np.int32(max(steps, 2 * longest))
        )
        return jax.block_until_ready(states)

    states = run(states, 1)
    while True:
        # The first batches again: what they are does not change the time that they take.
        fresh = jax.tree.map(jnp.copy, states)
        seconds, _ = timed(lambda f=fresh, n=count: run(f, n))
        enough = all_gather_ints([seconds > _LONG_ENOUGH]).any()  # in all processes alike
        if enough or 2 * count > longest:
            return seconds / count
        count *= 2
