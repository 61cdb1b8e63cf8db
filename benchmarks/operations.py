"""Which operations does the gradient of a small model spend its time in?

Run: python benchmarks/operations.py  (about 5 minutes on two cores)

The gradients of benchmarks/steps.py, prequential, depth 1, one core, under JAX's profiler: the time
of every operation of the compiled program, put under what it computes, which the program says.
`shares` are of all operations; `operations` is their number in a slice of the batch and `us_each`
what one takes on average. `library_kernels` is what the same gradient takes on every core when XLA
may call its library kernels (see `training.devices.compiler_options`), over what it takes as the
engine compiles it: the median of nine turns, without the profiler.
"""

import collections
import gzip
import json
import re
import statistics
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from result import write
from stepping import on_every_device, seconds_of
from steps import BATCH, METHODS, cohort

from epiplexity_jax.families.spec import Size
from epiplexity_jax.training import devices
from epiplexity_jax.training.loop import init_key
from epiplexity_jax.training.step import loss_gradient

WIDTHS, TURNS, TRACED = (16, 32, 64, 128), 9, 5
# What an operation's place in the model says that it computes: the first that fits.
KINDS = {
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


def traced(program: Any, *arguments: Any) -> collections.Counter[str]:
    """Microseconds of every operation, and how often it ran."""
    jax.block_until_ready(program(*arguments))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(TRACED):
                jax.block_until_ready(program(*arguments))
        (path,) = Path(folder).rglob("*.trace.json.gz")
        events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    spent: collections.Counter[str] = collections.Counter()
    for event in events:
        if event.get("ph") == "X" and "hlo_op" in event.get("args", {}):
            spent[event["name"]] += event["dur"]
    return spent


def measure(width: int) -> dict[str, Any]:
    """One row."""
    job = cohort(Size(width=width, depth=1), METHODS["prequential"], jax.device_count())
    params = job.model.init(init_key(0, 0))
    batch = np.asarray(job.members[0].stream.block(0, 16, 16))[0]

    def gradient(params: Any, batch: Any) -> Any:
        return loss_gradient(job.model, params, batch, job.task, job.microbatch)

    options = devices.compiler_options("cpu")
    program = jax.jit(gradient, compiler_options=options).lower(params, batch).compile()
    text = program.as_text() or ""
    places = dict(re.findall(r"%([\w.-]+) = .*?op_name=\"([^\"]*)\"", text))
    spent = traced(program, params, batch)
    inner = {name: us for name, us in spent.items() if not name.startswith(("while", "call"))}
    by: collections.Counter[str] = collections.Counter()
    for name, us in inner.items():
        by[kind_of(name, places.get(name, ""))] += us
    whole, slices = sum(by.values()), BATCH // job.microbatch
    row = {
        "width": width,
        "shares": {kind: round(us / whole, 3) for kind, us in by.most_common()},
        "operations": len(inner),
        "us_each": round(whole / TRACED / slices / len(inner), 2),
        "library_kernels": kernels(gradient, params, batch),
    }
    print(row, flush=True)
    return row


def kernels(gradient: Any, *arguments: Any) -> float:
    """How many times as long it takes with library kernels."""
    own = on_every_device(gradient, *arguments)
    library = on_every_device(gradient, *arguments, as_engine=False)
    for work in (own, library):
        seconds_of(work)  # compiles
    ratios = [seconds_of(library) / seconds_of(own) for _ in range(TURNS)]
    return round(statistics.median(ratios), 2)


def main() -> None:
    devices.use_every_core()
    print(write("operations", rows=[measure(width) for width in WIDTHS]))


if __name__ == "__main__":
    main()
