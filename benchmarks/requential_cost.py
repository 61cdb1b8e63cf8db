"""What does a requential iteration cost beside a prequential step of the same model and batch?

Run: python benchmarks/requential_cost.py  (about 6 minutes on two cores)

One member on every device, real engine programs, milliseconds per member-step: wall time over
member-steps finished by all cores together. Pieces of both kinds take turns; medians of five. FLOPs
alone make the ratio 8/3 (two trainings, sampling and the EMA student's pass, to one training), 7/3
without the EMA student. `published` is what the PyTorch code of Finzi et al. 2026 takes as shipped
for an iteration of the same size on a machine of two x86 cores.
"""

import os
import statistics
from typing import Any

from result import write
from stepping import Loop, in_turns, job_of

from epiplexity_jax.engine.method import Method
from epiplexity_jax.engine.microbatch import training_slice
from epiplexity_jax.estimators.prequential import PrequentialMethod
from epiplexity_jax.estimators.requential import RequentialMethod
from epiplexity_jax.families import Recurrent, Transformer
from epiplexity_jax.families.spec import Size
from epiplexity_jax.runtime import devices
from epiplexity_jax.sources import ElementaryCA, Noise

REPEATS = 5
METHODS: dict[str, Method] = {
    "prequential": PrequentialMethod(),
    "requential": RequentialMethod(),
}
PUBLISHED = {16: 545.0, 32: 758.0, 64: 1764.0}  # milliseconds, by width


def measure(name: str, source: Any, family: Any, size: Size, batch: int) -> dict:
    """Both methods on one configuration, in the slices that the engine chooses."""
    slices = training_slice(batch, job_of(source, family, size, batch).model.task, on_cpu=True)
    loops = {
        method: Loop(job_of(source, family, size, batch, slices, how))
        for method, how in METHODS.items()
    }
    times = in_turns(loops, REPEATS)
    medians = {method: statistics.median(each) for method, each in times.items()}
    row = {
        "what": name,
        "family": family.kind,
        "size": str(size),
        "batch": batch,
        "microbatch": slices,
        "length": loops["requential"].block.shape[-1],
        **{f"{method}_ms": round(value, 2) for method, value in medians.items()},
        "ratio": round(medians["requential"] / medians["prequential"], 2),
        "spread": [round(min(t) / statistics.median(t), 3) for t in times.values()]
        + [round(max(t) / statistics.median(t), 3) for t in times.values()],
    }
    if name == "as published" and size["width"] in PUBLISHED:
        row["published_ms"] = PUBLISHED[size["width"]]
    print(row, flush=True)
    return row


def main() -> None:
    devices.one_device_per_core()
    devices.cache_compilations()
    transformer, recurrent = Transformer(), Recurrent()
    rows = [
        measure(
            "as published", ElementaryCA(rule=54), transformer, Size.of(width=width, depth=1), 384
        )
        for width in PUBLISHED
    ]
    for length in (64, 128, 512):
        automaton = ElementaryCA(rule=54, cells=length // 2, steps=8)
        text = Noise(vocab_size=96, length=length)
        for name, source in (("half conditional", automaton), ("unconditional", text)):
            rows.append(measure(name, source, transformer, Size.of(width=32, depth=1), 64))
    rows.append(
        measure(
            "half conditional", ElementaryCA(rule=54), recurrent, Size.of(width=32, depth=1), 64
        )
    )
    print(write("requential_cost", devices=os.cpu_count(), rows=rows))


if __name__ == "__main__":
    main()
