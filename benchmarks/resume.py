"""Does a large model that is killed in training go on exactly, and what does keeping it cost?

Run: make bench-gpu  (or: python benchmarks/resume.py [--tiny])

A transformer of 160M parameters at length 512 in bfloat16 trains on noise with a checkpoint every
minute: once to its end, and once killed by SIGKILL behind its first checkpoint and started again.
Both must come to the same tables, in every digit. `went_on_from` is the step that was kept;
`checkpoint_mib` what it takes on the disk. `--tiny` shrinks the model, to see that it runs, and
writes nothing. Writes results/resume.json, and ends with status 1 where the tables differ.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from result import write
from soak import command, tables

LARGE = {"width": 1024, "depth": 12, "length": 512, "vocabulary": 4096, "batch": 32, "steps": 2000}
TINY = {"width": 16, "depth": 1, "length": 16, "vocabulary": 64, "batch": 4, "steps": 4000}


def config(size: dict[str, int], minutes: float) -> dict[str, Any]:
    """A sweep of one run."""
    noise = {"kind": "noise", "vocab_size": size["vocabulary"], "length": size["length"]}
    family = {"kind": "transformer", "widths": [size["width"]], "depths": [size["depth"]]}
    training = {"steps": size["steps"], "batch_size": size["batch"], "compute_dtype": "bfloat16"}
    return {
        "sources": {"noise": noise},
        "family": family | {"seeds": 1},
        "training": training | {"keep_final_state": False},
        "heldout": {"tokens": 64 * size["length"]},
        "checkpoints": {"minutes": minutes, "keep": 1},
        "frontier": {"test_tokens": 1e7},
    }


def killed(file: Path, store: Path) -> dict[str, Any]:
    """Train until something is kept, and kill the process."""
    process = subprocess.Popen(
        command(file, store), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (kept := list(store.glob("checkpoints/wave-*/*/checksum.json"))):
        if process.poll() is not None:
            sys.exit(f"ended with status {process.returncode} before anything was kept")
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder = kept[0].parent
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {"went_on_from": int(folder.name), "checkpoint_mib": round(size / 2**20, 1)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true")
    tiny = parser.parse_args().tiny
    size, minutes = (TINY, 1e-3) if tiny else (LARGE, 1.0)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "config.yaml"
        file.write_text(yaml.safe_dump(config(size, minutes)), encoding="utf-8")
        wanted = tables(file, Path(name) / "whole")
        row = killed(file, Path(name) / "killed") | {"steps": size["steps"]}
        same = tables(file, Path(name) / "killed") == wanted
        row |= {"same": same, "params": wanted[1][0]["params"], "tiny": tiny}
    print(row)
    if not tiny:
        print(write("resume", **row))
    if not same:
        sys.exit("the tables differ")


if __name__ == "__main__":
    main()
