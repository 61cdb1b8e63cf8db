"""What does a checkpoint cost a sweep, and what share of the time at the default interval?

Run: python benchmarks/checkpoints.py  (about 5 minutes on two cores)

Two members train at once, and a checkpoint is taken whenever the one before is written. Training
waits while the state is copied to the host (`blocked_s`); threads then write it and read it back
(`written_s`) while training goes on, slower where no core is idle. `share_at_most` is what would be
lost if it stood still meanwhile, once in `checkpoints.minutes`. Writes results/checkpoints.json.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from result import write

import epiplexity_jax as epx
from epiplexity_jax.sweep.checkpoints import WaveKeeper

# Width, depth, estimator and steps.
CASES = (
    (32, 1, epx.Prequential(), 400),
    (256, 6, epx.Prequential(), 24),
    (512, 6, epx.Prequential(), 10),
    (512, 6, epx.Requential(), 6),
)
INTERVAL = 60 * epx.CheckpointOptions().minutes


class Watch:
    """Seconds of every checkpoint, taken by wrapping what keeps one."""

    def __init__(self) -> None:
        self.blocked: list[float] = []
        self.written: list[float] = []
        self.size = 0
        self._keep, self._write = WaveKeeper.keep, WaveKeeper._write

    def __enter__(self) -> "Watch":
        def keep(keeper: WaveKeeper, *arguments: Any) -> None:
            began = time.perf_counter()
            self._keep(keeper, *arguments)
            self.blocked.append(time.perf_counter() - began)

        def written(keeper: WaveKeeper, wave: Path, snapshot: Any) -> str:
            began = time.perf_counter()
            said = self._write(keeper, wave, snapshot)
            assert not said, said
            self.written.append(time.perf_counter() - began)
            folder = wave / str(snapshot.iteration)
            self.size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
            return said

        holder: Any = WaveKeeper
        holder.keep, holder._write = keep, written
        return self

    def __exit__(self, *error: object) -> None:
        WaveKeeper.keep, WaveKeeper._write = self._keep, self._write


def measure(width: int, depth: int, estimator: Any, steps: int, folder: Path) -> dict[str, Any]:
    with Watch() as watch:
        runs = epx.run(
            epx.sources.Noise(vocab_size=96, length=128),
            epx.families.Transformer(widths=(width,), depths=(depth,), seeds=2),
            estimator,
            store=folder / f"{width}-{depth}-{estimator.kind}",
            training=epx.Training(steps=steps, batch_size=8, keep_final_state=False),
            heldout=epx.Heldout(tokens=8192, record_tokens=2048),
            checkpoints=epx.CheckpointOptions(minutes=1e-6),
        )
    blocked, written = statistics.median(watch.blocked), statistics.median(watch.written)
    return {
        "params": runs.rows(1e7)[0]["params"],
        "members": 2,
        "estimator": estimator.kind,
        "checkpoints": len(watch.written),
        "mib": round(watch.size / 2**20, 1),
        "blocked_s": round(blocked, 3),
        "written_s": round(written, 3),
        "share_at_most": round((blocked + written) / INTERVAL, 5),
    }


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for case in CASES:
            rows.append(measure(*case, Path(name)))
            print(rows[-1], flush=True)
    print(write("checkpoints", interval_s=INTERVAL, rows=rows))


if __name__ == "__main__":
    main()
