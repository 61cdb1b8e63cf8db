"""Engine programs for benchmarks: a member on every device, put in place before it is timed."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from epiplexity_jax.engine.cohort_spec import CohortJob, MemberJob
from epiplexity_jax.engine.heldout import heldout_layout
from epiplexity_jax.engine.method import Method
from epiplexity_jax.engine.optimiser import Window
from epiplexity_jax.engine.programs import ProgramKey
from epiplexity_jax.engine.sharding import MEMBER, member_mesh
from epiplexity_jax.engine.state import Hyperparameters
from epiplexity_jax.engine.stream import Stream, heldout_tokens
from epiplexity_jax.engine.train_cohort import set_up
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.families import open_family
from epiplexity_jax.families.spec import DeviceFamily, Size, task_for
from epiplexity_jax.runtime.compat import compiler_options
from epiplexity_jax.sources import open_source

PREQUENTIAL = PrequentialMethod()


def job_of(
    source: Any,
    family: Any,
    size: Size,
    batch: int,
    slices: int | None = None,
    method: Method = PREQUENTIAL,
    members: int | None = None,
    steps: int = 10**6,
) -> CohortJob:
    """A cohort of so many members (default: one a device) of one size."""
    opened, trained = open_source(source), open_family(family)
    assert isinstance(trained, DeviceFamily)
    task = task_for(trained, opened.info)
    layout = heldout_layout(batch, batch)
    heldout = heldout_tokens(opened, None, 0, layout.sequences)
    heldout = heldout.reshape(layout.eval_batches, layout.eval_batch_size, -1)
    each = tuple(
        MemberJob(
            root=0,
            seed=seed,
            stream=Stream(opened, None, 0, seed, batch),
            heldout=heldout,
            hyper=Hyperparameters(0.03, 100, Window(50, 1.0)),
        )
        for seed in range(members or jax.device_count())
    )
    model = trained.model(size, task, "float32", jax.devices()[0].platform)
    return CohortJob(ProgramKey(model, method, slices), batch, steps, layout, each)


class Loop:
    """A cohort that iterates on its first batches again and again, data drawn beforehand."""

    def __init__(self, job: CohortJob, seconds: float = 2.0):
        """Compile, and find how many iterations take `seconds`."""
        self.ready = set_up(job, member_mesh())
        self.members, padded = len(job.members), self.ready.members
        block = [np.asarray(m.stream.chunk(0, 32, 32)) for m in padded]
        self.block = self.ready.place(np.stack(block))
        self.first = self.ready.place(np.zeros(len(padded), np.int32))
        self.count = 1
        self.compile_seconds = self.run()
        while self.run() * self.count < seconds and self.count < 32:
            self.count *= 2

    def run(self) -> float:
        """Seconds of an iteration."""
        states = jax.tree.map(jax.numpy.copy, self.ready.states)
        began = time.perf_counter()
        out, _ = self.ready.programs.advance(
            states,
            self.ready.hyper,
            self.block,
            self.first,
            np.int32(self.count),
            np.int32(10**6),
        )
        jax.block_until_ready(out)
        return (time.perf_counter() - began) / self.count


def in_turns(loops: Mapping[Any, Loop], repeats: int) -> dict[Any, list[float]]:
    """Milliseconds of a member-step, of loops that take turns."""
    times: dict[Any, list[float]] = {name: [] for name in loops}
    for _ in range(repeats):
        for name, loop in loops.items():
            times[name].append(1e3 * loop.run() / loop.members)
    return times


def on_every_device(
    function: Callable[..., Any], *trees: Any, as_engine: bool = True
) -> Callable[[], Any]:
    """A call of a function on every device at once, with copies of its arguments.

    Compiled with the engine's options, or with those of JAX.
    """
    mesh = member_mesh()
    spec = PartitionSpec(MEMBER)
    sharding = NamedSharding(mesh, spec)
    copies = jax.device_put(
        jax.tree.map(lambda x: np.stack([np.asarray(x)] * mesh.size), trees), sharding
    )

    def one(*parts: Any) -> Any:
        return jax.lax.map(lambda each: function(*each), parts)

    program = jax.jit(
        jax.shard_map(one, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False),
        compiler_options=compiler_options(jax.default_backend()) if as_engine else None,
    )
    return lambda: program(*copies)


def seconds_of(work: Callable[[], Any]) -> float:
    """How long it takes until what it returns is there."""
    began = time.perf_counter()
    jax.block_until_ready(work())
    return time.perf_counter() - began
