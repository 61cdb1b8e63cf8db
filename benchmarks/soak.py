"""Does a sweep that is killed at random moments end with the numbers of an undisturbed one?

Run: python benchmarks/soak.py [TRIALS] [SEED]  (20 trials: about 8 minutes on two cores)

A sweep with a checkpoint every second is killed two to four times, by SIGKILL or SIGTERM, each time
after a random while; then the same command runs to its end. Its tables must equal those of the
sweep that was left alone, in every digit. Writes results/soak.json, and ends with status 1 at the
first difference.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from result import write

CONFIG = {
    "sources": {"chain": {"kind": "markov", "vocab_size": 8, "length": 32}},
    "family": {"kind": "transformer", "widths": [16, 32], "depths": [1], "seeds": 2},
    "recipe": "fixed",
    "training": {"steps": 600, "batch_size": 32, "warmup_steps": 20},
    "heldout": {"tokens": 20_000},
    "checkpoints": {"minutes": 1 / 60},
    "frontier": {"test_tokens": 1e7},
}
VARYING = {"wall_seconds", "created", "devices"}
LONGEST = 14.0  # seconds until a kill; about as long as the sweep takes


def command(config: Path, store: Path) -> list[str]:
    program = [sys.executable, "-m", "epiplexity_jax", "run", str(config)]
    return [*program, "--store", str(store), "--no-figure", "--json"]


def tables(config: Path, store: Path) -> Any:
    """Run to the end: what `run` and `runs` print, without what differs between any two runs."""
    done = subprocess.run(command(config, store), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{store}: {done.stderr}")
    listed = subprocess.run(
        [sys.executable, "-m", "epiplexity_jax", "runs", str(store), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [
        {k: v for k, v in row.items() if k not in VARYING}
        for row in json.loads(listed.stdout)["runs"]
    ]
    return json.loads(done.stdout)["frontier"], rows


def disturb(config: Path, store: Path, chance: random.Random) -> dict[str, Any]:
    """Kill a sweep once; how, when, and what it left."""
    how = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
    after = chance.uniform(1.0, LONGEST)
    process = subprocess.Popen(
        command(config, store),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(how)
        process.wait()
    return {
        "signal": how.name,
        "after_s": round(after, 2),
        "status": process.returncode,
        "finished_runs": len(list(store.glob("histories/*.parquet"))),
        "checkpoints": len(list(store.glob("checkpoints/wave-*/*/checksum.json"))),
    }


def main() -> None:
    trials, seed = [*map(int, sys.argv[1:]), *(20, 0)[len(sys.argv) - 1 :]]
    chance, rows = random.Random(seed), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
        began = time.monotonic()
        wanted = tables(config, folder / "whole")
        print(f"undisturbed: {time.monotonic() - began:.1f} s", flush=True)
        for trial in range(trials):
            store = folder / f"trial{trial}"
            kills = [disturb(config, store, chance) for _ in range(chance.randint(2, 4))]
            same = tables(config, store) == wanted
            rows.append({"trial": trial, "same": same, "kills": kills})
            print(rows[-1], flush=True)
            if not same:
                sys.exit(1)
    in_training = sum(kill["checkpoints"] > 0 for row in rows for kill in row["kills"])
    print(write("soak", seed=seed, trials=trials, kills_in_training=in_training, rows=rows))


if __name__ == "__main__":
    main()
