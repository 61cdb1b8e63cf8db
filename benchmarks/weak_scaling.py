"""Do more devices, each with as much to do, come to the same numbers?

Run: python benchmarks/weak_scaling.py  (about 12 minutes on two cores)

Devices are simulated on the cores of this machine, so times say nothing of accelerators: what is
checked is correctness. `members`: 1, 2, 4 and 8 devices with a member each; member 0 must come to
what it comes to alone. `batch`: the devices share one member's batch, 8 sequences each; it must
come to what one device makes of the same batch. `states`: so with its state spread over them, too.
`difference` is the largest relative one over held-out and online losses and KLs at all record
points of 60 steps. `long`: how rounding, which is all that differs, grows with training, a member
on one device and on one of two. Writes results/weak_scaling.json, and ends with status 1 where a
difference of the short runs is above 1e-4.
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

from epiplexity_jax.engine.cohort_spec import CohortJob
from epiplexity_jax.engine.sharding import member_mesh
from epiplexity_jax.engine.train_cohort import train_cohort
from epiplexity_jax.estimators.requential import RequentialMethod
from epiplexity_jax.families import Transformer
from epiplexity_jax.families.spec import Size
from epiplexity_jax.runtime.devices import start_task_devices
from epiplexity_jax.sources import Markov

DEVICES, EACH, STEPS, ALLOWED = (1, 2, 4, 8), 8, 60, 1e-4
WAYS, LONG = ("members", "batch", "states"), (60, 600, 6000)
COLUMNS = ("heldout_loss_nats", "online_loss_sum_nats", "student_loss_sum_nats", "kl_sum_nats")


def cohort(way: str, devices: int, steps: int = STEPS) -> CohortJob:
    """What so many devices train."""
    members, batch = (devices, EACH) if way == "members" else (1, EACH * devices)
    source, size = Markov(vocab_size=16, length=32), Size.of(width=32, depth=1)
    method = RequentialMethod()
    job = job_of(source, Transformer(), size, batch, EACH, method, members=members, steps=steps)
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
    start_task_devices(None, shares=True)
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


def grown(steps: int) -> dict[str, Any]:
    """How far apart a member is after so many steps on one device and on one of two."""
    start_task_devices(None, shares=True)
    job = cohort("members", 2, steps)
    two, one = (train_cohort(job, member_mesh(jax.devices()[:n]))[0].history for n in (2, 1))
    apart = {name: np.abs(two[name] - one[name]) for name in COLUMNS}
    return {
        "steps": steps,
        "heldout": float(np.max(apart["heldout_loss_nats"] / one["heldout_loss_nats"])),
        "heldout_in_errors": float(
            np.max(apart["heldout_loss_nats"][1:] / one["heldout_loss_stderr"][1:])
        ),
        "online_sum": float(apart["online_loss_sum_nats"][-1] / one["online_loss_sum_nats"][-1]),
        "kl_sum": float(apart["kl_sum_nats"][-1] / one["kl_sum_nats"][-1]),
    }


def measured(*words: Any, devices: int) -> dict[str, Any]:
    """A row, in a process with so many devices."""
    done = subprocess.run(
        [sys.executable, __file__, *map(str, words)],
        env=os.environ | {"JAX_NUM_CPU_DEVICES": str(devices), "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    row = json.loads(done.stdout)
    print(row, flush=True)
    return row


def main() -> None:
    if len(sys.argv) > 1:
        way, number = sys.argv[1], int(sys.argv[2])
        print(json.dumps(grown(number) if way == "long" else compared(way, number)))
        return
    rows = [
        measured(way, devices, devices=devices)
        for way in WAYS
        for devices in DEVICES[way != "members" :]
    ]
    long = [measured("long", steps, devices=2) for steps in LONG]
    print(write("weak_scaling", allowed=ALLOWED, steps=STEPS, rows=rows, long=long))
    wrong = [row for row in rows if row["difference"] > ALLOWED]
    if wrong:
        sys.exit(f"numbers differ: {wrong}")


if __name__ == "__main__":
    main()
