"""How large a report's page is, and how long a browser takes to draw it.

Run: python benchmarks/pages.py  (about 2 minutes on two cores; needs chromium)

Stores of 8 and of 100 made-up runs on ten sources, each with the record points of a real run. The
page is opened from disk REPEATS times: until the first text is painted, and until every chart is
drawn. With a built documentation site (`make site`) its home page is opened alike.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from result import write  # noqa: E402

import epiplexity_jax as epx  # noqa: E402
from epiplexity_jax.coding import record_points  # noqa: E402
from epiplexity_jax.store import Store  # noqa: E402
from tests.system.browser import started  # noqa: E402
from tests.unit.store.stored import make_row  # noqa: E402

REPEATS = int(os.environ.get("REPEATS", "5"))
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def store_of(folder: Path, sources: int, sizes: int, seeds: int) -> Path:
    """A store whose losses fall with tokens and with sizes, by laws of their own."""
    store = Store.open(folder, create=True)
    names = [f"source {i}" for i in range(sources)]
    listed = ", ".join(f"{name}: {{}}" for name in names)
    store.write_config(f"sources: {{{listed}}}\nfrontier: {{test_tokens: 1.0e8}}\n")
    steps = np.asarray(record_points(5000))
    for i, name in enumerate(names):
        for k in range(sizes):
            for seed in range(seeds):
                row, history = run_of(name, i, k, seed, steps)
                store.commit(row, history)
    return folder


def run_of(name: str, source: int, size: int, seed: int, steps: Any) -> tuple[Any, Any]:
    """Row and history of one run."""
    params, tokens = 10_000 * 4**size, np.maximum(steps * 4160, 1e-9)
    generator = np.random.default_rng([source, size, seed])
    law = 1.0 + 0.1 * source + (2e3 / params) ** 0.4 + (2e4 / tokens) ** 0.4
    loss = np.minimum(law * (1.0 + 1e-3 * generator.standard_normal()), np.log(96.0))
    spread = 0.01 * generator.standard_normal((steps.size, 16)) * (steps > 0)[:, None]
    history = {
        "step": steps,
        "train_tokens": steps * 4160,
        "label_tokens": steps * 4096,
        "teacher_tokens": np.zeros(steps.size, dtype=np.int64),
        "spent_flops": steps * 1.0e9,
        "online_loss_sum_nats": np.concatenate(
            [[0.0], np.cumsum(np.diff(steps) * 4096 * (loss[1:] + loss[:-1]) / 2)]
        ),
        "online_loss_sum_var": steps * 2048.0,
    }
    for which, above in (("heldout", 0.0), ("heldout_raw", 0.01)):
        history[f"{which}_loss_nats"] = loss + above
        history[f"{which}_loss_stderr"] = np.full(steps.size, 1e-3)
        history[f"{which}_block_losses_nats"] = loss[:, None] + above + spread
    row = make_row(
        f"{source}-{size}-{seed}",
        source=name,
        size=f"width {16 * 2**size} depth 1",
        width=16 * 2**size,
        params=params,
        seed=seed,
        steps=5000,
        steps_done=5000,
        train_flops_per_token=6.0 * params,
        eval_flops_per_token=2.0 * params,
        label_tokens_per_step=4096,
        train_tokens_per_step=4160,
        tokens_per_label=65 / 64,
        test_tokens=1.0e8,
    )
    return row, history


def opened(browser: Any, url: str, until: str) -> dict[str, float]:
    """Median times of opening a page, seconds."""
    paints, whole = [], []
    for _ in range(REPEATS):
        page = browser.new_page()
        begun = time.perf_counter()
        page.goto(url)
        page.wait_for_selector(until, state="attached")
        whole.append(time.perf_counter() - begun)
        paints.append(page.evaluate(PAINT) / 1000)
        page.close()
    return {"first_paint_s": statistics.median(paints), "drawn_s": statistics.median(whole)}


def main() -> None:
    """Measure and write the result."""
    found = []
    with tempfile.TemporaryDirectory() as name, started() as browser:
        for sources, sizes, seeds in ((2, 2, 2), (10, 5, 2)):
            runs = sources * sizes * seeds
            store = store_of(Path(name) / str(runs), sources, sizes, seeds)
            begun = time.perf_counter()
            page = epx.write_report(store).page
            made = time.perf_counter() - begun
            times = opened(browser, page.as_uri(), "body[data-ready]")
            size = page.stat().st_size
            found.append({"page": "report", "runs": runs, "bytes": size, "made_s": made} | times)
            print(found[-1])
        home = ROOT / "site" / "index.html"
        if home.exists():
            times = opened(browser, home.as_uri(), "h1")
            found.append({"page": "home of the site", "bytes": home.stat().st_size} | times)
            print(found[-1])
    print(write("pages", repeats=REPEATS, pages=found))


if __name__ == "__main__":
    main()
