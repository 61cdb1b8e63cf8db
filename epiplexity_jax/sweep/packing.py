"""Which runs train at once, and on how many devices: cohorts of equal shapes, packed into waves."""

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.words import memory
from epiplexity_jax.sweep.config import Requential
from epiplexity_jax.sweep.plan import Plan, Run

_MOST_MEMBERS = 64  # of a device; more do not fill it better
_USABLE = 0.8  # of a device's memory; activations and data take the rest
# Arrays as large as the parameters: weights, their average, two moments, and a gradient.
_COPIES, _TAUGHT_COPIES = 5, 9


@dataclass(frozen=True)
class Machine:
    """What a sweep trains on.

    Attributes:
        devices: of all processes.
        on_cpu: whether they are cores.
        memory_bytes: of one device; None where it is not known.
    """

    devices: int
    on_cpu: bool
    memory_bytes: int | None = None

    @classmethod
    def of(cls, devices: Sequence[Any]) -> "Machine":
        """What these devices are."""
        on_cpu = devices[0].platform == "cpu"
        return cls(len(devices), on_cpu, _memory_of(devices[0], on_cpu))


@dataclass(frozen=True)
class Wave:
    """Runs of one cohort that train at once.

    Attributes:
        runs: its members.
        slots: members that the devices hold, >= those there are.
        data: devices that share a member's batch.
        spreads: whether they share its parameters and optimiser state, too.
    """

    runs: tuple[Run, ...]
    slots: int
    data: int = 1
    spreads: bool = False


def pack(plan: Plan, todo: Sequence[Run], machine: Machine) -> list[Wave]:
    """Pack runs into cohorts of equal shapes and cohorts into waves, largest first.

    Members are spread over the devices first. Where the plan has fewer members of a shape than
    there are accelerators, these share a batch; where a member does not fit one, its state as well.
    The plan decides and not what is left of it, so a sweep that is resumed trains as before.

    Raises:
        ConfigError: when a model fits no number of these devices, or they cannot be divided so.
    """
    every = Counter(run.cohort for run in plan.runs)
    cohorts: dict[Any, list[Run]] = {}
    for run in todo:
        cohorts.setdefault(run.cohort, []).append(run)
    waves = []
    for cohort, runs in cohorts.items():
        data, spreads = _shared(plan, runs[0], every[cohort], machine)
        at_once = machine.devices // data  # groups of devices that train a member each
        most = _members_per_device(plan, runs[0], machine, data if spreads else 1)
        size = at_once * min(most, math.ceil(len(runs) / at_once))
        for i in range(0, len(runs), size):
            part = tuple(runs[i : i + size])
            slots = math.ceil(len(part) / at_once) * at_once
            waves.append(Wave(part, slots, data, spreads))
    return sorted(waves, key=lambda w: -w.runs[0].cost.train_flops_per_token)


def state_bytes(plan: Plan, run: Run) -> int:
    """What a member's weights, averages, optimiser state and gradient take."""
    taught = isinstance(plan.sweep.estimator, Requential)
    return 4 * run.cost.params * (_TAUGHT_COPIES if taught else _COPIES)


def _logits_bytes(run: Run) -> int:
    """What the loss holds of a slice: its logits and their gradient, float32."""
    task = run.dataset.task
    return 2 * 4 * run.dataset.microbatch * task.label_tokens * task.vocab_size


def _shared(plan: Plan, run: Run, members: int, machine: Machine) -> tuple[int, bool]:
    """Devices that share a batch, and whether they share the state."""
    training = plan.sweep.training
    divisors = [n for n in range(1, machine.devices + 1) if machine.devices % n == 0]
    possible = [n for n in divisors if training.batch_size % n == 0]
    chosen = training.data_devices
    if chosen is not None:
        if chosen not in possible:
            raise ConfigError(
                f"training.data_devices: {chosen} does not divide {machine.devices} devices and "
                f"batches of {training.batch_size}; possible are {', '.join(map(str, possible))}"
            )
        possible = [chosen]
    idle = [n for n in possible if machine.devices // n >= members]
    # Cores share the machine's caches and threads: a member each is what they do best.
    usual = max(idle) if idle and not machine.on_cpu else possible[0]
    if training.shard_state and usual == 1:
        usual = possible[-1]
        if usual == 1:
            raise ConfigError(
                "training.shard_state: there are no devices that share a batch; leave it out"
            )
    needed, limit = state_bytes(plan, run), machine.memory_bytes
    if training.shard_state is False or limit is None or needed <= _USABLE * limit:
        return usual, bool(training.shard_state) and usual > 1
    fitting = [n for n in possible if n >= usual and needed / n <= _USABLE * limit]
    if not fitting:
        raise ConfigError(
            f"family: {run.size} needs {memory(needed)} for its state and the {machine.devices} "
            f"devices have {memory(limit)} each, of which {_USABLE:.0%} may be used; take smaller "
            "models or more devices"
        )
    return fitting[0], fitting[0] > 1


def _members_per_device(plan: Plan, run: Run, machine: Machine, shared_by: int) -> int:
    if plan.sweep.training.members_per_device is not None:
        return plan.sweep.training.members_per_device
    if machine.on_cpu:
        return 1
    if machine.memory_bytes is None:
        return _MOST_MEMBERS
    each = state_bytes(plan, run) + _logits_bytes(run)
    fitting = int(_USABLE * machine.memory_bytes * shared_by // each)
    return max(1, min(_MOST_MEMBERS, fitting))


def _memory_of(device: Any, on_cpu: bool) -> int | None:
    if on_cpu:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return whole // jax.local_device_count()
    return (device.memory_stats() or {}).get("bytes_limit")
