"""How much of a sweep's time is data and evaluation, in the configs that come with the project?

Run: python benchmarks/shares.py  (about 3 minutes on two cores)

Every cohort's step, data, record point and held-out set are timed by the same calibration as
`run --dry-run`; shares are of the seconds that all waves take, compiling left out.
"""

from pathlib import Path
from typing import Any

import jax
from result import write

from epiplexity_jax.coding import record_points
from epiplexity_jax.sweep.calibration import calibrate
from epiplexity_jax.sweep.config import parse_sweep
from epiplexity_jax.sweep.files import read_config
from epiplexity_jax.sweep.fitting import Machine
from epiplexity_jax.sweep.packing import pack
from epiplexity_jax.sweep.plan import make_plan
from epiplexity_jax.training import devices

ROOT = Path(__file__).parents[1]
TEXT = {"sources": {"text": {"kind": "python_stdlib"}}, "family": {"kind": "transformer"}}


def measure(name: str, config: Any) -> dict[str, Any]:
    """One row."""
    sweep = parse_sweep(config)
    cores = jax.devices()
    plan = make_plan(sweep, on_cpu=cores[0].platform == "cpu")
    steps = sweep.training.steps
    taken: dict[Any, Any] = {}
    total = data = records = heldout = 0.0
    for wave in pack(plan, plan.runs, Machine.of(cores)):
        key = wave.runs[0].cohort
        if key not in taken:
            taken[key] = calibrate(plan, wave, cores)
        found = taken[key]
        total += found.wave_seconds(steps)
        data += steps * found.data_seconds
        records += (len(record_points(steps)) - 1) * found.record_seconds
        heldout += found.heldout_seconds
    row = {
        "config": name,
        "seconds": round(total, 1),
        "data_share": round(data / total, 4),
        "evaluation_share": round((records + heldout) / total, 4),
        "of_which_record_points": round(records / total, 4),
    }
    print(row, flush=True)
    return row


def main() -> None:
    devices.use_every_core()
    devices.cache_compilations()
    rows = [measure("defaults, text", TEXT)]
    rows += [
        measure(f"configs/{path.name}", read_config(path, []))
        for path in sorted((ROOT / "configs").glob("*.yaml"))
    ]
    print(write("shares", rows=rows))


if __name__ == "__main__":
    main()
