"""What does a checkpoint cost a sweep, and what share of the time at the default interval?

Run: python benchmarks/checkpoints.py  (about 15 minutes on two cores)

Two members train at once, with a checkpoint whenever the one before is written, and again with
none. Training waits while the state is copied to the host (`blocked_s`); threads then write it and
read it back (`written_s`) while training goes on, slower where no core is idle. What a checkpoint
costs in all (`lost_s`) is the difference of the two times, over the checkpoints; `share` is that
cost once in `checkpoints.minutes`. Both leave out what comes before the first block of steps is
done (compilation). Writes results/checkpoints.json.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from result import write

import epiplexity_jax as epx
from epiplexity_jax.checkpoints.keeper import WaveCheckpointHook
from epiplexity_jax.runtime.devices import configure_process

# Width, depth, estimator and steps.
CASES = (
    (32, 1, epx.Prequential(), 1000),
    (256, 6, epx.Prequential(), 40),
    (512, 6, epx.Prequential(), 20),
    (512, 6, epx.Requential(), 4),
)
INTERVAL = 60 * epx.CheckpointOptions().minutes


class Watch:
    """Seconds of the training loop and of its checkpoints, taken by wrapping what keeps them."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.blocked: list[float] = []
        self.written: list[float] = []
        self.size = 0
        self._due, self._keep, self._write = (
            WaveCheckpointHook.due,
            WaveCheckpointHook.keep,
            WaveCheckpointHook._write,
        )

    def __enter__(self) -> "Watch":
        def due(keeper: WaveCheckpointHook) -> bool:
            self.asked.append(time.perf_counter())
            return self._due(keeper)

        def keep(keeper: WaveCheckpointHook, *arguments: Any) -> None:
            began = time.perf_counter()
            self._keep(keeper, *arguments)
            self.blocked.append(time.perf_counter() - began)

        def written(keeper: WaveCheckpointHook, wave: Path, snapshot: Any) -> str:
            began = time.perf_counter()
            said = self._write(keeper, wave, snapshot)
            assert not said, said
            self.written.append(time.perf_counter() - began)
            folder = wave / str(snapshot.iteration)
            self.size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
            return said

        holder: Any = WaveCheckpointHook
        holder.due, holder.keep, holder._write = due, keep, written
        return self

    def __exit__(self, *error: object) -> None:
        holder: Any = WaveCheckpointHook
        holder.due, holder.keep, holder._write = self._due, self._keep, self._write

    @property
    def seconds(self) -> float:
        """From the first block of steps to the last."""
        return self.asked[-1] - self.asked[0]


def trained(width: int, depth: int, estimator: Any, steps: int, minutes: float) -> tuple[Any, int]:
    """Train with a checkpoint every so many minutes: what was watched, and the parameters."""
    with tempfile.TemporaryDirectory() as folder, Watch() as watch:
        runs = epx.run(
            epx.sources.Noise(vocab_size=96, length=128),
            epx.families.Transformer(widths=(width,), depths=(depth,), seeds=2),
            estimator,
            recipe="fixed",
            store=Path(folder) / "store",
            training=epx.Training(steps=steps, batch_size=8, keep_final_state=False),
            heldout=epx.Heldout(tokens=8192, record_tokens=2048),
            checkpoints=epx.CheckpointOptions(minutes=minutes),
        )
        return watch, runs.rows(1e7)[0]["params"]


def measure(width: int, depth: int, estimator: Any, steps: int) -> dict[str, Any]:
    alone, params = trained(width, depth, estimator, steps, 1e9)
    kept, _ = trained(width, depth, estimator, steps, 1e-6)
    lost = (kept.seconds - alone.seconds) / len(kept.blocked)
    return {
        "params": params,
        "members": 2,
        "estimator": estimator.kind,
        "checkpoints": len(kept.blocked),
        "mib": round(kept.size / 2**20, 1),
        "step_s": round(alone.seconds / (steps - 1), 4),
        "blocked_s": round(statistics.median(kept.blocked), 3),
        "written_s": round(statistics.median(kept.written), 3),
        "lost_s": round(lost, 3),
        "share": round(lost / INTERVAL, 5),
    }


def main() -> None:
    configure_process()
    rows = []
    for case in CASES:
        rows.append(measure(*case))
        print(rows[-1], flush=True)
    print(write("checkpoints", interval_s=INTERVAL, rows=rows))


if __name__ == "__main__":
    main()
