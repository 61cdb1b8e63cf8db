"""How much of a sweep's time is data, evaluation and host, in the configs of the project?

Run: python benchmarks/shares.py  (about 5 minutes on two cores)

Every cohort's step, data, record point and held-out set are timed by the same calibration as
`run --dry-run`; shares are of the seconds that all waves take, compiling left out. `host` is what
the training thread works while the devices do, in processor time, in the first steps of a wave,
which have more record points than later ones: on an accelerator nothing waits for it as long as it
is below 1, on a CPU it shares the cores with the training.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
from result import write

from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.runtime import devices
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.config_file import read_config
from epiplexity_jax.sweep.device_trainer import cohort_job
from epiplexity_jax.sweep.hardware import Hardware
from epiplexity_jax.sweep.plan import make_plan

ROOT = Path(__file__).parents[1]
HOST_STEPS = 300
TEXT = {"sources": {"text": {"kind": "python_stdlib"}}, "family": {"kind": "transformer"}}


def host_seconds(trainer: Any, wave: Any, cores: Any) -> float:
    """Processor seconds of the training thread, a step of all of a wave's members."""
    whole = cohort_job([trainer.runs[i] for i in wave.run_ids], wave)
    job = replace(whole, steps=min(HOST_STEPS, whole.steps))
    mesh = member_mesh(cores, wave.layout.data)
    train_cohort(job, mesh)  # compiles
    began = time.thread_time()
    train_cohort(job, mesh)
    return (time.thread_time() - began) / job.steps


def measure(name: str, config: Any) -> dict[str, Any]:
    """One row."""
    sweep = parse_sweep(config)
    cores = jax.devices()
    plan = make_plan(sweep, cores[0].platform)
    steps = sweep.training.steps
    taken: dict[Any, Any] = {}
    total = data = records = heldout = host = 0.0
    trainer = plan.trainer
    for wave in trainer.waves(plan.runs, {}, Hardware.of(cores)):
        key = trainer.runs[wave.run_ids[0]].cohort
        if key not in taken:
            taken[key] = trainer.time(wave, cores), host_seconds(trainer, wave, cores)
        found, own = taken[key]
        total += found.wave_seconds(steps)
        data += steps * found.data_seconds
        records += found.records_seconds(steps)
        heldout += found.heldout_seconds
        host += steps * own
    row = {
        "config": name,
        "seconds": round(total, 1),
        "data_share": round(data / total, 4),
        "evaluation_share": round((records + heldout) / total, 4),
        "of_which_record_points": round(records / total, 4),
        "host_share": round(host / total, 4),
    }
    print(row, flush=True)
    return row


def main() -> None:
    devices.one_device_per_core()
    devices.cache_compilations()
    rows = [measure("defaults, text", TEXT)]
    rows += [
        measure(f"configs/{path.name}", read_config(path, []))
        for path in sorted((ROOT / "configs").glob("*.yaml"))
    ]
    print(write("shares", rows=rows))


if __name__ == "__main__":
    main()
