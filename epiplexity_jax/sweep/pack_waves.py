"""Pack runs into waves: which train at once, and on how many devices."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.engine.microbatch import divisors
from epiplexity_jax.sweep.fit_memory import MemoryFit, MemoryPlanner
from epiplexity_jax.sweep.hardware import DeviceLayout
from epiplexity_jax.sweep.run_spec import RunSpec
from epiplexity_jax.sweep.wave import Wave

_MOST_MEMBERS = 64  # of a device; more do not fill it better


def pack(planner: MemoryPlanner, todo: Sequence[RunSpec]) -> list[Wave]:
    """Pack runs into cohorts of equal shapes and cohorts into waves, largest first.

    Members are spread over the devices first. Where the sweep has fewer members of a shape than
    there are accelerators, these share a batch. A member that does not fit one is cut into smaller
    microbatches, then rematerialised; where that is not enough, devices share its state as well.
    The whole sweep decides and not what is left of it, so a resumed sweep trains as before.

    Raises:
        ConfigError: when a model fits no number of these devices, or they cannot be divided so.
    """
    every = Counter(run.cohort for run in planner.runs.values())
    cohorts: dict[Any, list[RunSpec]] = {}
    for run in todo:
        cohorts.setdefault(run.cohort, []).append(run)
    waves = []
    for cohort, runs in cohorts.items():
        layout, fit = _laid_out(planner, runs[0], every[cohort])
        groups = planner.hardware.count // layout.data  # of devices that train members together
        most = _members_per_device(planner, fit)
        size = groups * min(most, math.ceil(len(runs) / groups))
        for i in range(0, len(runs), size):
            part = runs[i : i + size]
            each = math.ceil(len(part) / groups)
            held = fit.memory_bytes and fit.memory_bytes * each // layout.members
            waves.append(
                Wave(
                    run_ids=tuple(run.run_id for run in part),
                    iterations=part[0].iterations,
                    slots=each * groups,
                    layout=layout._replace(members=each),
                    fit=fit._replace(memory_bytes=held),
                )
            )
    cost = {run.run_id: run.cost.train_flops_per_token for run in todo}
    return sorted(waves, key=lambda wave: -cost[wave.run_ids[0]])


def _laid_out(planner: MemoryPlanner, run: RunSpec, members: int) -> tuple[DeviceLayout, MemoryFit]:
    """Choose what devices share, and how a member is cut to fit: as little as possible of both."""
    options = planner.options
    possible, usual = _possible(planner, run.batch_size, members)
    forced = bool(options.shard_state) and usual > 1
    at_once = options.members_per_device or 1
    layouts = [DeviceLayout(usual, forced, at_once)]
    if options.shard_state is not False:
        layouts += [DeviceLayout(n, True, at_once) for n in possible if n >= max(usual, 2)]
    for layout in layouts:
        fit = planner.largest_fit(run, layout)
        if fit is not None:
            return layout, fit
    raise planner.does_not_fit_error(run, layouts[-1])


def _possible(planner: MemoryPlanner, batch_size: int, members: int) -> tuple[list[int], int]:
    """List numbers of devices that may share a batch, and the one to take if memory suffices."""
    options, hardware = planner.options, planner.hardware
    possible = [n for n in divisors(hardware.count) if batch_size % n == 0]
    chosen = options.data_devices
    if chosen is not None:
        if chosen not in possible:
            raise ConfigError(
                f"training.data_devices: {chosen} does not divide {hardware.count} devices and "
                f"batches of {batch_size}; possible are {', '.join(map(str, possible))}"
            )
        possible = [chosen]
    idle = [n for n in possible if hardware.count // n >= members]
    # Cores share the machine's caches and threads: a member each is what they do best.
    usual = max(idle) if idle and not hardware.on_cpu else possible[0]
    if options.shard_state and usual == 1:
        usual = possible[-1]
        if usual == 1:
            raise ConfigError(
                "training.shard_state: there are no devices that share a batch; leave it out"
            )
    return possible, usual


def _members_per_device(planner: MemoryPlanner, fit: MemoryFit) -> int:
    """Choose how many members a device trains at once: as many as fit, on a CPU one."""
    if planner.options.members_per_device is not None:
        return planner.options.members_per_device
    if planner.hardware.on_cpu:
        return 1
    if fit.memory_bytes is None:
        return _MOST_MEMBERS
    return max(1, int(min(_MOST_MEMBERS, planner.hardware.usable_bytes // fit.memory_bytes)))
