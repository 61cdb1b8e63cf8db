"""What do rows out of grain cost, against an array: rows a second, and of a training step?

Run: python benchmarks/rows.py  (about 2 minutes on two cores)

Two sorts of rows: `tokens`, of which grain has nothing to do but to hand them over, and `images`,
PNG files of 32 x 32 grey pixels that it decodes, downsamples to 16 x 16 and cuts into patches. Four
ways to the same rows: `array` (all rows in an array, made beforehand), `kept` (`from_grain`: every
row is read once, then kept), `read` (`memory=0`: rows are read whenever they are needed) and
`workers` (the same in two processes). They take turns with a training step of one member a core
(width 32, depth 1, 32 rows each, on rows of the same shape that are on the device already):
`rows_per_second` of blocks of 1,024 random rows, as training reads them, and `step_share`, the
seconds that the rows of such a step take to read, over the step's. Training reads ahead in a
thread, so that share is what reading costs where the cores have nothing to spare, and less where
they do. Rates are of medians; shares are the median and the range over turns. `open_seconds` is
what opening took, once; `load` is the machine's load average at the beginning, 0 if nothing else
runs.
"""

import functools
import io
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import grain
import jax
import numpy as np
from PIL import Image
from result import write
from stepping import Loop, job_of

import epiplexity_jax as epx
from epiplexity_jax.families.spec import Size
from epiplexity_jax.runtime import devices
from epiplexity_jax.sources.files.images import Raster

ROWS, BLOCK, BATCH, REPEATS = 4_000, 1024, 32, 9
PATCHES = Raster((32, 32, 1), levels=16, patch=4, downsample=2)
WAYS: dict[str, dict[str, Any]] = {
    "kept": {},
    "read": {"memory": 0},
    "workers": {"memory": 0, "workers": 2},
}


def tokens() -> tuple[Any, int]:
    """Rows of 128 tokens that are there, and their vocabulary."""
    table: Any = np.random.default_rng(0).integers(0, 96, (ROWS, 128), np.uint8)
    return grain.MapDataset.source(table), 96


def images() -> tuple[Any, int]:
    """Rows of 256 tokens that are decoded from PNG files."""
    generator, files = np.random.default_rng(0), []
    for _ in range(ROWS):
        file = io.BytesIO()
        pixels = np.cumsum(generator.integers(0, 9, (32, 32)), axis=1).astype(np.uint8)
        Image.fromarray(pixels).save(file, "png")
        files.append(file.getvalue())

    def decoded(png: bytes) -> np.ndarray:
        pixels = np.asarray(Image.open(io.BytesIO(png)))
        return PATCHES.tokens(pixels[None, :, :, None])[0]

    return grain.MapDataset.source(files).map(decoded), 16


def opened(dataset: Any, vocab_size: int) -> tuple[dict[str, Any], dict[str, float]]:
    """The source of every way, and the seconds that opening it took."""
    table = np.stack([dataset[i] for i in range(len(dataset))])
    openers: dict[str, Callable[[], Any]] = {
        "array": lambda: epx.sources.from_array(table, vocab_size=vocab_size)
    }
    for name, options in WAYS.items():
        openers[name] = lambda options=options: epx.sources.from_grain(
            dataset, vocab_size=vocab_size, **options
        )
    sources, seconds = {}, {}
    for name, opener in openers.items():
        began = time.perf_counter()
        sources[name] = opener()
        seconds[name] = round(time.perf_counter() - began, 2)
    return sources, seconds


def in_turns(ways: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Seconds of each way, each time."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - began)
    return times


def measure(sort: str, dataset: Any, vocab_size: int) -> list[dict[str, Any]]:
    """One row a way."""
    load = round(os.getloadavg()[0], 1)
    sources, seconds = opened(dataset, vocab_size)
    info = sources["array"].info
    noise = epx.sources.Noise(vocab_size=info.vocab_size, length=info.length)
    family = epx.families.Transformer(widths=(32,), depths=(1,))
    loop = Loop(job_of(noise, family, Size.of(width=32, depth=1), BATCH))
    generator, trained = np.random.default_rng(1), BATCH * jax.device_count()

    def read(source: Any) -> None:
        source.read(generator.integers(0, ROWS, BLOCK))

    ways = {name: functools.partial(read, source) for name, source in sources.items()}
    times = in_turns({"step": loop.run} | ways)
    steps = [each / loop.count for each in times["step"]]
    rows = []
    for name in sources:
        shares = [
            own * trained / BLOCK / step for own, step in zip(times[name], steps, strict=True)
        ]
        row = {"rows": sort, "way": name, "length": info.length, "load": load}
        row |= {
            "open_seconds": seconds[name],
            "rows_per_second": round(BLOCK / statistics.median(times[name])),
            "step_ms": round(1e3 * statistics.median(steps), 1),
            "rows_of_a_step": trained,
            "step_share": round(statistics.median(shares), 4),
            "step_share_range": [round(min(shares), 4), round(max(shares), 4)],
            "repeats": REPEATS,
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def main() -> None:
    devices.one_device_per_core()
    rows = []
    for sort, make in (("tokens", tokens), ("images", images)):
        rows += measure(sort, *make())
    print(write("rows", rows=rows))


if __name__ == "__main__":
    main()
