"""What do trackers cost? A small sweep with each of them against the same sweep without.

Run: python benchmarks/sinks.py  (about 4 minutes on two cores; REPEATS=9 sets the repeats)

Four members of width 16, prequential, 600 steps: after a first sweep that compiles, sweeps without
a tracker and with each kind take turns, in one process, each into a new folder. `train_s` is the
time from the first piece of the loop to the last run that was committed, `end_s` what the end of
the sweep then takes (at most five seconds are spent waiting for trackers), `cpu_s` processor
seconds of this process and of children, `told_ms` processor milliseconds of the training thread in
telling the tracker, for which it never waits. Medians; `overhead` is the median of the ratios of
`train_s` to that of the sweep without trackers in the same round, less one, with its quartiles.
Weights & Biases is offline.
"""

import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from result import write

import epiplexity_jax as epx
from epiplexity_jax import api
from epiplexity_jax.runtime.devices import configure_process
from epiplexity_jax.sweep.tracking import Tracking
from epiplexity_jax.trackers import Jsonl, Tensorboard, Trackio, Wandb

REPEATS = int(os.environ.get("REPEATS", "9"))
STEPS, SEEDS = 600, 4
KINDS: dict[str, Any] = {
    "none": None,
    "jsonl": Jsonl(),
    "tensorboard": Tensorboard(),
    "wandb": Wandb(),
    "trackio": Trackio(),
}


class Watch(api.Silent):
    """When the first piece of the loop was done, and the last run."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0
        self.said: list[str] = []

    def advance(self, member_steps: int, tokens: int, losses: Any) -> None:
        """Note the first piece."""
        self.began = self.began or time.perf_counter()

    def run_done(self, row: Any) -> None:
        """Note the last run."""
        self.ended = time.perf_counter()

    def message(self, text: str) -> None:
        """Note what trackers could not do."""
        self.said.append(text)


class Told:
    """Adds up the processor time that the training thread spends in some methods."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, cls: type, *names: str) -> None:
        """Count these methods in from now on."""
        for name in names:
            setattr(cls, name, self._timed(getattr(cls, name)))

    def _timed(self, method: Any) -> Any:
        def timed(*arguments: Any) -> None:
            began = time.thread_time()
            method(*arguments)
            self.seconds += time.thread_time() - began

        return timed


def cpu_seconds() -> float:
    """Of this process and of the children that ended."""
    both = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def sweep(tracker: Any, told: Told) -> dict[str, Any]:
    watch, before = Watch(), cpu_seconds()
    told.seconds = 0.0
    with tempfile.TemporaryDirectory() as folder:
        epx.run(
            epx.sources.Markov(vocab_size=16, length=32),
            epx.families.Transformer(widths=(16,), depths=(1,), seeds=SEEDS),
            recipe="fixed",
            store=Path(folder, "store"),
            training=epx.Training(steps=STEPS, batch_size=32),
            heldout=epx.Heldout(tokens=20_000),
            progress=watch,
            trackers=[tracker] if tracker else [],
        )
        done = time.perf_counter()
    return {
        "train_s": watch.ended - watch.began,
        "end_s": done - watch.ended,
        "cpu_s": cpu_seconds() - before,
        "told_ms": 1e3 * told.seconds,
        "said": watch.said,
    }


def main() -> None:
    configure_process()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TRACKIO_DIR": folder, "WANDB_MODE": "offline"}
        told = Told()
        told.watch(Tracking, "start", "advance", "record", "done")
        sweep(None, told)
        rounds = []
        for number in range(REPEATS):
            names = list(KINDS)
            turned = names[number % len(names) :] + names[: number % len(names)]
            rounds.append({name: sweep(KINDS[name], told) for name in turned})
            print({name: round(rounds[-1][name]["train_s"], 2) for name in names}, flush=True)
    rows = []
    for name in KINDS:
        ratios = [r[name]["train_s"] / r["none"]["train_s"] - 1 for r in rounds]
        low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75]).round(4).tolist()
        rows.append(
            {"tracker": name}
            | {
                key: round(statistics.median(r[name][key] for r in rounds), 3)
                for key in ("train_s", "end_s", "cpu_s", "told_ms")
            }
            | {"overhead": median, "quartiles": [low, high]}
            | {"said": sorted({line for r in rounds for line in r[name]["said"]})}
        )
        print(rows[-1])
    print(write("sinks", repeats=REPEATS, members=SEEDS, steps=STEPS, rows=rows))


if __name__ == "__main__":
    main()
