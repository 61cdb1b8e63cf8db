"""What share of an accelerator's peak does the engine reach, and when is the device full?

Run: make bench-gpu  (or: python benchmarks/accelerator.py [utilisation|cohorts|sampling|sweep] ...)

Without names every part runs. One device, bfloat16 activations, float32 parameters.
`utilisation`: transformers of 10M, 50M and 160M parameters at length 512 and vocabulary 4096,
prequential and requential. Model FLOPs are 6 N a token and 6 depth L D for causal attention, for an
iteration of requential training two trainings and two passes (sampling, the EMA student); shares
are of the peak measured in products of 8192 x 8192 bfloat16 matrices and of the one named below.
The batch is halved until it fits the memory. `cohorts`: 1, 8 and 64 members of a model of 50k
parameters. `sampling`: tokens a second that a trained size draws. `sweep`: how long the sweep of
Finzi et al. 2026, Fig. 3 takes (30 sizes, 3 rules, 10,000 steps, requential), from steps of every
size as in `run --dry-run`. `--tiny` shrinks all of it, to see that it runs, and writes nothing.
"""

import argparse
import dataclasses
import re
import statistics
from typing import Any

import jax
import jax.numpy as jnp
from result import write
from stepping import Loop, job_of, seconds_of

from epiplexity_jax.engine.method import Method
from epiplexity_jax.engine.microbatch import training_slice
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.estimators.requential import RequentialMethod
from epiplexity_jax.families import Transformer
from epiplexity_jax.families.sampling import sample
from epiplexity_jax.families.spec import Size
from epiplexity_jax.runtime import devices
from epiplexity_jax.sources import Noise
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.dry_run import summarise
from epiplexity_jax.sweep.plan import make_plan

REPEATS = 5
METHODS: dict[str, Method] = {"prequential": PrequentialMethod(), "requential": RequentialMethod()}
# Dense bfloat16 FLOP/s of one device, from the makers' data sheets, by words of its name: the first
# that fits.
NAMED_PEAKS = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "H200": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "4090": 165e12,
}
SIZES = ((256, 10), (512, 15), (1024, 12))
LENGTH, VOCABULARY, BATCH = 512, 4096, 64


def tiny() -> None:
    """Sizes of which any machine is capable."""
    global REPEATS, SIZES, LENGTH, VOCABULARY, BATCH  # noqa: PLW0603
    REPEATS, SIZES, LENGTH, VOCABULARY, BATCH = 1, ((16, 1),), 16, 64, 4


def measured_peak() -> float:
    """FLOP/s of one device in large products."""
    side = 8192 if BATCH > 4 else 256
    a = jnp.ones((side, side), jnp.bfloat16)
    product = jax.jit(lambda a: a @ a)
    seconds_of(lambda: product(a))
    return 2 * side**3 / min(seconds_of(lambda: product(a)) for _ in range(REPEATS))


def in_bfloat16(model: Any) -> Any:
    """The same model with activations of that type."""
    return dataclasses.replace(model, compute_dtype="bfloat16")


def start(size: Size, batch: int, method: Method, members: int, vocabulary: int) -> Any:
    """A cohort in bfloat16, and its loop."""
    source = Noise(vocab_size=vocabulary, length=LENGTH)
    job = job_of(source, Transformer(), size, batch, None, method, members)
    model = in_bfloat16(job.model)
    cut = training_slice(batch, job.model.task, on_cpu=False)
    job = dataclasses.replace(job, program=job.program._replace(model=model, microbatch=cut))
    return job, Loop(job)


def fitting(size: Size, method: Method) -> Any:
    """The largest batch that the memory holds."""
    batch = BATCH
    while True:
        try:
            return start(size, batch, method, 1, VOCABULARY)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error) or batch == 1:
                raise
            batch //= 2


def middle(loop: Loop) -> float:
    """Seconds of an iteration, median."""
    return statistics.median(loop.run() for _ in range(REPEATS))


def utilisation() -> dict[str, Any]:
    """Model FLOPs a second over the peaks."""
    peak, kind = measured_peak(), jax.devices()[0].device_kind
    named = next((f for name, f in NAMED_PEAKS.items() if re.search(rf"\b{name}\b", kind)), None)
    rows = []
    for width, depth in SIZES:
        for name, method in METHODS.items():
            job, loop = fitting(Size.of(width=width, depth=depth), method)
            params = job.model.cost.params
            token = 6 * params + 6 * depth * LENGTH * width
            token *= 16 / 6 if name == "requential" else 1
            seconds = middle(loop)
            speed = token * job.batch_size * LENGTH / seconds
            row = {
                "params": params,
                "method": name,
                "batch": job.batch_size,
                "microbatch": job.program.microbatch,
                "ms": round(1e3 * seconds, 2),
                "tokens_per_second": round(job.batch_size * LENGTH / seconds),
                "share_of_measured_peak": round(speed / peak, 3),
                "share_of_named_peak": named and round(speed / named, 3),
            }
            print(row, flush=True)
            rows.append(row)
    return {"peak_tflops": round(peak / 1e12, 1), "named_tflops": named and named / 1e12} | {
        "rows": rows
    }


def cohorts() -> dict[str, Any]:
    """What members side by side cost, and the size at which a single one fills the device.

    Of the sizes measured, the smallest that trains half as many parameters a second as the best.
    """
    wide = 64 if BATCH > 4 else 16
    cases = [(wide, members) for members in (1, 8, 64)] + [(w * wide, 1) for w in (2, 4, 8)]
    rows = []
    for width, members in cases if BATCH > 4 else cases[:2]:
        job, loop = start(Size.of(width=width, depth=1), BATCH, METHODS["prequential"], members, 96)
        seconds = middle(loop)
        rows.append(
            {
                "params": job.model.cost.params,
                "members": members,
                "ms": round(1e3 * seconds, 3),
                "over_one_small_member": round(1e3 * seconds / rows[0]["ms"], 2) if rows else 1.0,
            }
        )
        print(rows[-1], flush=True)
    speeds = {row["params"]: row["params"] / row["ms"] for row in rows if row["members"] == 1}
    full = min(params for params, speed in speeds.items() if speed >= max(speeds.values()) / 2)
    return {"params_of_one_that_fills": full, "rows": rows}


def sampling() -> list[dict[str, Any]]:
    """Label tokens a second."""
    rows = []
    for width, depth in SIZES:
        size = Size.of(width=width, depth=depth)
        job = job_of(Noise(vocab_size=VOCABULARY, length=LENGTH), Transformer(), size, BATCH)
        model = in_bfloat16(job.model)
        params = jax.jit(model.init)(jax.random.key(0))
        batch = jnp.zeros((BATCH, LENGTH), jnp.int32)
        draw = jax.jit(lambda p, k, m=model, b=batch: sample(m, p, b, k)[0])
        key = jax.random.key(1)
        seconds_of(lambda d=draw, p=params, k=key: d(p, k))
        seconds = min(seconds_of(lambda d=draw, p=params, k=key: d(p, k)) for _ in range(REPEATS))
        row = {"params": model.cost.params, "tokens_per_second": round(BATCH * LENGTH / seconds)}
        print(row, flush=True)
        rows.append(row)
    return rows


def sweep() -> dict[str, Any]:
    """Hours of the paper's sweep of cellular automata."""
    small = BATCH <= 4
    sizes = ([16], [1]) if small else ([16, 32, 64, 128, 256, 512], [1, 3, 5, 7, 9])
    cells, batch, steps = (8, 8, 20) if small else (64, 1536, 10_000)
    automaton = {"kind": "elementary_ca", "cells": cells, "steps": 48}
    config = {
        "sources": {f"rule{rule}": {**automaton, "rule": rule} for rule in (15, 30, 54)},
        "family": {"kind": "transformer", "widths": sizes[0], "depths": sizes[1], "seeds": 1},
        "estimator": {"kind": "requential"},
        "recipe": "fixed",
        "training": {"steps": steps, "batch_size": batch, "warmup_steps": 10 if small else 100},
    }
    every = jax.devices()
    plan = make_plan(parse_sweep(config), every[0].platform)
    found = summarise(plan, every, set(), measured=True)
    row = {
        "runs": len(plan.runs),
        "devices": len(every),
        "hours": round(found.summary["wall_seconds"] / 3600, 3),
    }
    print(row, flush=True)
    return row


PARTS = {"utilisation": utilisation, "cohorts": cohorts, "sampling": sampling, "sweep": sweep}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    wrong = set(options.parts) - set(PARTS)
    if wrong:
        parser.error(f"no part {min(wrong)!r}; choose from {', '.join(PARTS)}")
    if options.tiny:
        tiny()
    elif jax.default_backend() == "cpu":
        parser.error("JAX sees no accelerator; --tiny runs all of it on a CPU, small")
    devices.cache_compilations()
    found = {name: PARTS[name]() for name in options.parts or PARTS}
    if not options.tiny:
        print(write("accelerator", device=jax.devices()[0].device_kind, **found))


if __name__ == "__main__":
    main()
