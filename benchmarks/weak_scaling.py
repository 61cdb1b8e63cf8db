"""Do more devices, each with as much to do, come to the same numbers?

Run: python benchmarks/weak_scaling.py  (about 6 minutes on two cores)

Devices are simulated on the cores of this machine, so times say nothing of accelerators: what is
checked is correctness. `members`: 1, 2, 4 and 8 devices with a member each; member 0 must come to
what it comes to alone. `batch`: the devices share one member's batch, 8 sequences each; it must
come to what one device makes of the same batch. `states`: so with its state spread over them, too.
`difference` is the largest relative one over held-out and online losses and KLs at all record
points. Writes results/weak_scaling.json, and ends with status 1 where a difference is above 1e-4.
"""

import dataclasses
import json
import os
import subprocess
import sys
from typing import Any

import jax
import numpy as np
from result import write
from stepping import job_of

from epiplexity_jax.families import Transformer
from epiplexity_jax.families.spec import Size
from epiplexity_jax.sources import Markov
from epiplexity_jax.training.cohort import train_cohort
from epiplexity_jax.training.devices import start_devices
from epiplexity_jax.training.job import CohortJob
from epiplexity_jax.training.requential import RequentialMethod
from epiplexity_jax.training.sharding import member_mesh

DEVICES, EACH, STEPS, ALLOWED = (1, 2, 4, 8), 8, 60, 1e-4
WAYS = ("members", "batch", "states")
COLUMNS = ("heldout_loss_nats", "online_loss_sum_nats", "student_loss_sum_nats", "kl_sum_nats")


def cohort(way: str, devices: int) -> CohortJob:
    """What so many devices train."""
    members, batch = (devices, EACH) if way == "members" else (1, EACH * devices)
    source, size = Markov(vocab_size=16, length=32), Size(width=32, depth=1)
    method = RequentialMethod()
    job = job_of(source, Transformer(), size, batch, EACH, method, members=members, steps=STEPS)
    return dataclasses.replace(job, spreads=way == "states")


def trained(way: str, devices: int, over: int) -> dict[str, Any]:
    """Numbers of member 0 of what so many devices would train, trained over some."""
    job = cohort(way, devices)
    if over == 1:
        job = dataclasses.replace(job, members=job.members[:1], spreads=False)
    mesh = member_mesh(jax.devices()[:over], 1 if way == "members" else over)
    first, *_ = train_cohort(job, mesh)
    return {name: list(first.history[name]) for name in COLUMNS}


def compared(way: str, devices: int) -> dict[str, Any]:
    """A row, measured in a process with so many devices."""
    start_devices(shares=True)
    many, one = trained(way, devices, devices), trained(way, devices, 1)
    # KLs are compared on the scale of the losses that they are differences of.
    scales = {name: "student_loss_sum_nats" if name == "kl_sum_nats" else name for name in COLUMNS}
    difference = max(
        float(np.max(np.abs(np.subtract(many[name][1:], one[name][1:])) / one[scale][1:]))
        for name, scale in scales.items()
    )
    return {
        "way": way,
        "devices": devices,
        "record_points": len(one["heldout_loss_nats"]),
        "difference": difference,
    }


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(compared(sys.argv[1], int(sys.argv[2]))))
        return
    rows = []
    for way in WAYS:
        for devices in DEVICES[way != "members" :]:
            done = subprocess.run(
                [sys.executable, __file__, way, str(devices)],
                env=os.environ | {"JAX_NUM_CPU_DEVICES": str(devices), "JAX_PLATFORMS": "cpu"},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            rows.append(json.loads(done.stdout))
            print(rows[-1], flush=True)
    print(write("weak_scaling", allowed=ALLOWED, rows=rows))
    wrong = [row for row in rows if row["difference"] > ALLOWED]
    if wrong:
        sys.exit(f"numbers differ: {wrong}")


if __name__ == "__main__":
    main()
