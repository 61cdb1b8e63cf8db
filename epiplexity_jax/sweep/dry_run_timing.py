"""How long a cohort will take and how much memory it needs, from a few of its own steps."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from epiplexity_jax.coding import record_points
from epiplexity_jax.engine.feed import DataFeed
from epiplexity_jax.engine.programs import compile_programs
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.train_cohort import PlacedCohort, set_up
from epiplexity_jax.families.spec import DeviceFamily
from epiplexity_jax.runtime.processes import all_gather_ints
from epiplexity_jax.sweep.jobs import heldout_of, wave_job
from epiplexity_jax.sweep.pack_waves import Wave
from epiplexity_jax.sweep.plan import Plan

_LONG_ENOUGH = 0.3  # seconds of steps that are timed


@dataclass(frozen=True)
class Calibration:
    """What a wave of a cohort takes on this machine.

    Attributes:
        compile_seconds: of its programs, once a cohort; less where the compilation cache has them.
        step_seconds: of a step of all its members, drawing their data included.
        data_seconds: of drawing the data of a step.
        record_seconds: of a record point.
        heldout_seconds: of the whole held-out set, at the end.
        rescore_seconds: of scoring a step's batch again, where the end asks for it; else 0.
        memory_bytes: that the devices hold in a step, each; None where it is not known.
    """

    compile_seconds: float
    step_seconds: float
    data_seconds: float
    record_seconds: float
    heldout_seconds: float
    rescore_seconds: float
    memory_bytes: int | None

    def wave_seconds(self, steps: int) -> float:
        """Of a wave of so many steps, compiling left out."""
        records = len(record_points(steps)) - 1
        each = self.step_seconds + self.rescore_seconds
        return steps * each + records * self.record_seconds + self.heldout_seconds


def calibrate(plan: Plan, wave: Wave, devices: Sequence[Any]) -> Calibration:
    """Run a few steps of a wave and throw them away."""
    if not isinstance(plan.family, DeviceFamily):
        return _counting(plan, wave)
    job = wave_job(plan, wave, 0, {})
    ready = set_up(job, member_mesh(devices, wave.data))
    tiles = job.layout.tiles
    with ThreadPoolExecutor(1) as pool:

        def draw() -> tuple[Any, Any]:
            blocks = DataFeed(job, ready.members, ready.place, pool)
            return jax.block_until_ready(blocks.drawn([0] * len(ready.members)))

        draw()  # compiles
        drawing, (block, first) = _timed(draw)
    programs = compile_programs(job.setup, ready.place.mesh)
    began = time.monotonic()
    advance = programs.advance.lower(  # type: ignore[attr-defined]
        ready.states, ready.hyper, block, first, np.int32(1), np.int32(job.steps)
    ).compile()
    evaluate = programs.evaluate.lower(ready.states, ready.tiles[0]).compile()  # type: ignore[attr-defined]
    compiling = time.monotonic() - began
    data = drawing / job.block_steps
    record = min(
        _timed(lambda: jax.block_until_ready(evaluate(ready.states, ready.tiles[0])))[0]
        for _ in range(3)  # the first finds cold caches
    )
    return Calibration(
        compile_seconds=compiling,
        step_seconds=_step(advance, ready, block, first, job.steps) + data,
        data_seconds=data,
        record_seconds=record,
        heldout_seconds=record * tiles,
        rescore_seconds=job.exact * (data + record * job.batch_size / job.layout.tile),
        memory_bytes=memory_bytes(advance),
    )


def _step(advance: Any, ready: PlacedCohort, block: Any, first: Any, steps: int) -> float:
    """Seconds of a step, from pieces that double until they take long enough."""
    states, count, longest = ready.states, 1, jax.tree.leaves(block)[0].shape[1]

    def run(states: Any, count: int) -> Any:
        # Far from the end of the run, so that no member is done.
        states, _ = advance(
            states, ready.hyper, block, first, np.int32(count), np.int32(max(steps, 2 * longest))
        )
        return jax.block_until_ready(states)

    states = run(states, 1)
    while True:
        # The first batches again: what they are does not change the time that they take.
        fresh = jax.tree.map(jnp.copy, states)
        seconds, _ = _timed(lambda f=fresh, n=count: run(f, n))
        if (
            all_gather_ints([seconds > _LONG_ENOUGH]).any() or 2 * count > longest
        ):  # in all processes alike
            return seconds / count
        count *= 2


def memory_bytes(compiled: Any) -> int | None:
    """Bytes of a compiled program's arguments, results and temporaries on a device."""
    found = compiled.memory_analysis()
    if found is None:
        return None
    kept = found.argument_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes
    return int(kept + found.temp_size_in_bytes)


def _counting(plan: Plan, wave: Wave) -> Calibration:
    """The same of a member that counts on the host."""
    (run,) = wave.runs
    family, batch = plan.family, plan.sweep.training.batch_size
    assert not isinstance(family, DeviceFamily)
    coder = family.coder(run.size, run.dataset.task)
    stream = run.dataset.stream(run.seed, batch)
    count = min(16, run.steps)
    stream.block(0, count, count)  # compiles
    drawing, block = _timed(lambda: np.asarray(stream.block(0, count, count)))
    observing, _ = _timed(lambda: coder.observe(block.reshape(-1, block.shape[-1])))
    tiles = np.asarray(heldout_of(run.dataset))
    record, _ = _timed(lambda: coder.evaluate(tiles[0]))
    return Calibration(
        compile_seconds=0.0,
        step_seconds=(drawing + observing) / count,
        data_seconds=drawing / count,
        record_seconds=record,
        heldout_seconds=record * len(tiles),
        rescore_seconds=run.exact * (drawing / count + record * batch / tiles.shape[1]),
        memory_bytes=None,
    )


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result
