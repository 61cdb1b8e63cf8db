"""How far is the planner's estimate of memory from what XLA allocates, and from what is used?

Run: python benchmarks/memory.py  (about 15 minutes on two cores)

Transformers of about 1M, 5M and 20M parameters, a member on one device, batches of 16 sequences of
128 tokens over 96 symbols, cut as by default. `estimate` is the planner's and is made before
anything is compiled; `compiled` is what XLA says of the program that trains (arguments, results and
temporary arrays); `used` is how much the peak of a process' resident memory grows from before its
state is made to after two steps, when all of it was done once before and let go. Every row is a
process of its own. Blocks that are computed again for the backward pass are in it to show that XLA
undoes that on CPUs, for which reason the planner does not choose it there.
"""

import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from result import write

SIZES = {"1M": (128, 5), "5M": (256, 6), "20M": (512, 6)}
KINDS = ("prequential", "requential")


def measure(name: str, kind: str, again: bool) -> dict:
    """One row, in this process."""
    import dataclasses

    from stepping import PREQUENTIAL, job_of

    from epiplexity_jax.engine.microbatch import training_slice
    from epiplexity_jax.engine.sharding import member_mesh
    from epiplexity_jax.estimators.requential import RequentialMethod
    from epiplexity_jax.families import Transformer
    from epiplexity_jax.families.spec import Size
    from epiplexity_jax.resources.device_memory import (
        PerDeviceShapes,
        compiled_bytes,
        device_bytes,
        traces,
    )
    from epiplexity_jax.sources import Noise

    (width, depth), batch = SIZES[name], 16
    method = PREQUENTIAL if kind == "prequential" else RequentialMethod()
    size, source = Size.of(width=width, depth=depth), Noise(vocab_size=96, length=128)
    job = job_of(source, Transformer(), size, batch, method=method)
    cut = training_slice(batch, job.model.task, on_cpu=True)
    model: Any = job.model
    model = model.rematerialised() if again else model
    job = dataclasses.replace(job, program=job.program._replace(model=model, microbatch=cut))
    stream, mesh = job.members[0].stream, member_mesh()
    load = PerDeviceShapes(
        1,
        stream.like(job.chunk_steps, batch),
        stream.like(job.layout.eval_batch_size),
        job.layout.eval_batches,
    )
    began = time.perf_counter()
    estimate = device_bytes(job.program, load, mesh)
    seconds = time.perf_counter() - began
    advance = traces(job.program, load, mesh)[0][0].lower().compile()
    compiled = compiled_bytes(advance)
    assert compiled is not None
    used = growth(job, advance, mesh)
    return {
        "size": name,
        "width": width,
        "depth": depth,
        "params": job.model.cost.params,
        "estimator": kind,
        "rematerialised": again,
        "microbatch": cut,
        "estimate_mib": round(estimate / 2**20, 1),
        "compiled_mib": round(compiled / 2**20, 1),
        "used_mib": round(used / 2**20, 1),
        "estimate_over_compiled": round(estimate / compiled, 2),
        "estimate_over_used": round(estimate / used, 2),
        "estimate_seconds": round(seconds, 1),
    }


def growth(job: Any, advance: Any, mesh: Any) -> int:
    """By how many bytes resident memory grows while a state is made and trains."""
    import jax
    import numpy as np

    from epiplexity_jax.engine.train_cohort import set_up

    used, stream = 0, job.members[0].stream
    for _ in range(2):  # the first time libraries load and threads start
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # peak := now
        before = resident("VmRSS")
        ready = set_up(job, mesh)
        steps = ready.place(np.stack([np.asarray(stream.chunk(0, 2, job.chunk_steps))]))
        first, more = ready.place(np.zeros(1, np.int32)), (np.int32(2), np.int32(1000))
        jax.block_until_ready(advance(ready.states, ready.hyper, steps, first, *more))
        used = resident("VmHWM") - before
        del ready, steps
    return used


def resident(field: str) -> int:
    """Bytes of resident memory of this process: now (VmRSS) or at its peak (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"no {field} in /proc/self/status")


def in_a_process(name: str, kind: str, again: bool) -> dict:
    """One row, in a process of one device."""
    row = [sys.executable, __file__, name, kind, *(["again"] if again else [])]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1"}
    done = subprocess.run(row, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout.strip(), flush=True)
    return json.loads(done.stdout)


def main() -> None:
    if sys.argv[1:]:
        name, kind, *again = sys.argv[1:]
        print(json.dumps(measure(name, kind, bool(again))))
        return
    rows = [
        in_a_process(name, kind, again)
        for again in (False, True)
        for name in SIZES
        for kind in KINDS
    ]
    print(write("memory", rows=rows))


if __name__ == "__main__":
    main()
