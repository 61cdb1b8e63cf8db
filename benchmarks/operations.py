"""Which operations do the parts of a small model's step spend their time in?

Run: python benchmarks/operations.py  (about 5 minutes on two cores)

The gradients of benchmarks/steps.py, and what a requential step takes beyond the teacher's, on one
core under JAX's profiler: the time of every operation of the compiled program, put under what it
computes, which the program says. `shares` are of all operations; `operations` is how many run for a
slice of the batch (in sampling: for as many sequences as are sampled at once) and `us_each` what
one takes on average.
"""

import collections
import gzip
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from result import write
from steps import BATCH, METHODS, cohort, student_work

from epiplexity_jax.base.keys import key
from epiplexity_jax.engine.state import initial_state
from epiplexity_jax.engine.step import loss_gradient
from epiplexity_jax.estimators.requential import sampled_at_once
from epiplexity_jax.families.spec import Size
from epiplexity_jax.runtime import compat, devices

TRACED = 5
ROWS = [(Size.of(width=w, depth=1), "gradient") for w in (16, 32, 64, 128)]
ROWS += [(Size.of(width=w, depth=3), "gradient") for w in (16, 64)]
ROWS += [
    (Size.of(width=w, depth=1), what)
    for w in (16, 64)
    for what in ("sampling", "sampling and student")
]
# What an operation's place in the model says that it computes: the first that fits.
KINDS = {
    "random numbers": r"_gumbel|threefry|_draw",
    "matrix products": r"dot_general$|->|/transpose$",
    "normalisation": r"norm/",
    "attention weights": r"attention/",
    "GELU": r"erf|block_\d+/(mul|add|div|neg|exp|integer_pow)",
}


def kind_of(name: str, place: str) -> str:
    """What an operation of the program computes."""
    if name.startswith("dot"):
        return "matrix products"
    return next((kind for kind, words in KINDS.items() if re.search(words, place)), "the rest")


def traced(program: Any, *arguments: Any) -> tuple[collections.Counter[str], ...]:
    """Microseconds of every operation, and how often it ran, in all of the runs."""
    jax.block_until_ready(program(*arguments))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(TRACED):
                jax.block_until_ready(program(*arguments))
        (path,) = Path(folder).rglob("*.trace.json.gz")
        events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    spent: collections.Counter[str] = collections.Counter()
    counts: collections.Counter[str] = collections.Counter()
    for event in events:
        if event.get("ph") == "X" and "hlo_op" in event.get("args", {}):
            spent[event["name"]] += event["dur"]
            counts[event["name"]] += 1
    return spent, counts


def works(size: Size) -> dict[str, tuple[Callable[..., Any], Any, int]]:
    """What is profiled: functions, what they are given, and in how many slices they cut a batch."""
    job = cohort(size, METHODS["prequential"], jax.device_count())
    state = initial_state(job.model.init(key(0, "init", 0)))
    batch = np.asarray(job.members[0].stream.chunk(0, 16, 16))[0]

    def gradient(state: Any, batch: Any) -> Any:
        return loss_gradient(job.model, state.params, batch, job.program.microbatch)

    draw, follow, arguments = student_work(job, state, batch)
    slices = BATCH // job.program.microbatch
    at_once = BATCH // sampled_at_once(BATCH, job.program.microbatch, job.model.task)
    return {
        "gradient": (gradient, (state, batch), slices),
        "sampling": (draw, arguments, at_once),
        "sampling and student": (follow, arguments, at_once),
    }


def measure(size: Size, what: str) -> dict[str, Any]:
    """One row."""
    work, arguments, slices = works(size)[what]
    options = compat.compiler_options("cpu")
    program = jax.jit(work, compiler_options=options).lower(*arguments).compile()
    text = program.as_text() or ""
    places = dict(re.findall(r"%([\w.-]+) = .*?op_name=\"([^\"]*)\"", text))
    spent, counts = traced(program, *arguments)
    inner = {name: us for name, us in spent.items() if not name.startswith(("while", "call"))}
    by: collections.Counter[str] = collections.Counter()
    for name, us in inner.items():
        by[kind_of(name, places.get(name, ""))] += us
    whole, ran = sum(by.values()), sum(counts[name] for name in inner)
    row = {
        "size": str(size),
        "what": what,
        "shares": {kind: round(us / whole, 3) for kind, us in by.most_common()},
        "operations": round(ran / TRACED / slices),
        "us_each": round(whole / ran, 2),
    }
    print(row, flush=True)
    return row


def main() -> None:
    devices.one_device_per_core()
    print(write("operations", rows=[measure(size, what) for size, what in ROWS]))


if __name__ == "__main__":
    main()
