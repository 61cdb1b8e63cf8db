"""How does the time of a token grow with width, depth, length and vocabulary?

Run: python benchmarks/scaling.py  (about 6 minutes on two cores)

A transformer on noise, 4096 tokens a batch in the slices that the engine chooses, one member on
every core; one property varies, the others stay. `us_per_token` is wall time over the tokens that
all cores train together, medians of five. Exponents are slopes of the logarithm, fitted over all
values and between the last two: of the time, and of the FLOPs that XLA counts. `logits` is the
training program's temporary memory on a core over that of one slice's logits (float32).
"""

import statistics
from typing import Any

import jax
import numpy as np
from result import write
from stepping import Loop, job_of

from epiplexity_jax.engine.microbatch import training_slice
from epiplexity_jax.families import Transformer
from epiplexity_jax.families.spec import Size
from epiplexity_jax.resources.compiled_flops import compiled_cost
from epiplexity_jax.runtime import devices
from epiplexity_jax.sources import Noise

REPEATS, TOKENS = 5, 4096
BASE = {"width": 32, "depth": 1, "length": 64, "vocabulary": 96}
VALUES = {
    "width": (16, 32, 64, 128, 256, 512),
    "depth": (1, 2, 4, 8),
    "length": (32, 64, 128, 256, 512, 1024),
    "vocabulary": (512, 2048, 8192, 50_000),
}


def start(config: dict[str, int]) -> tuple[Any, Loop]:
    """A cohort's job and its loop."""
    size = Size.of(width=config["width"], depth=config["depth"])
    batch = TOKENS // config["length"]
    source = Noise(vocab_size=config["vocabulary"], length=config["length"])
    task = job_of(source, Transformer(), size, batch).model.task
    job = job_of(source, Transformer(), size, batch, training_slice(batch, task, on_cpu=True))
    return job, Loop(job, seconds=1.0)


def measure(name: str) -> dict[str, Any]:
    """One row: times by value, and how they grow."""
    loops = {value: start(BASE | {name: value}) for value in VALUES[name]}
    times: dict[int, list[float]] = {value: [] for value in loops}
    for _ in range(REPEATS):
        for value, (_, loop) in loops.items():
            times[value].append(loop.run() / loop.members / TOKENS)
    found = {value: statistics.median(each) for value, each in times.items()}
    flops = {
        value: compiled_cost(job.model, job.program.microbatch).train_flops_per_token
        for value, (job, _) in loops.items()
    }
    row: dict[str, Any] = {
        "varied": name,
        "others": {k: v for k, v in BASE.items() if k != name},
        "us_per_token": {str(v): round(1e6 * t, 3) for v, t in found.items()},
        "exponent": slopes(found),
        "flops_exponent": slopes(flops),
    }
    if name == "vocabulary":
        row["logits"] = {str(v): memory(job, loop) for v, (job, loop) in loops.items()}
    print(row, flush=True)
    return row


def slopes(found: dict[int, float]) -> dict[str, float]:
    """Of the logarithms."""
    x, y = np.log(list(found)), np.log(list(found.values()))
    last = (y[-1] - y[-2]) / (x[-1] - x[-2])
    return {"fitted": round(float(np.polyfit(x, y, 1)[0]), 2), "last_two": round(float(last), 2)}


def memory(job: Any, loop: Loop) -> float:
    """Temporaries of the training program over the logits of a slice."""
    ready = loop.ready
    program = ready.programs.advance.lower(  # type: ignore[attr-defined]
        ready.states, ready.hyper, loop.block, loop.first, np.int32(1), np.int32(1)
    )
    held = program.compile().memory_analysis().temp_size_in_bytes
    return round(
        held
        / (4 * job.program.microbatch * job.model.task.label_tokens * job.model.task.vocab_size),
        2,
    )


def main() -> None:
    devices.one_device_per_core()
    print(write("scaling", cores=jax.device_count(), rows=[measure(name) for name in VALUES]))


if __name__ == "__main__":
    main()
